//! What the versions that people run print and log, as they print it: MariaDB 10.6 to 11.8 and
//! Percona XtraDB Cluster, etcd 3.3 to 3.6, Consul 1.8 and newer.

use std::fs;

use reenact::{
    diagnose::{self, Case, Inventory, Report, Word, files},
    probe::{Answer, Signal},
};

/// A wedged node's log as a version writes it.
fn wedged(version: &str) -> String {
    let line = |second: u8, level: &str, text: &str| match version {
        "PXC 8.0" => {
            let level = if level == "Note" { "[Note] [MY-000000] [Galera]" } else { "[Warning] [MY-000000] [Galera]" };
            format!("2026-11-29T08:00:0{second}.123456Z 0 {level} {text}\n")
        }
        "PXC 5.7" => format!("2026-11-29T08:00:0{second}.123456Z 0 [{level}] WSREP: {text}\n"),
        _ => format!("2026-11-29  8:00:0{second} 0 [{level}] WSREP: {text}\n"),
    };
    let begins = match version {
        "MariaDB 10.6" => {
            "2026-11-29  8:00:00 0 [Note] /usr/sbin/mariadbd (server 10.6.22-MariaDB-log) starting as process 411 ...\n"
        }
        "MariaDB 10.11" => {
            "2026-11-29  8:00:00 0 [Note] Starting MariaDB 10.11.11-MariaDB-0+deb12u1-log source revision e69f8cae as process 411\n"
        }
        "MariaDB 11.4" => {
            "2026-11-29  8:00:00 0 [Note] Starting MariaDB 11.4.5-MariaDB-ubu2404-log source revision 0771110266 server_uid x= as process 1\n"
        }
        "MariaDB 11.8" => {
            "2026-11-29  8:00:00 0 [Note] Starting MariaDB 11.8.2-MariaDB-ubu2404 source revision 8d36 server_uid iU9n= as process 1\n"
        }
        "PXC 5.7" => {
            "2026-11-29T08:00:00.123456Z 0 [Note] /usr/sbin/mysqld (mysqld 5.7.44-48-57) starting as process 411 ...\n"
        }
        _ => {
            "2026-11-29T08:00:00.123456Z 0 [System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.0.42-33.1) starting as process 1\n"
        }
    };
    let rest = [
        ("Note", "wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'"),
        ("Note", "gcomm: connecting to group 'g', peer '10.0.0.1:,10.0.0.2:'"),
        (
            "Warning",
            "node uuid: 22222222-8003 last_prim(type: 2, uuid: 22222222-8002) is inconsistent to restored view(type: V_NON_PRIM, uuid: 11111111-8002",
        ),
        ("Note", "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 2"),
    ];
    let rest: String = (1..).zip(rest).map(|(second, (level, text))| line(second, level, text)).collect();
    format!("{begins}{rest}")
}

#[test]
fn the_wedge_is_read_of_every_version_s_log() {
    for version in ["MariaDB 10.6", "MariaDB 10.11", "MariaDB 11.4", "MariaDB 11.8", "PXC 5.7", "PXC 8.0"] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = if version.starts_with("PXC") { "mysqld" } else { "mariadbd" };
        for node in ["n1", "n2"] {
            let path = folder.path().join(node);
            fs::create_dir(&path).expect("a folder");
            let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("a file");
            write("error.log", &wedged(version));
            write("ps.txt", &format!("COMMAND\n/usr/sbin/{server} --wsrep_start_position=5eed:7\n"));
            write("ss.txt", "State Recv-Q Send-Q Local Address:Port Peer\nLISTEN 0 128 0.0.0.0:4567 0.0.0.0:*\n");
        }
        let galera = diagnose::find("galera").expect("a system");
        let found = files::read(folder.path(), galera).expect("it is read");
        let report = Report::of(galera, &found.gathered, &Inventory::default()).expect("a report");
        let fired: Vec<_> = report.diagnosis.of(Word::Fired).map(|finding| finding.detector).collect();
        assert_eq!(fired, ["galera/non_primary_wedge"], "{version}");
        let since = report.diagnosis.of(Word::Fired).next().and_then(|finding| finding.since);
        assert_eq!(since.map(|at| at.as_second() % 60), Some(3), "{version}");
    }
}

/// What is read of a file, as an answer to a question.
fn answer(system: &str, name: &str, text: &str, of: &str) -> Option<Answer> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), text).expect("a file");
    let system = diagnose::find(system).expect("a system");
    let found = files::read(folder.path(), system).expect("it is read");
    let case = Case::of(system, &found.gathered, &Inventory::default());
    case.looks.last()?.seen.iter().find_map(|(_, signal)| match signal {
        Signal::Query { of: asked, answer } if asked == of => Some(answer.clone()),
        _ => None,
    })
}

#[test]
fn etcd_s_status_is_read_of_every_version() {
    for (version, text) in [
        (
            "3.3, v3beta",
            r#"{"header":{"cluster_id":"255","member_id":"16","raft_term":"7"},"version":"3.3.25","dbSize":"20480","leader":"16","raftIndex":"42","raftTerm":"7"}"#,
        ),
        (
            "3.4",
            r#"{"header":{"cluster_id":"255","member_id":"16","revision":"1","raft_term":"7"},"version":"3.4.23","dbSize":"28672","leader":"16","raftIndex":"42","raftTerm":"7","raftAppliedIndex":"42","dbSizeInUse":"16384"}"#,
        ),
        (
            "3.5",
            r#"{"header":{"cluster_id":"255","member_id":"16","revision":"1","raft_term":"7"},"version":"3.5.16","dbSize":"20480","leader":"16","raftIndex":"42","raftTerm":"7","raftAppliedIndex":"42","dbSizeInUse":"16384"}"#,
        ),
        (
            "3.6",
            r#"{"header":{"cluster_id":"255","member_id":"16","revision":"1","raft_term":"7"},"version":"3.6.1","dbSize":"20480","leader":"16","raftIndex":"42","raftTerm":"7","raftAppliedIndex":"42","dbSizeInUse":"16384","storageVersion":"3.6.0","dbSizeQuota":"2147483648","downgradeInfo":{}}"#,
        ),
        (
            "3.4's etcdctl",
            r#"[{"Endpoint":"127.0.0.1:2379","Status":{"header":{"cluster_id":255,"member_id":16,"revision":1,"raft_term":7},"version":"3.4.23","dbSize":28672,"leader":16,"raftIndex":42,"raftTerm":7,"raftAppliedIndex":42,"dbSizeInUse":16384}}]"#,
        ),
    ] {
        let said = answer("diego", "etcd1-status.json", text, "etcd:member").expect(version);
        let read = ["cluster", "id", "has_leader", "term", "applied"].map(|name| said.get(name).unwrap_or("-"));
        assert_eq!(read, ["ff", "10", "true", "7", "42"], "{version}");
    }
    let led_by_none = r#"{"header":{"cluster_id":"255","member_id":"16"},"raftIndex":"42","raftTerm":"7","errors":["etcdserver: no leader"]}"#;
    let said = answer("diego", "etcd1-status.json", led_by_none, "etcd:member").expect("an answer");
    assert_eq!(said.get("has_leader"), Some("false"));
}

/// Consul's peers with what each version prints of them.
#[test]
fn consul_s_peers_are_read_of_every_version() {
    let own = r#"{"Config":{"Server":true,"NodeName":"c1","Version":"1.17.0"},"Member":{"Addr":"10.0.0.5","Tags":{"role":"consul"}}}"#;
    for (version, text) in [
        (
            "1.8's API",
            r#"{"Servers":[{"ID":"a","Node":"c1","Address":"10.0.0.5:8300","Leader":true,"ProtocolVersion":"3","Voter":true},{"ID":"b","Node":"c2","Address":"10.0.0.6:8300","Leader":false,"ProtocolVersion":"3","Voter":false}],"Index":0}"#,
        ),
        (
            "1.17's API",
            r#"{"Servers":[{"ID":"a","Node":"c1","Address":"10.0.0.5:8300","Leader":true,"ProtocolVersion":"3","Voter":true,"LastIndex":1167},{"ID":"b","Node":"c2","Address":"10.0.0.6:8300","Leader":false,"ProtocolVersion":"3","Voter":false,"LastIndex":1159}],"Index":0}"#,
        ),
        (
            "1.8's command",
            "Node  ID  Address         State     Voter  RaftProtocol\nc1    a   10.0.0.5:8300   leader    true   3\nc2    b   10.0.0.6:8300   follower  false  3\n",
        ),
        (
            "1.17's command",
            "Node  ID  Address         State     Voter  RaftProtocol  Commit Index  Trails Leader By\nc1    a   10.0.0.5:8300   leader    true   3             1167          -\nc2    b   10.0.0.6:8300   follower  false  3             1159          8 commits\n",
        ),
    ] {
        let look = format!(
            "=reenact diego 1 c1\n=look 2026-11-29T08:00:00Z +0000 0\n=begin consul self\n {own}\n=end 0\n=begin consul peers\n {}\n=end 0\n=done\n",
            text.trim_end().replace('\n', "\n ")
        );
        let said = answer("diego", "c1.look", &look, "consul:server").expect(version);
        let read = ["peer:10.0.0.5:8300", "peer:10.0.0.6:8300", "address"].map(|name| said.get(name).unwrap_or("-"));
        assert_eq!(read, ["voter", "nonvoter", "10.0.0.5:8300"], "{version}");
    }
}
