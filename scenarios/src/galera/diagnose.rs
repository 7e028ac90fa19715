//! A Galera cluster outside of the lab: what to gather of its nodes, and how to read it.

use reenact::{
    diagnosable,
    diagnose::{Advice, Case, Gathered, Precondition, Section, Standing, System},
    probe::{Answer, Signal, Tried},
};

use super::{
    PORTS,
    detectors::{
        EVICTED_NODE, INCONSISTENT_NODE, MINORITY_PARTITION, NO_PRIMARY, NON_PRIMARY_WEDGE, SERVER_DOWN, STALLED_NODE,
        TWO_PRIMARIES, WRITE, WRITES_STALLED, ZOMBIE_NODE, files::SavedState,
    },
    implied::{implied, members},
    node,
};

diagnosable! {
    System {
        name: "galera",
        script: include_str!("look.sh"),
        write: include_str!("write.sh"),
        words: &[
            "WSREP", "[Galera]", "[ERROR]", "view (", "joined {", "as process ", "Aborting", ": Terminated.", "got signal ",
            "ormal shutdown", "Received SHUTDOWN", "hutdown complete", "ready for connections",
        ],
        prefix: |_| None,
        recognise,
        parts: |_, _| Vec::new(),
        read,
        implied,
        needs: &[
            ("/non_primary_wedge", &["log", "ports"]),
            ("/minority_partition", &["sql:status"]),
            ("/stalled_node", &["sql:status", "ports"]),
            ("/evicted_node", &["sql:status", "ports"]),
            ("/inconsistent_node", &["sql:status"]),
            ("/zombie_node", &["sql:status", "ports"]),
            ("/no_primary", &["sql:status"]),
            ("/two_primaries", &["sql:status"]),
            ("/server_down", &["processes"]),
        ],
        commands: &[
            ("sql:status", "mariadb -NBe \"SHOW GLOBAL STATUS LIKE 'wsrep%'\", as root on each node"),
            ("processes", "ps -eo args on each node"),
            ("ports", "ss -ltn on each node"),
            ("a synthetic write", "reenact diagnose --write --for 30s, with the table that docs/diagnose.md tells of"),
            ("no write was ever tried", "reenact diagnose --write --for 30s, with the table that docs/diagnose.md tells of"),
            ("log", "tail -c 64000000 /var/log/mysql/error.log, or journalctl -u mariadb, on each node"),
        ],
        rank,
        contradictions,
        advice: ADVICE,
    }
}

/// Section names of a node's state files, where they are by default.
const STATE: [(&str, &str); 3] = [
    ("grastate.dat", "file /var/lib/mysql/grastate.dat"),
    ("gvwstate.dat", "file /var/lib/mysql/gvwstate.dat"),
    ("sst_in_progress", "file /var/lib/mysql/sst_in_progress"),
];

fn recognise(name: &str, head: &str) -> Option<&'static str> {
    let base = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    if let Some((_, section)) = STATE.iter().find(|(file, _)| base.contains(file)) {
        return Some(section);
    }
    if head.contains("# GALERA saved state") {
        return Some(STATE[0].1);
    }
    if head.contains("my_uuid: ") && head.contains("view_id: ") {
        return Some(STATE[1].1);
    }
    if head.contains("wsrep_cluster_st") || head.contains("wsrep_local_state") || head.starts_with("wsrep_") {
        return Some("status");
    }
    let is_named = ["mysql", "mariadb", ".err", "error.log", "pxc"].iter().any(|word| base.contains(word));
    let says = ["WSREP", "[Galera]", "mariadbd", "mysqld"].iter().any(|word| head.contains(word));
    let is_list = head.lines().next().is_some_and(|first| first.contains("COMMAND") || first.contains("CMD"));
    ((is_named || says) && !is_list).then_some("log")
}

fn read(node: &Gathered) -> Vec<Signal> {
    let status = node.answer("status", answer).map(|answer| Signal::Query { of: "sql:status".into(), answer });
    let write = node.section("write").and_then(written).map(|answer| Signal::Query { of: WRITE.into(), answer });
    let asked = status.into_iter().chain(write);
    node.files().chain(node.ports(&PORTS)).chain(node.processes()).chain(node.machine()).chain(asked).collect()
}

/// What the client printed: rows, a table, or why there are none.
fn answer(text: &str) -> Option<Answer> {
    let rows = text.lines().filter_map(|line| {
        let mut fields = line.split(['\t', '|']).map(str::trim).filter(|field| !field.is_empty());
        let name = fields.next().filter(|name| name.starts_with("wsrep_"))?;
        Some((name, fields.next().unwrap_or_default()))
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        return Some(rows.into_iter().collect());
    }
    let error = text.lines().find(|line| line.starts_with("ERROR "))?;
    let code = error.trim_start_matches("ERROR ").split([' ', ':']).next().unwrap_or_default();
    Some(match code {
        // CR_CONNECTION_ERROR and CR_CONN_HOST_ERROR: nobody listens.
        "2002" | "2003" => Answer::Refused,
        code => Answer::Error { code: code.into(), text: error.into() },
    })
}

/// What came of a synthetic write; one that was ended after ten seconds hangs on at the server.
fn written(section: &Section) -> Option<Answer> {
    let tried = |done, ms, waits_for: &str| Answer::of(&Tried { done, ms, waits_for: waits_for.into() });
    let mut waits = section.text.trim().strip_prefix("waits|").into_iter().flat_map(|rest| rest.splitn(2, '|'));
    match (waits.next().and_then(|seconds| seconds.parse::<u64>().ok()), waits.next()) {
        (Some(seconds), state) => Some(tried(false, seconds.saturating_mul(1000), state.unwrap_or_default())),
        _ if section.timed_out() => Some(tried(false, 10_000, "an answer")),
        _ if section.text.trim() == "done" => Some(tried(true, 0, "")),
        _ => answer(&section.text),
    }
}

/// Where a node is in its cluster's history, as far as it shows without asking a stuck server.
fn rank(gathered: &[Gathered], _: &Case) -> Vec<Standing> {
    let mut all: Vec<_> = gathered.iter().filter(|node| node.unreachable.is_none()).map(standing).collect();
    // Of several looks at a node, the last one counts.
    all.reverse();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|standing: &Standing| seen.insert(standing.node.clone()));
    all.sort_by_key(|standing| (std::cmp::Reverse(standing.position), standing.node.clone()));
    all
}

fn standing(node: &Gathered) -> Standing {
    let saved = node.sections.keys().find(|name| name.ends_with("/grastate.dat")).and_then(|name| node.text(name));
    let state = saved.and_then(SavedState::parse);
    let history = |text: &str| text.lines().find_map(|line| line.strip_prefix("uuid:")).map(|id| id.trim().to_owned());
    let committed = node.answer("status", answer).and_then(|status| status.get("wsrep_last_committed")?.parse().ok());
    let recovered = node.log.iter().rev().find_map(|line| recovered(&line.text));
    let is_safe = state.as_ref().is_some_and(|state| state.safe_to_bootstrap);
    let (position, id, how) = match (committed, state, recovered) {
        (Some(committed), ..) if committed >= 0 => {
            (Some(committed), saved.and_then(history), "by wsrep_last_committed")
        }
        (_, Some(state), _) if state.seqno >= 0 => (Some(state.seqno), saved.and_then(history), "by grastate.dat"),
        (.., Some((id, seqno))) => (Some(seqno), Some(id), "recovered at its last start, by its log"),
        _ => (None, None, "no position is known: mariadbd --wsrep-recover beside a stopped server would tell"),
    };
    let seqno = position.map(|seqno| format!("seqno {seqno} ")).unwrap_or_default();
    let of = id.map(|id| format!("of {id}, ")).unwrap_or_default();
    let safe = if is_safe { "; safe_to_bootstrap: 1, it was the last to leave" } else { "" };
    Standing { node: node.node.clone(), holds: format!("{seqno}{of}{how}{safe}"), position }
}

/// `WSREP: Recovered position 746e46f3-…:20626756`
fn recovered(line: &str) -> Option<(String, i64)> {
    let (_, position) = line.split_once("Recovered position")?;
    let (id, seqno) = position.trim_start_matches(':').trim().rsplit_once(':')?;
    Some((id.to_owned(), seqno.trim().parse().ok().filter(|seqno| *seqno >= 0)?))
}

const REACHED: Precondition = Precondition {
    what: "every node was looked at: one that is missing may hold the most",
    met: |gathered, case| {
        match case.looked_at_all(gathered) {
            Some(_) if gathered.iter().any(|node| members(&node.log) > count(gathered)) => Some(false),
            looked => looked,
        }
        .into()
    },
};

/// How many nodes.
fn count(gathered: &[Gathered]) -> usize {
    gathered.iter().map(|node| &node.node).collect::<std::collections::BTreeSet<_>>().len()
}

const NOBODY_IS_PRIMARY: Precondition = Precondition {
    what: "no node is in a primary component: beside one a bootstrap makes a second cluster",
    met: |_, case| {
        let answers: Vec<_> = statuses(case).collect();
        (!answers.is_empty()).then(|| !answers.into_iter().any(node::is_primary)).into()
    },
};

const POSITIONS: Precondition = Precondition {
    what: "every node's position is known",
    met: |gathered, case| {
        let all = rank(gathered, case);
        Some(!all.is_empty() && all.iter().all(|standing| standing.position.is_some())).filter(|met| *met).into()
    },
};

const ONE_HISTORY: Precondition = Precondition {
    what: "all positions are of one history: else the numbers do not compare",
    met: |gathered, _| {
        let history = |node: &Gathered| {
            let name = node.sections.keys().find(|name| name.ends_with("/grastate.dat"))?;
            let id = node.text(name)?.lines().find_map(|line| line.strip_prefix("uuid:"))?.trim().to_owned();
            Some(id).filter(|id| id.chars().any(|digit| !matches!(digit, '0' | '-')))
        };
        let all: std::collections::BTreeSet<_> = gathered.iter().filter_map(history).collect();
        (!all.is_empty()).then_some(all.len() == 1).into()
    },
};

/// What the nodes last answered for themselves.
fn statuses(case: &Case) -> impl Iterator<Item = &Answer> {
    case.answers("sql:status").map(|(.., answer)| answer)
}

/// Primary components that exclude each other, and members that count differently.
fn contradictions(_: &[Gathered], case: &Case) -> Vec<String> {
    let told: Vec<_> = case.answers("sql:status").filter(|(.., answer)| node::is_primary(answer)).collect();
    let mut all = Vec::new();
    for (at, (one, _, own)) in told.iter().enumerate() {
        for (other, _, theirs) in &told[at + 1..] {
            for (name, what) in [
                ("wsrep_cluster_state_uuid", "histories"),
                ("wsrep_cluster_conf_id", "views"),
                ("wsrep_cluster_size", "sizes"),
            ] {
                if let (Some(left), Some(right)) = (own.get(name), theirs.get(name))
                    && left != right
                {
                    all.push(format!(
                        "{one} and {other} each say Primary, of different {what}: {name} {left} and {right}"
                    ));
                    break;
                }
            }
        }
    }
    all
}

const HANGS: &[&str] = &[
    "See why it hangs: `ps -o stat,wchan -C mariadbd` (T: stopped, D: it waits for a disk), the disk's room, a paused machine.",
    "Mend that, or resume it (`kill -CONT`). The others evict it some five seconds after it went silent, and go on without it.",
    "Evicted, it joins again by itself once it runs. If it never does, end it by SIGKILL and start it.",
];

const BOOTSTRAP_BESIDE: (&str, &str) =
    ("bootstrap another node", "the others are primary: a second cluster (galera::two_primaries)");

/// Figures are those of docs/figures.md.
const ADVICE: &[Advice] = &[
    Advice {
        detector: NON_PRIMARY_WEDGE,
        runbook: "bootstrap_most_advanced",
        steps: &[
            "See to it that nothing starts a server meanwhile: stop the supervisor's watch on it.",
            "Read each node's position: `mariadbd --wsrep-recover`, or the list below. The one with the highest seqno is the \
             first.",
            "End every server for certain: one that waits for a primary component does not heed SIGTERM.",
            "On the first node set safe_to_bootstrap: 1 in grastate.dat, and start it with galera_new_cluster.",
            "Once it is Primary, start the others one by one. Each must become Synced before the next.",
            "Compare contents, node with node: a status shows nothing of what differs.",
        ],
        preconditions: &[REACHED, NOBODY_IS_PRIMARY, POSITIONS, ONE_HISTORY],
        wrong: &[
            (
                "bootstrap a node that is behind",
                "1,776 of 23,484 acknowledged writes were lost in 20 re-enactments, and every status looked healthy \
                 (galera::wrong_bootstrap)",
            ),
            ("restart one node, or all in turn", "of no use: they meet again and wait as before"),
            ("wait", "no timeout ends it"),
        ],
    },
    Advice {
        detector: MINORITY_PARTITION,
        runbook: "none: it comes back by itself",
        steps: &["Mend the network. The node joins again when it reaches the others."],
        preconditions: &[],
        wrong: &[(
            "bootstrap the node that is cut off, or set pc.bootstrap on it",
            "two clusters take writes, and stay apart when the network is back: writes are lost whichever side is kept \
             (galera::two_primaries)",
        )],
    },
    Advice {
        detector: NO_PRIMARY,
        runbook: "pc_bootstrap_survivors",
        steps: &[
            "Make sure that the nodes which do not answer are gone for good, or switch them on and wait for them first.",
            "On one of those that answer: SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'.",
        ],
        preconditions: &[REACHED, NOBODY_IS_PRIMARY, ONE_HISTORY],
        wrong: &[("pc.bootstrap while others serve behind a cut", "a second cluster (galera::two_primaries)")],
    },
    Advice {
        detector: TWO_PRIMARIES,
        runbook: "none",
        steps: &[
            "Stop writes on one side at once: each write makes the loss larger.",
            "Choose the side to keep by what it holds, save the other one's data, and let its nodes join as new ones.",
        ],
        preconditions: &[],
        wrong: &[("heal the network and wait", "they stay apart, and no error is logged")],
    },
    Advice {
        detector: INCONSISTENT_NODE,
        runbook: "bootstrap_most_advanced",
        steps: &["Keep a copy of its data, end its server, and let it join anew by a full state transfer."],
        preconditions: &[],
        wrong: &[("bootstrap from it", "its data are those that the others voted against")],
    },
    Advice {
        detector: ZOMBIE_NODE,
        runbook: "bootstrap_most_advanced",
        steps: &["End its server by SIGKILL, once the others are a quorum without it, and start it again."],
        preconditions: &[],
        wrong: &[("end it while it makes up the quorum", "the others lose their primary component")],
    },
    Advice {
        detector: STALLED_NODE,
        runbook: "none: it depends on what it waits for",
        steps: HANGS,
        preconditions: &[],
        wrong: &[BOOTSTRAP_BESIDE],
    },
    Advice {
        detector: EVICTED_NODE,
        runbook: "none: it depends on what it waits for",
        steps: HANGS,
        preconditions: &[],
        wrong: &[BOOTSTRAP_BESIDE],
    },
    Advice {
        detector: WRITES_STALLED,
        runbook: "end_read_lock",
        steps: &["On the node that holds the others up, end the session that keeps the lock, such as a backup's."],
        preconditions: &[],
        wrong: &[],
    },
    Advice {
        detector: SERVER_DOWN,
        runbook: "power_on, or bootstrap_most_advanced",
        steps: &[
            "Where its machine is off, power it on (power_on): what is wrong beside that shows then.",
            "Read why it ended: the line above.",
            "Where others are primary, start it, and it joins. Where nobody is, bootstrap the node with safe_to_bootstrap: 1, or \
             else the one that holds the most.",
        ],
        preconditions: &[REACHED],
        wrong: &[(
            "set safe_to_bootstrap: 1 on a node that was not the last to leave",
            "what the last one took alone is lost",
        )],
    },
];
