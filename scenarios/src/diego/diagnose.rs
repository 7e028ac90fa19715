//! Diego's etcd, Consul and BBS outside of the lab.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use reenact::{
    diagnosable,
    diagnose::{Case, Gathered, Section, Standing, System},
    probe::{Answer, Question, Signal, Tried},
};
use serde_json::Value;

use super::{
    advice::ADVICE,
    consul::RAFT,
    detectors::WRITE,
    etcd::PEERS,
    implied::implied,
    monit,
    signals::{Apps, Config, Consul, Desires, Etcd, Hash, Jobs, Lock, Metrics, Ping, Process},
};

diagnosable! {
    System {
        name: "diego",
        script: include_str!("look.sh"),
        write: include_str!("write.sh"),
        words: &[
            "already been bootstrapped", "tocommit(", "permanently removed", "data-dir used by this member", "crc mismatch",
            "max entry size limit", "slice bounds out of range", "conflicting metadata", "snapshot mismatch", "wal: file not found",
            "none as id", "database snapshot file", "invalid database", "unexpected fault address", "freepages:",
            "Page expected to be", "unexpected type/flags", "invalid page allocation", "already freed", "cannot free page",
            "address already in use", "No installed keys", "panic", "fatal", "FATAL", " C | ", "Failed to start Raft", "initial configuration",
            "starting member", "starting local member", "starting etcd server", "starting server...", "elected leader", "changed leader", "became leader", "lost leader",
            "new election at term", "health check for peer", "prober detected unhealthy", "became active", "No cluster leader",
            "leader elected", "leadership acquired", "election won", "Election timeout reached", "equestVote RPC", "onsul agent",
            "is out of range", "Node at ", "etcdserver: no space", "database space exceeded", "NOSPACE", "disarm",
        ],
        prefix: |_| None,
        recognise,
        parts,
        read,
        implied,
        needs: &[
            ("/etcd_member_corrupt", &["log"]),
            ("/etcd_member_wiped", &["log"]),
            ("/consul_gossip_key", &["log"]),
            ("/bbs_two_masters", &["bbs:ping"]),
        ],
        commands: &[
            ("etcd:member", "curl -s -X POST -d '{}' http://127.0.0.1:4001/v3/maintenance/status, or etcdctl endpoint status -w json"),
            ("etcd:hash", "curl -s -X POST -d '{}' http://127.0.0.1:4001/v3/maintenance/hash, or etcdctl endpoint hashkv -w json"),
            ("etcd:process", "cat /var/vcap/sys/run/etcd/etcd.pid; sudo ss -ltnp"),
            ("a synthetic write", "reenact diagnose --write --for 30s"),
            ("consul:server", "curl -s 'http://127.0.0.1:8500/v1/operator/raft/configuration?stale', or consul operator raft list-peers -stale"),
            ("consul:lock", "curl -s 'http://127.0.0.1:8500/v1/kv/v1/locks/bbs_lock?stale'"),
            ("bbs:list", "cfdot desired-lrp-scheduling-infos"),
            ("bbs:ping", "curl -sk https://bbs.service.cf.internal:8889/v1/ping"),
            ("cc:apps", "cf curl '/v3/processes?per_page=5000'"),
            ("monit", "curl -s 'http://127.0.0.1:2822/_status?format=xml'"),
            ("diego:config", "the BBS's lock_retry_interval and nsync's period, from their jobs' configuration"),
            ("log", "/var/vcap/sys/log/{etcd,consul_agent,bbs}/*.log"),
        ],
        rank,
        contradictions,
        advice: ADVICE,
    }
}

fn recognise(name: &str, head: &str) -> Option<&'static str> {
    let base = name.rsplit('/').next().unwrap_or(name);
    if head.contains("\"raftTerm\"") || head.contains("\"raftIndex\"") {
        return Some("etcd status v3");
    }
    if head.contains("\"endpoint\":") && head.contains("\"health\":") {
        return Some("etcd status v3");
    }
    if head.contains("\"compact_revision\"") {
        return Some("etcd hash v3");
    }
    if head.contains("\"Voter\"")
        || (head.contains("Node") && head.contains("RaftProtocol"))
        || head.contains("Voter  ")
    {
        return Some("consul peers");
    }
    if head.contains("\"LockIndex\"") {
        return Some("consul lock");
    }
    if head.contains("<monit>") {
        return Some("monit");
    }
    let says = [
        "etcdserver",
        "etcd[",
        "tocommit(",
        "raft.node: ",
        "memberlist: ",
        "raft: ",
        "raft2",
        "rafthttp",
        "consul",
        "serf: ",
        "\"source\":\"bbs",
    ];
    let is_log = says.iter().any(|words| head.contains(words)) || (base.contains("etcd") && base.ends_with(".log"));
    is_log.then_some("log")
}

fn read(node: &Gathered) -> Vec<Signal> {
    let query = |of: &str, answer| Signal::Query { of: of.into(), answer };
    let member = asked(node, &["etcd status v3", "etcd status v3beta"], |said| {
        let number = |path: &str| number(said, path);
        let alarms: Vec<_> = said["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let has = |name: &&str| alarms.iter().any(|alarm| alarm.contains(*name));
        let alarms: Vec<_> = ["NOSPACE", "CORRUPT"].into_iter().filter(has).collect();
        Some(Answer::of(&Etcd {
            cluster: format!("{:x}", number("/header/cluster_id")?),
            id: format!("{:x}", number("/header/member_id")?),
            has_leader: number("/leader")? != 0,
            term: number("/raftTerm")?,
            applied: number("/raftIndex")?,
            alarms: alarms.join(" "),
        }))
    });
    let hash = asked(node, &["etcd hash v3", "etcd hash v3beta"], |said| {
        let number = |path: &str| number(said, path);
        let (hash, revision) = (number("/hash")?, number("/header/revision")?);
        Some(Answer::of(&Hash { hash, revision, compacted: number("/compact_revision")? }))
    });
    let mut signals: Vec<_> = node.machine().into_iter().collect();
    let is_away = node.unreachable.is_some() || matches!(signals[..], [Signal::Machine { running: false, .. }]);
    let member = member.or_else(|| (is_away && was_member(node)).then(away));
    // Who refuses is a member that is away, or none at all.
    let member = member.filter(|answer| *answer != Answer::Refused || has_job(node, "etcd"));
    let hash = hash.filter(|answer| *answer != Answer::Refused || has_job(node, "etcd"));
    signals.extend(member.map(|answer| query(Etcd::OF, answer)));
    signals.extend(hash.map(|answer| query(Hash::OF, answer)));
    signals.extend(node.section("etcd write").and_then(written).map(|answer| query(WRITE, answer)));
    signals.extend(owner(node).map(|answer| query(Process::OF, answer)));
    signals.extend(server(node).map(|answer| query(Consul::OF, answer)));
    signals.extend(lock(node).map(|answer| query(Lock::OF, answer)));
    if let Some(answer) = ping(node) {
        signals.push(query(Ping::OF, answer));
        signals.push(query(Config::OF, intervals(&node.settings)));
    }
    let jobs = node.text("monit").and_then(|text| monit::jobs(text).ok());
    signals.extend(jobs.map(|values| query(Jobs::OF, Answer::Values { values })));
    // What no script can ask is read as it is exported: name|value rows.
    for of in [Metrics::OF, Desires::OF, Apps::OF, Config::OF] {
        let rows = |text: &str| text.lines().filter_map(|line| line.split_once('|')).collect::<Answer>();
        signals.extend(node.text(of).map(|text| query(of, rows(text))));
    }
    signals
}

/// What came of a synthetic write, by what etcd or curl says.
fn written(section: &Section) -> Option<Answer> {
    if let Some(Answer::Hung { .. }) = silence(section) {
        return Some(Answer::of(&Tried { done: false, ms: 9_000, waits_for: "an answer".into() }));
    }
    let said: Value = serde_json::from_str(section.text.trim()).ok()?;
    match (said.get("action"), said.get("errorCode"), said["message"].as_str()) {
        (Some(_), ..) => Some(Answer::of(&Tried { done: true, ms: 0, waits_for: String::new() })),
        (_, Some(code), message) => {
            Some(Answer::Error { code: code.to_string(), text: message.unwrap_or_default().to_owned() })
        }
        _ => None,
    }
}

/// Members of etcd that name different clusters or leaders, and servers of Consul's that do.
fn contradictions(gathered: &[Gathered], case: &Case) -> Vec<String> {
    let mut all = Vec::new();
    let clusters =
        case.answers(Etcd::OF).filter_map(|(node, _, answer)| Some((node, answer.get("cluster")?.to_owned())));
    all.extend(differ("etcd's members are in different clusters", clusters));
    let status = |node: &Gathered| -> Option<Value> {
        let names = ["etcd status v3", "etcd status v3beta"];
        names.iter().filter_map(|name| json(node, name)).map(of_ctl).find(is_answer)
    };
    // Of several looks at a node, the last one counts.
    let last: BTreeMap<&str, &Gathered> = gathered.iter().map(|node| (node.node.as_str(), node)).collect();
    let named = last.values().filter_map(|node| {
        let leader = number(&status(node)?, "/leader").filter(|leader| *leader != 0)?;
        Some((node.node.as_str(), format!("{leader:x}")))
    });
    all.extend(differ("etcd's members name different leaders", named));
    let leaders = case.answers(Consul::OF).filter_map(|(node, _, answer)| {
        answer.get("leader").filter(|leader| !leader.is_empty()).map(|leader| (node, leader.to_owned()))
    });
    all.extend(differ("Consul's servers name different leaders", leaders));
    all
}

/// What nodes say, if not all of them say the same.
fn differ<'n>(what: &str, said: impl Iterator<Item = (&'n str, String)>) -> Option<String> {
    let said: BTreeMap<&str, String> = said.collect();
    let first = said.values().next()?;
    let all = said.iter().map(|(node, value)| format!("{node} {value}")).collect::<Vec<_>>().join(", ");
    said.values().any(|value| value != first).then(|| format!("{what}: {all}"))
}

/// Whether a job is the node's: by its supervisor, its folders, or its process; where none of
/// these was looked at, whoever asked will have known.
fn has_job(node: &Gathered, job: &str) -> bool {
    let known = ["monit", "jobs", "ps"].iter().any(|name| node.text(name).is_some());
    let supervised =
        node.text("monit").and_then(|text| monit::jobs(text).ok()).is_some_and(|jobs| jobs.contains_key(job));
    let is_it = |line: &str| line.split_whitespace().next().and_then(|path| path.rsplit('/').next()) == Some(job);
    !known
        || supervised
        || ["jobs", "ps"].iter().any(|name| node.text(name).is_some_and(|text| text.lines().any(is_it)))
}

/// What Diego's jobs have by default: nsync's period and the BBS's `lock_retry_interval`.
const INTERVALS: [(&str, u64); 2] = [("nsync_ms", 30_000), ("retry_ms", 5_000)];

/// The same, or what they are set to.
fn intervals(settings: &BTreeMap<String, String>) -> Answer {
    let of = |(name, default): (&str, u64)| {
        (name.to_owned(), settings.get(name).cloned().unwrap_or_else(|| default.to_string()))
    };
    INTERVALS.into_iter().map(of).collect()
}

/// Whether the BBS of this node serves: one that waits for the lock does not listen.
fn ping(node: &Gathered) -> Option<Answer> {
    let sections: Vec<_> = ["bbs ping https", "bbs ping http"].iter().filter_map(|name| node.section(name)).collect();
    let answered = sections.iter().find_map(|section| {
        let (body, code) = section.text.trim_end().rsplit_once('\n').unwrap_or(("", section.text.trim()));
        let available = serde_json::from_str::<Value>(body).ok().and_then(|said| said["available"].as_bool());
        match (available, code) {
            (Some(available), _) => Some([("available", available.to_string())].into_iter().collect()),
            (None, "503") => Some(Answer::Error { code: "503".into(), text: "it is not ready".into() }),
            // Protobuf, as the real one answers: field 1 is true.
            (None, "200") if !body.is_empty() => Some([("available", "true".to_owned())].into_iter().collect()),
            _ => None,
        }
    });
    let silent = || sections.iter().find_map(|section| silence(section)).filter(|_| has_job(node, "bbs"));
    answered.or_else(silent)
}

/// etcd writes 64-bit numbers as text, and leaves zeros out. `etcdctl -w json` nests the same.
fn number(said: &Value, path: &str) -> Option<u64> {
    match said.pointer(path).unwrap_or(&Value::Null) {
        Value::Null => Some(0),
        value => value.as_u64().or_else(|| value.as_str()?.parse().ok()),
    }
}

/// The answer of the first of these sections that tells anything. A node that has none of the
/// programs was not asked.
fn asked(node: &Gathered, names: &[&str], read: impl Fn(&Value) -> Option<Answer>) -> Option<Answer> {
    let sections: Vec<_> = names.iter().filter_map(|name| node.section(name)).collect();
    let values = sections.iter().filter_map(|section| serde_json::from_str(section.text.trim()).ok());
    let own = values.map(|value: Value| of_ctl(value)).find_map(|value| read(&value).filter(|_| is_answer(&value)));
    own.or_else(|| sections.iter().find_map(|section| silence(section)))
}

/// What `etcdctl endpoint status --cluster -w json` says of each member, and of whom it had no answer, or
/// `endpoint health`: of whom that had none.
fn parts(section: &str, text: &str) -> Vec<(String, Section)> {
    if !section.starts_with("etcd ") {
        return Vec::new();
    }
    // What it could not do it says before the list.
    let from = if text.starts_with('[') { Some(0) } else { text.find("\n[").map(|at| at + 1) };
    let said = from.and_then(|from| serde_json::Deserializer::from_str(&text[from..]).into_iter::<Vec<Value>>().next());
    let answered = said.and_then(Result::ok).into_iter().flatten().filter_map(|one| {
        let (endpoint, status) = match (one["Endpoint"].as_str(), one["health"].as_bool()) {
            (Some(endpoint), _) => (endpoint, 0),
            (None, Some(false)) => (one["endpoint"].as_str()?, TIMED_OUT),
            _ => return None,
        };
        Some((host(endpoint).to_owned(), Section { text: one.to_string(), status: Some(status) }))
    });
    let mut all: Vec<_> = answered.chain(text.lines().filter_map(|line| unanswered(line, text))).collect();
    // One that was asked alone is the file's own node, whatever it calls itself.
    if all.len() == 1 {
        all.clear();
    }
    all
}

/// An endpoint of which etcdctl got nothing, as if curl had asked.
fn unanswered(line: &str, text: &str) -> Option<(String, Section)> {
    let (_, rest) = line.split_once("Failed to get the status of endpoint ")?;
    let (endpoint, _) = rest.split_once(" (")?;
    let address = endpoint.split_once("://").map_or(endpoint, |(_, address)| address);
    let is_refused = |line: &str| line.contains(address) && line.contains("connection refused");
    let status = Some(if text.lines().any(is_refused) { REFUSED } else { TIMED_OUT });
    Some((host(endpoint).to_owned(), Section { text: line.to_owned(), status }))
}

/// The host of an endpoint, such as `https://10.0.0.1:2379`.
fn host(endpoint: &str) -> &str {
    let (_, address) = endpoint.split_once("://").unwrap_or(("", endpoint));
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// `etcdctl endpoint status -w json` is a list of `{Endpoint, Status}`.
fn of_ctl(value: Value) -> Value {
    let first = value.get(0).unwrap_or(&value);
    ["Status", "HashKV"].iter().find_map(|name| first.get(*name)).unwrap_or(first).clone()
}

fn is_answer(value: &Value) -> bool {
    value.get("header").is_some()
}

/// Curl's exit codes.
const REFUSED: i32 = 7;
const TIMED_OUT: i32 = 28;

/// How nobody answered, by curl's exit code.
fn silence(section: &Section) -> Option<Answer> {
    match section.status? {
        REFUSED => Some(Answer::Refused),
        TIMED_OUT | 124 => Some(Answer::Hung { during: "request".into() }),
        _ => None,
    }
}

/// Who is etcd: by the supervisor's file, and by who listens on the peers' port.
fn owner(node: &Gathered) -> Option<Answer> {
    let listeners = node.text("listeners").filter(|text| text.contains("pid="))?;
    let file = node.text("file /var/vcap/sys/run/etcd/etcd.pid").unwrap_or_default();
    let port = format!(":{PEERS} ");
    let line = listeners.lines().find(|line| line.contains(&port)).unwrap_or_default();
    let pid: String = line.split("pid=").nth(1).unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    let file: String = file.trim().chars().take_while(char::is_ascii_digit).collect();
    Some([("pidfile", file), ("listener", pid)].into_iter().collect())
}

fn json(node: &Gathered, name: &str) -> Option<Value> {
    serde_json::from_str(node.text(name)?.trim()).ok()
}

/// Whether a machine of which only the log is left is a member of etcd.
fn was_member(node: &Gathered) -> bool {
    const SAYS: [&str; 5] =
        ["starting etcd server", "starting local member", "etcdserver", "raft.node", "became leader at"];
    node.log.iter().any(|line| SAYS.iter().any(|words| line.text.contains(words)))
}

/// What a machine answers that is off, or was not reached.
fn away() -> Answer {
    Answer::Hung { during: "connection".into() }
}

/// A Consul server: its own address, the leader that it knows, raft's peers. A machine that could not be reached may be
/// one: a voter that is nowhere else is not gone for good.
fn server(node: &Gathered) -> Option<Answer> {
    if node.unreachable.is_some() {
        return Some(away());
    }
    let peers = peers(node);
    let Some(own) = json(node, "consul self") else {
        return node.section("consul self").and_then(silence).filter(|_| is_server(node));
    };
    if own["Config"]["Server"] == false || own.pointer("/Member/Tags/role").is_some_and(|role| role != "consul") {
        return None;
    }
    let address = own.pointer("/Member/Addr")?.as_str()?;
    let leader = json(node, "consul leader").and_then(|leader| leader.as_str().map(str::to_owned)).unwrap_or_default();
    let own = [("leader".to_owned(), leader), ("address".to_owned(), format!("{address}:{RAFT}"))];
    Some(peers.into_iter().chain(own).collect())
}

/// Whether a Consul that does not answer is a server's: by its process.
fn is_server(node: &Gathered) -> bool {
    node.text("ps").is_some_and(|text| text.lines().any(|line| line.contains("consul") && line.contains("agent")))
}

/// By the API's JSON, or `consul operator raft list-peers`.
fn peers(node: &Gathered) -> BTreeMap<String, String> {
    let role = |votes: bool| if votes { "voter" } else { "nonvoter" }.to_owned();
    if let Some(said) = json(node, "consul peers") {
        let of =
            |server: &Value| Some((format!("peer:{}", server["Address"].as_str()?), role(server["Voter"].as_bool()?)));
        return said["Servers"].as_array().into_iter().flatten().filter_map(of).collect();
    }
    let row = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let address = fields.get(2).filter(|address| address.contains(':'))?;
        Some((format!("peer:{address}"), role(*fields.get(4)? == "true")))
    };
    node.text("consul peers").into_iter().flat_map(str::lines).filter_map(row).collect()
}

/// The BBS's lock, and the session that holds it.
fn lock(node: &Gathered) -> Option<Answer> {
    let section = node.section("consul lock")?;
    let Some(found) = json(node, "consul lock") else {
        // Of a key that is not there Consul says nothing.
        let nothing = section.text.trim().is_empty() && section.status == Some(0);
        return if nothing { Some(Answer::Values { values: BTreeMap::new() }) } else { silence(section) };
    };
    let key = found.get(0)?;
    let value = key["Value"].as_str().and_then(|value| STANDARD.decode(value).ok()).unwrap_or_default();
    let holder = serde_json::from_slice::<Value>(&value).ok().and_then(|value| Some(value["id"].as_str()?.to_owned()));
    let session = key["Session"].as_str().unwrap_or_default();
    let mut values = vec![
        ("session", session.to_owned()),
        ("flags", key["Flags"].as_u64().unwrap_or_default().to_string()),
        ("holder", holder.unwrap_or_default()),
    ];
    let sessions = json(node, "consul session");
    let held = sessions.as_ref().and_then(Value::as_array).into_iter().flatten().find(|one| one["ID"] == session);
    if let (false, Some(held)) = (session.is_empty(), held) {
        let ttl: jiff::SignedDuration = held["TTL"].as_str().unwrap_or("0s").parse().unwrap_or_default();
        values.push(("ttl_ms", ttl.as_millis().to_string()));
        values.push(("checks", held["Checks"].as_array().map_or(0, Vec::len).to_string()));
    }
    Some(values.into_iter().collect())
}

/// How far each member of etcd has come, by its own word: the one that has most is the one to
/// recover from.
fn rank(_: &[Gathered], case: &Case) -> Vec<Standing> {
    let mut all: BTreeMap<&str, Standing> = BTreeMap::new();
    for (node, signal) in case.looks.iter().flat_map(|look| &look.seen) {
        let Signal::Query { of, answer } = signal else { continue };
        if let (true, Ok(etcd)) = (of == Etcd::OF, answer.read::<Etcd>()) {
            let holds = format!("raft index {}, term {}, of cluster {}", etcd.applied, etcd.term, etcd.cluster);
            let position = i64::try_from(etcd.applied).ok();
            all.insert(node, Standing { node: node.clone(), holds, position });
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|standing| (std::cmp::Reverse(standing.position), standing.node.clone()));
    all
}
