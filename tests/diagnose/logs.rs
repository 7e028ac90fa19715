//! What logs are worth alone, as a colleague sends them or a report quotes them: nobody has looked at
//! anything else. The lines are worded as the software's versions word them.

use std::fs;

use reenact::diagnose::{self, Inventory, Report, Word, files};

/// What is said of such logs, each in its node's folder, and how it is put.
fn said(system: &str, logs: &[(&str, &str)]) -> Vec<(&'static str, Word, Vec<String>)> {
    let folder = tempfile::tempdir().expect("a folder");
    for (node, text) in logs {
        fs::create_dir(folder.path().join(node)).expect("a folder");
        fs::write(folder.path().join(node).join("error.log"), text).expect("a log");
    }
    let system = diagnose::find(system).expect("a system");
    let found = files::read(folder.path(), system).expect("it is read");
    let report = Report::of(system, &found.gathered, &Inventory::default()).expect("a report");
    let told = report.diagnosis.findings.into_iter();
    let told = told.filter(|finding| matches!(finding.verdict, Word::Fired | Word::IfItLasts));
    told.map(|finding| (finding.detector, finding.verdict, finding.evidence)).collect()
}

/// They are told for certain, with that line, and that nobody looked.
fn assert_told(system: &str, logs: &[(&str, &str)], detector: &str, line: &str) {
    let told = said(system, logs);
    let [(id, Word::Fired, evidence)] = &told[..] else { panic!("{logs:?}: {told:?}") };
    assert_eq!(*id, detector, "{told:?}");
    assert!(evidence.iter().any(|said| said.contains(line)), "{evidence:?}");
    assert!(evidence.iter().any(|said| said.contains("nobody looked")), "{evidence:?}");
}

const NON_PRIMARY: &str = "\
2026-11-20T18:48:12.231993048Z 2026-11-20 18:48:12 7 [Note] WSREP: view(view_id(NON_PRIM,cadc7981,5) memb {
2026-11-20T18:48:12.231993048Z \tcadc7981,0
2026-11-20T18:48:12.231993048Z } joined {
2026-11-20T18:48:12.231993048Z } left {
2026-11-20T18:48:12.231993048Z } partitioned {
2026-11-20T18:48:12.231993048Z \td76b05a6,0
2026-11-20T18:48:12.231993048Z })
2026-11-20T18:48:12.231993048Z 2026-11-20 18:48:12 7 [Note] WSREP: New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 1
2026-11-20T18:49:12.232032034Z 2026-11-20 18:49:12 7 [Warning] WSREP: [ERROR] is no such line
";

const PRIMARY: &str = "\
2026-11-20 18:48:12 7 [Note] WSREP: New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 2
2026-11-20 18:49:12 7 [ERROR] Something else
";

const ABORTED: &str = "\
2026-11-20 13:29:33 0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'
2026-11-20 13:30:03 0 [ERROR] WSREP: failed to open gcomm backend connection: 110: failed to reach primary view: 110
2026-11-20 13:30:03 0 [ERROR] WSREP: wsrep::connect(gcomm://a,b,c) failed: 7
2026-11-20 13:30:03 0 [ERROR] Aborting
";

#[test]
fn galera_s_error_logs() {
    let three = [("n1", NON_PRIMARY), ("n2", NON_PRIMARY)];
    assert_told("galera", &three, "galera/no_primary", "n1: SQL answers, non-Primary, size 1; no node is primary");
    let cut_off = [("n1", NON_PRIMARY), ("n2", PRIMARY), ("n3", PRIMARY)];
    assert_told("galera", &cut_off, "galera/minority_partition", "n1: SQL answers, non-Primary, size 1");
    assert_told("galera", &[("n1", ABORTED)], "galera/server_down", "n1: log: [ERROR] WSREP: failed to open gcomm");
}

#[test]
fn a_galera_node_that_left_its_group_for_its_data_differ() {
    let log = "\
2026-11-20 13:29:33 0 [Note] WSREP: New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 3
2026-11-20 13:30:03 4 [ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on e234baca:73
2026-11-20 13:30:03 4 [Note] WSREP: view((empty))
2026-11-20 13:31:03 4 [ERROR] WSREP: something later
";
    assert_told("galera", &[("n1", log)], "galera/inconsistent_node", "Inconsistent by consensus on e234baca:73");
}

#[test]
fn a_galera_that_says_last_that_it_is_well_or_on_its_way() {
    let started = "2026-11-20 13:40:00 0 [Note] Starting MariaDB 10.11.11-MariaDB source revision e69f as process 7\n";
    let asked = "2026-11-20 18:50:00 0 [Note] /usr/sbin/mariadbd (initiated by: unknown): Normal shutdown\n";
    for log in [PRIMARY.to_owned(), format!("{ABORTED}{started}"), format!("{NON_PRIMARY}{PRIMARY}")] {
        assert_eq!(said("galera", &[("n1", &log)]), [], "{log}");
    }
    // Who ends in order says that it has no primary view, and that it has ended: it may be on its way back.
    let ended = format!("{PRIMARY}{asked}{NON_PRIMARY}");
    assert_eq!(said("galera", &[("n1", &ended)]), []);
    let ended = format!("{ended}2026-11-20 18:50:02 0 [Note] /usr/sbin/mariadbd: Shutdown complete\n");
    assert!(said("galera", &[("n1", &ended)]).iter().all(|(_, word, _)| *word == Word::IfItLasts));
}

#[test]
fn logs_of_members_of_etcd_that_cannot_start() {
    let journal = "\
Jun 13 01:31:30 m1 etcd[16743]: d2ce2633997c6a24 became follower at term 338
Jun 13 01:31:30 m1 start-etcd[16743]: panic: tocommit(5588980) is out of range [lastIndex(3)]. Was the raft log lost?
";
    assert_told("diego", &[("m1", journal)], "diego/etcd_member_wiped", "m1: etcd does not start: panic: tocommit");
    let docker = "\
Jun 28 11:58:38 m2 docker/27d00dc9d174[820]: 2026-06-28 11:58:38.899646 I | etcdserver: restarting member 5373 in cluster 5cee
Jun 28 11:58:38 m2 docker/27d00dc9d174[820]: 2026-06-28 11:58:38.900135 C | raft: 5373 state.commit 22 is out of range [7, 8]
";
    assert_told("diego", &[("m2", docker)], "diego/etcd_member_corrupt", "m2: etcd does not start: 2026-06-28");
    let later =
        "Jun 28 11:59:38 m2 docker/27d00dc9d174[820]: I | raft: raft.node: 5373 elected leader 9af8 at term 9\n";
    assert_eq!(said("diego", &[("m2", &format!("{docker}{later}"))]), [], "it has started since");
}

const LEADERLESS: &str = "\
2026/05/01 11:38:30 [INFO] consul: New leader elected: m3
2026/05/01 16:43:33 [ERR] raft: Failed to make RequestVote RPC to 10.0.0.2:8300: dial tcp 10.0.0.2:8300: i/o timeout
2026/05/01 16:43:48 [ERR] agent: failed to sync remote state: No cluster leader
2026/05/01 16:44:41 [ERR] agent: coordinate update error: No cluster leader
";

#[test]
fn logs_of_a_consul_without_a_leader() {
    assert_told("diego", &[("s1", LEADERLESS)], "diego/consul_quorum_lost", "10.0.0.2:8300: Consul is refused");
    let newer = "\
    2026-09-29T02:44:10.000Z [INFO]  agent.server.raft: initial configuration: index=9 servers=\"[{Suffrage:Voter ID:a Address:10.42.3.45:8300} {Suffrage:Voter ID:b Address:10.42.3.46:8300}]\"
    2026-09-29T02:44:22.433Z [INFO]  agent.server.raft: entering candidate state: node=\"Node at 10.42.9.9:8300 [Candidate]\" term=92
    2026-09-29T02:44:24.967Z [ERROR] agent: failed to sync changes: error=\"No cluster leader\"
    2026-09-29T02:44:25.921Z [ERROR] agent.server.raft: failed to make requestVote RPC: target=\"{Voter a 10.42.3.45:8300}\" error=\"dial tcp 10.42.9.9:0->10.42.3.45:8300: connect: no route to host\"
    2026-09-29T02:45:00.511Z [WARN]  agent.server.raft: Election timeout reached, restarting election
";
    assert_told("diego", &[("s1", newer)], "diego/consul_old_peers", "s1 is at 10.42.9.9:8300");
    let keys: String = (10..20)
        .map(|second| {
            format!("2026-09-29T02:44:{second}.000Z [ERROR] agent.server.memberlist.lan: memberlist: No installed keys could decrypt the message from=10.0.0.1:1\n")
        })
        .collect();
    let told = said("diego", &[("s1", &keys)]);
    assert_eq!(told.first().map(|(id, word, _)| (*id, *word)), Some(("diego/consul_gossip_key", Word::Fired)));
    let led = format!("{LEADERLESS}2026/05/01 16:45:00 [INFO] consul: New leader elected: m3\n");
    // A client's agent says as much, and calls nobody to vote.
    let client: String =
        LEADERLESS.lines().filter(|line| !line.contains("RequestVote")).map(|line| format!("{line}\n")).collect();
    for log in [led, client] {
        assert_eq!(said("diego", &[("s1", &log)]), [], "{log}");
    }
}

#[test]
fn a_member_of_etcd_without_a_leader_and_the_peers_that_it_does_not_reach() {
    let log = "\
{\"level\":\"info\",\"ts\":\"2026-11-20T10:00:00.000Z\",\"msg\":\"raft.node: 1a lost leader 2b at term 5\"}
{\"level\":\"info\",\"ts\":\"2026-11-20T10:00:02.000Z\",\"msg\":\"1a is starting a new election at term 5\"}
{\"level\":\"warn\",\"ts\":\"2026-11-20T10:00:05.000Z\",\"msg\":\"prober detected unhealthy status\",\"remote-peer-id\":\"2b\",\"error\":\"dial tcp 10.0.0.2:2380: connect: connection refused\"}
{\"level\":\"warn\",\"ts\":\"2026-11-20T10:00:35.000Z\",\"msg\":\"prober detected unhealthy status\",\"remote-peer-id\":\"3c\",\"error\":\"dial tcp 10.0.0.3:2380: connect: connection refused\"}
";
    assert_told("diego", &[("m1-etcd", log)], "diego/etcd_quorum_lost", "none of etcd's 3 members has a leader");
    let older = "\
2026-11-20 10:00:00.1 I | raft: raft.node: 1a lost leader 2b at term 5
2026-11-20 10:00:05.1 W | rafthttp: health check for peer 2b could not connect: dial tcp 10.0.0.2:2380: i/o timeout
2026-11-20 10:00:35.1 W | rafthttp: health check for peer 3c could not connect: dial tcp 10.0.0.3:2380: i/o timeout
";
    assert_told("diego", &[("m1-etcd", older)], "diego/etcd_quorum_lost", "3c: etcd is refused");
    let reached = "2026-11-20 10:01:00.1 I | rafthttp: peer 2b became active\n2026-11-20 10:01:00.1 I | rafthttp: peer 3c became active\n";
    assert_eq!(said("diego", &[("m1-etcd", &format!("{older}{reached}"))]), []);
    let elected = "{\"level\":\"info\",\"ts\":\"2026-11-20T10:01:00.000Z\",\"msg\":\"raft.node: 1a elected leader 2b at term 6\"}\n";
    assert_eq!(said("diego", &[("m1-etcd", &format!("{log}{elected}"))]), []);
}

#[test]
fn an_etcd_that_is_out_of_space() {
    let log = "\
May 26 06:59:12 m1 etcd[95994]: failed to apply request \"header:<ID:98> put:<key:\\\"test\\\">\" with response \"\" took (4µs) to execute, err is etcdserver: no space
May 26 07:00:12 m1 etcd[95994]: failed to apply request \"header:<ID:99> put:<key:\\\"test\\\">\" with response \"\" took (4µs) to execute, err is etcdserver: no space
";
    assert_told("diego", &[("m1", log)], "diego/etcd_nospace", "m1: etcd's alarm NOSPACE is raised");
    let disarmed = "May 26 07:01:12 m1 etcd[95994]: alarm disarmed\n";
    assert_eq!(said("diego", &[("m1", &format!("{log}{disarmed}"))]), []);
}

/// A task's debug log, whose renewals go on for that many minutes after its last other word.
fn debug_log(minutes: u64) -> String {
    let at = |minute: u64| format!("D, [2026-11-20T{:02}:{:02}:00.000000 #14640]", 10 + minute / 60, minute % 60);
    let mut log = format!(
        "I, [2026-11-20T10:00:00.000000 #14640] [task:163]  INFO -- DirectorJobRunner: Acquired lock: lock:deployment:cf\n\
         {} [create_missing_vm(web/0)] DEBUG -- DirectorJobRunner: [external-cpi] [cpi-210425] request: {{\"method\":\"create_vm\",\"arguments\":[]}} with command: /var/vcap/jobs/cpi/bin/cpi\n",
        at(0)
    );
    for minute in (2..=minutes).step_by(2) {
        log += &format!("{} [] DEBUG -- DirectorJobRunner: Renewing lock: lock:deployment:cf\n", at(minute));
        log += &format!(
            "{} [] DEBUG -- DirectorJobRunner: (0.0006s) (conn: 2320) UPDATE \"locks\" SET \"expired_at\" = '2026-11-20 10:19:27.344320+0000' WHERE ((\"name\" = 'lock:deployment:cf') AND (\"uid\" = '5b0c'))\n",
            at(minute)
        );
    }
    log
}

#[test]
fn a_task_s_debug_log_that_only_renews_its_lock() {
    let folder = |text: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("task-163-debug.log"), text).expect("a log");
        folder
    };
    let told = |text: &str| {
        let (folder, system) = (folder(text), diagnose::find("bosh").expect("a system"));
        let found = files::read(folder.path(), system).expect("it is read");
        let report = Report::of(system, &found.gathered, &Inventory::default()).expect("a report");
        let told = report.diagnosis.findings.into_iter();
        let told = told.filter(|finding| matches!(finding.verdict, Word::Fired | Word::IfItLasts));
        told.map(|finding| (finding.detector, finding.verdict, finding.evidence.join("\n"))).collect::<Vec<_>>()
    };
    let stuck = told(&debug_log(40));
    let [("bosh/stuck_task_holds_lock", Word::Fired, evidence)] = &stuck[..] else { panic!("{stuck:?}") };
    for line in ["lock:deployment:cf: task 163 holds it", "create_vm cpi-210425 is without an answer", "nobody looked"]
    {
        assert!(evidence.contains(line), "{line}: {evidence}");
    }
    assert_eq!(told(&debug_log(8)), [], "a call may take so long");
    let ended = "D, [2026-11-20T10:41:00.000000 #14640] [task:163] DEBUG -- DirectorJobRunner: Deleted lock: lock:deployment:cf uid: 5b0c\n";
    assert_eq!(told(&format!("{}{ended}", debug_log(40))), []);
}

/// Lines of a Galera node's log, each at its minute and second past 18:00.
fn galera_at(lines: &[(&str, &str)]) -> String {
    lines.iter().map(|(at, said)| format!("2026-11-20 18:{at} 0 [Note] {said}\n")).collect()
}

fn component(primary: &str, members: u8) -> String {
    format!("WSREP: New COMPONENT: primary = {primary}, bootstrap = no, my_idx = 0, memb_num = {members}")
}

const ASKED: &str = "/usr/sbin/mariadbd (initiated by: unknown): Normal shutdown";
const COMPLETE: &str = "/usr/sbin/mariadbd: Shutdown complete";
const CRASH: &str = "mariadbd got signal 11 ;";
const LATER: &str = "WSREP: (5eed, 'tcp://0.0.0.0:4567') turning message relay requesting off";

/// A planned restart of n1, whose log somebody copied while its server was down: the others' go on.
#[test]
fn one_log_that_ends_early_is_no_failure() {
    let (three, two) = (component("yes", 3), component("yes", 2));
    let n1 = galera_at(&[("00:00", &three), ("48:00", ASKED), ("48:03", COMPLETE)]);
    let others = [("00:00", &*three), ("48:02", &*two), ("55:00", LATER)];
    let back = [("00:00", &*three), ("48:02", &*two), ("48:40", &*three), ("55:00", LATER)];
    for (seen, fits) in [(&others[..], [Word::IfItLasts].as_slice()), (&back, &[])] {
        let told = said("galera", &[("n1", &n1), ("n2", &galera_at(seen)), ("n3", &galera_at(seen))]);
        assert_eq!(told.iter().map(|(_, word, _)| *word).collect::<Vec<_>>(), fits, "{told:?}");
    }
    // The log was read later: nothing came after that.
    let read = n1.clone() + "2026-11-20 18:54:00 0 [Note] of another program\n";
    let told = said("galera", &[("n1", &read), ("n2", &galera_at(&others)), ("n3", &galera_at(&others))]);
    assert_eq!(
        told.iter().map(|(id, word, _)| (*id, *word)).collect::<Vec<_>>(),
        [("galera/server_down", Word::IfItLasts)]
    );
}

/// That one server has failed for certain makes nothing certain of the others.
#[test]
fn a_server_that_failed_does_not_hold_the_others_states() {
    let (three, two) = (component("yes", 3), component("yes", 2));
    let failed = galera_at(&[("00:00", &three), ("48:00", CRASH)]);
    let asked = galera_at(&[("00:00", &three), ("48:10", ASKED), ("48:13", COMPLETE)]);
    let n3 = galera_at(&[("00:00", &three), ("48:06", &two), ("48:12", &component("yes", 1))]);
    let told = said("galera", &[("n1", &failed), ("n2", &asked), ("n3", &n3)]);
    let [("galera/server_down", Word::Fired, evidence)] = &told[..] else { panic!("{told:?}") };
    assert!(evidence.iter().any(|line| line.starts_with("n1: ")), "{evidence:?}");
    // A crash that the others' logs outlive is one; one after which all three met again is over.
    let still = galera_at(&[("00:00", &three), ("48:06", &two), ("59:00", LATER)]);
    let told = said("galera", &[("n1", &failed), ("n2", &still), ("n3", &still)]);
    assert_eq!(
        told.iter().map(|(id, word, _)| (*id, *word)).collect::<Vec<_>>(),
        [("galera/server_down", Word::Fired)]
    );
    let back = galera_at(&[("00:00", &three), ("48:06", &two), ("50:00", &three), ("59:00", LATER)]);
    assert_eq!(said("galera", &[("n1", &failed), ("n2", &back), ("n3", &back)]), []);
}

/// Who is cut off says so up to where its log was cut; the others' group is without it to the end.
#[test]
fn logs_of_a_partition_that_were_copied_at_different_times() {
    let (three, two, alone) = (component("yes", 3), component("yes", 2), component("no", 1));
    let n1 = galera_at(&[("00:00", &three), ("48:05", &alone), ("49:00", LATER)]);
    let n2 = galera_at(&[("00:00", &three), ("48:06", &two), ("55:00", LATER)]);
    let n3 = galera_at(&[("00:00", &three), ("48:06", &two), ("58:00", LATER)]);
    let told = said("galera", &[("n1", &n1), ("n2", &n2), ("n3", &n3)]);
    assert_eq!(
        told.iter().map(|(id, word, _)| (*id, *word)).collect::<Vec<_>>(),
        [("galera/minority_partition", Word::Fired)]
    );
    // It came back after its log was copied.
    let back = |end| galera_at(&[("00:00", &three), ("48:06", &two), ("50:00", &three), (end, LATER)]);
    assert_eq!(said("galera", &[("n1", &n1), ("n2", &back("55:00")), ("n3", &back("58:00"))]), []);
}

/// A member without a leader beside one that has one: the quorum is not lost.
#[test]
fn an_etcd_that_is_cut_off_while_the_others_have_a_leader() {
    let line = |at: &str, said: &str| {
        format!("{{\"level\":\"info\",\"ts\":\"2026-11-20T10:{at}.000Z\",\"msg\":\"{said}\"}}\n")
    };
    let away = |at: &str, peer: &str| {
        format!(
            "{{\"level\":\"warn\",\"ts\":\"2026-11-20T10:{at}.000Z\",\"msg\":\"prober detected unhealthy status\",\"remote-peer-id\":\"{peer}\"}}\n"
        )
    };
    let m1 = line("00:00", "raft.node: 1a lost leader 2b at term 5")
        + &line("00:02", "1a is starting a new election at term 5")
        + &away("00:05", "2b")
        + &away("00:35", "3c");
    let led = line("00:01", "raft.node: 2b lost leader 2b at term 5")
        + &line("00:03", "raft.node: 2b elected leader 3c at term 6")
        + &away("00:05", "1a")
        + &away("00:35", "1a");
    let told = said("diego", &[("m1-etcd", &m1), ("m2-etcd", &led)]);
    assert!(told.iter().all(|(id, ..)| *id == "diego/etcd_stale_member"), "{told:?}");
    // And where its log ends before the others elect.
    let later = line("00:01", "raft.node: 2b lost leader 1a at term 5")
        + &line("01:03", "raft.node: 2b elected leader 3c at term 6");
    let told = said("diego", &[("m1-etcd", &m1), ("m2-etcd", &later)]);
    assert!(told.iter().all(|(id, word, _)| *id == "diego/etcd_stale_member" && *word == Word::IfItLasts), "{told:?}");
}

/// A look that somebody took outweighs what the log said before: it may be another's, or older.
#[test]
fn where_somebody_looked_a_log_is_no_witness() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("n1")).expect("a folder");
    fs::write(folder.path().join("n1/error.log"), NON_PRIMARY).expect("a log");
    fs::write(folder.path().join("n1/ps.txt"), "COMMAND\n/sbin/init\n").expect("the processes");
    let system = diagnose::find("galera").expect("a system");
    let found = files::read(folder.path(), system).expect("it is read");
    let report = Report::of(system, &found.gathered, &Inventory::default()).expect("a report");
    let told: Vec<_> = report.diagnosis.of(Word::IfItLasts).map(|told| (told.detector, &told.evidence)).collect();
    let [("galera/server_down", evidence)] = &told[..] else { panic!("{told:?}") };
    assert!(!evidence.iter().any(|line| line.contains("nobody looked")), "{evidence:?}");
    assert_eq!(report.diagnosis.of(Word::Fired).count(), 0);
}
