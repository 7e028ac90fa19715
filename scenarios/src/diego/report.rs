//! The marks of the report, and of its measured parts, by which etcd's incidents are known.

pub(super) mod consul;

use std::collections::{BTreeMap, BTreeSet};

use reenact::{
    fingerprint::{Fingerprint, latest, logged},
    probe::{Answer, Observation, Question, Signal},
};
use serde_json::Value;

use super::{BBSES, ETCDS, signals::Etcd, stories::orphan::ORPHANED};
use crate::answer::describe;

/// What is asked by hand, and of no probe.
pub(super) const STATE: &str = "by_hand:state";
pub(super) const HEALTH: &str = "by_hand:health";
pub(super) const READ: &str = "by_hand:read";
pub(super) const WRITE: &str = "by_hand:write";
pub(super) const WORD: &str = "by_hand:word";

/// How etcd's loss of its quorum shows, however it came about.
pub(super) const NO_QUORUM: &[Fingerprint] = &[WRITE_300, LOCAL_READ, HEALTH_FALSE, PING_LIES];
/// The same where no member sees another.
pub(super) const ALL_CUT_OFF: &[Fingerprint] = &[WRITE_300, LOCAL_READ, HEALTH_FALSE, PING_LIES, ALL_LEAD];

const WRITE_300: Fingerprint = Fingerprint {
    id: "write-300",
    report: "writes: HTTP 500 after 7 s, errorCode 300, etcdserver: request timed out",
    shows: |seen| said(seen, WRITE).any(|(_, answer)| is_timeout(answer)),
};

const LOCAL_READ: Fingerprint = Fingerprint {
    id: "local-read",
    report: "local reads stay 200",
    shows: |seen| said(seen, READ).any(|(_, answer)| matches!(answer, Answer::Values { .. })),
};

pub(super) const HEALTH_FALSE: Fingerprint = Fingerprint {
    id: "health-false",
    report: "/health is false",
    shows: |seen| said(seen, HEALTH).any(|(_, answer)| describe(answer).contains("false")),
};

/// The BBS says that it is there, and can list nothing.
pub(super) const PING_LIES: Fingerprint = Fingerprint {
    id: "ping-lies",
    report: "ping 200, every list fails",
    shows: |seen| BBSES.iter().any(|bbs| lies(seen, bbs)),
};

const ALL_LEAD: Fingerprint = Fingerprint {
    id: "all-lead",
    report: "under a full partition all three members say StateLeader",
    shows: |seen| {
        let leads = |(_, answer): &(&str, &Answer)| describe(answer).contains("StateLeader");
        said(seen, STATE).filter(leads).map(|(node, _)| node).collect::<BTreeSet<_>>().len() == ETCDS.len()
    },
};

/// A wiped follower under its old id.
pub(super) const TOCOMMIT: Fingerprint = Fingerprint {
    id: "tocommit",
    report: "crash loop, `tocommit(32) is out of range [lastIndex(0)]`",
    shows: |seen| logged(seen, &["tocommit(", "is out of range [lastIndex(0)]"]),
};

/// What each start says where another etcd runs.
pub(super) const PORT_TAKEN: Fingerprint = Fingerprint {
    id: "port_taken",
    report: "each new start dies with `listen tcp 0.0.0.0:7001: bind: address already in use`",
    shows: |seen| {
        let words = ["listen tcp 0.0.0.0:7001: bind: address already in use"];
        seen.iter().filter(|line| line.node == ORPHANED && line.is_log_with(&words)).count() >= 2
    },
};

/// What Diego's script did where no other member answered.
pub(super) const FOUNDS_ALONE: Fingerprint = Fingerprint {
    id: "founds_alone",
    report: "if `member list` fails, the control script starts with cluster_state=new, cluster=self",
    shows: |seen| {
        let alone = |line: &Observation| line.is_log_with(&[&format!("cluster_state=new cluster={}=http", line.node)]);
        seen.iter().any(alone)
    },
};

/// Each member is healthy, by itself.
pub(super) const THREE_LEADERS: Fingerprint = Fingerprint {
    id: "three_leaders",
    report: "three healthy leaders",
    shows: |seen| {
        let own = latest(seen, |signal| match signal {
            Signal::Query { of, answer } if of == Etcd::OF => answer.read::<Etcd>().ok(),
            _ => None,
        });
        let led = own.values().filter(|member| member.has_leader);
        led.map(|member| &member.cluster).collect::<BTreeSet<_>>().len() == ETCDS.len()
    },
};

/// Members hold other data at the same revision.
pub(super) const HASHES_DIFFER: Fingerprint = Fingerprint {
    id: "hashes_differ",
    report: "only `endpoint hashkv` shows it",
    shows: |seen| {
        let mut sums: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (_, answer) in said(seen, "etcd:hash") {
            if let (Some(revision), Some(hash)) = (answer.get("revision"), answer.get("hash")) {
                sums.entry((revision, answer.get("compacted"))).or_default().insert(hash);
            }
        }
        sums.values().any(|sums| sums.len() > 1)
    },
};

/// Members answer the same question with different values.
pub(super) const WRONG_DATA: Fingerprint = Fingerprint {
    id: "wrong_data",
    report: "silently wrong data",
    shows: |seen| said(seen, WORD).filter_map(|(_, answer)| answer.get("said")).collect::<BTreeSet<_>>().len() > 1,
};

/// Whether each of these nodes has logged these words at least that often.
pub(super) fn logged_on(seen: &[Observation], nodes: &[&str], words: &[&str], times: usize) -> bool {
    let count = |node: &str| seen.iter().filter(|line| line.node == node && line.is_log_with(words)).count();
    nodes.iter().all(|node| count(node) >= times)
}

/// Whether that member took a write.
pub(super) fn wrote(seen: &[Observation], by: &str) -> bool {
    said(seen, WRITE).any(|(node, answer)| node == by && matches!(answer, Answer::Values { .. }))
}

/// What that member last had in its own copy.
pub(super) fn read_by(seen: &[Observation], by: &str) -> Option<String> {
    let (_, answer) = said(seen, READ).filter(|(node, _)| *node == by).last()?;
    let said: Value = serde_json::from_str(answer.get("said")?).ok()?;
    said["node"]["value"].as_str().map(str::to_owned)
}

/// Who was asked that, and what each said.
fn said<'a>(seen: &'a [Observation], what: &str) -> impl Iterator<Item = (&'a str, &'a Answer)> {
    seen.iter().filter_map(move |observation| match &observation.signal {
        Signal::Query { of, answer } if of == what => Some((observation.node.as_str(), answer)),
        _ => None,
    })
}

fn is_timeout(answer: &Answer) -> bool {
    let words = [r#""errorCode":300"#, "etcdserver: request timed out"];
    matches!(answer, Answer::Error { code, text } if code == "500" && words.iter().all(|word| text.contains(word)))
}

/// Whether its last two lists failed, and its last ping did not.
fn lies(seen: &[Observation], bbs: &str) -> bool {
    let lists: Vec<_> = said(seen, "bbs:list").filter(|(node, _)| *node == bbs).collect();
    let fail = lists.iter().rev().take(2).filter(|(_, answer)| !matches!(answer, Answer::Values { .. })).count();
    let pings = latest(seen, |signal| match signal {
        Signal::Query { of, answer } if of == "bbs:ping" => Some(answer.get("available") == Some("true")),
        _ => None,
    });
    fail == 2 && pings.get(bbs) == Some(&true)
}
