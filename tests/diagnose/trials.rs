//! Folders as strangers send them: what is said of each, after the words of public reports. Nobody
//! looked but at what lies in the folder; the names are as people give them.

use std::fs;

use reenact::diagnose::{self, Case, Gathered, Inventory, Line, Report, Section, Word, files};

/// What is said of a folder with these files: whose it is, how the request ends, and each detector
/// that fires or may, with its evidence.
struct Said {
    system: &'static str,
    exit_code: u8,
    told: Vec<(&'static str, Word, Vec<String>)>,
}

fn said(files: &[(&str, &str)]) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let system = files::system_of(folder.path()).expect("it is known what it is");
    let found = files::read(folder.path(), system).expect("it is read");
    let report = Report::of(system, &found.gathered, &Inventory::default()).expect("a report");
    let exit_code = report.diagnosis.exit_code();
    let told = report.diagnosis.findings.into_iter();
    let told = told.filter(|finding| matches!(finding.verdict, Word::Fired | Word::IfItLasts));
    Said {
        system: system.name,
        exit_code,
        told: told.map(|told| (told.detector, told.verdict, told.evidence)).collect(),
    }
}

/// One diagnosis and no other, with these words in its evidence.
fn assert_is(files: &[(&str, &str)], detector: &str, words: &[&str]) {
    let Said { told, exit_code, .. } = said(files);
    let [(id, Word::Fired, evidence)] = &told[..] else { panic!("{detector}: {told:?}") };
    assert_eq!((*id, exit_code), (detector, 1), "{told:?}");
    let evidence = evidence.join("\n");
    assert!(words.iter().all(|words| evidence.contains(words)), "{evidence}");
}

/// Nothing is wrong, and nothing is said to be, nor that it would be if it lasted.
fn assert_well(files: &[(&str, &str)], system: &str) {
    let said = said(files);
    assert_eq!(said.system, system);
    assert!(said.told.is_empty(), "{:?}", said.told);
    assert_ne!(said.exit_code, 1);
}

/// Galera 26.4 in MariaDB 11.4, through rsyslog, which writes tabs as `#011`: two nodes of three were
/// cut off from each other and from the third at once.
#[test]
fn mariadb_11_through_rsyslog_without_a_primary_component() {
    let log = |node: &str, uuid: &str, peers: [&str; 2]| {
        let line = |said: &str| format!("May 30 01:43:53 {node} mariadbd[1241]: {said}\n");
        let note = |said: &str| line(&format!("2026-05-30  1:43:53 0 [Note] WSREP: {said}"));
        let away = |peer: &str| {
            format!(
                "May 30 01:45:30 {node} mariadbd[1241]: 2026-05-30  1:45:30 0 [Note] WSREP: ({uuid}, 'tcp://0.0.0.0:4567') reconnecting to {peer} (tcp://192.168.3.133:4567), attempt 30\n"
            )
        };
        [
            note("New COMPONENT: primary = yes, bootstrap = no, my_idx = 1, memb_num = 3"),
            note("Synchronized with group, ready for connections"),
            line(&format!("current_view=view(view_id(REG,{uuid},974) memb {{")),
            line(&format!("#011{},0", peers[0])),
            line("} joined {"),
            note(&format!("view(view_id(NON_PRIM,{uuid},974) memb {{")),
            line(&format!("#011{uuid},0")),
            line("} joined {"),
            line("} left {"),
            line("} partitioned {"),
            line(&format!("#011{},0", peers[0])),
            line(&format!("#011{},0", peers[1])),
            line("})"),
            note("New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 1"),
            note("Received NON-PRIMARY."),
            note("Shifting SYNCED -> OPEN (TO: 829301)"),
            away(peers[0]),
            away(peers[1]),
        ]
        .concat()
    };
    let db1 = log("db1", "10d97f20-91fb", ["0ffbc290-a857", "e79a583b-89bd"]);
    let db2 = log("db2", "0ffbc290-a857", ["10d97f20-91fb", "e79a583b-89bd"]);
    assert_is(&[("db1-syslog", &db1), ("db2-syslog", &db2)], "galera/no_primary", &["db1: ", "db2: ", "nobody looked"]);
}

/// Percona XtraDB Cluster 8.0 that finds nobody at its start, as `docker logs` has it.
#[test]
fn percona_8_that_reaches_nobody_gives_up() {
    let log = "\
2024-03-28T01:03:00.600000Z 0 [System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.0.35-27.1) starting as process 1
2024-03-28T01:03:00.650000Z 0 [Note] [MY-000000] [Galera] wsrep_load(): loading provider library '/usr/lib64/galera4/libgalera_smm.so'
2024-03-28T01:03:00.700000Z 0 [Note] [MY-000000] [Galera] gcomm: connecting to group 'pxc', peer '10.0.0.1:,10.0.0.2:,10.0.0.3:'
2024-03-28T01:03:03.700000Z 0 [Note] [MY-000000] [Galera] (ec354ca0-afa5, 'ssl://0.0.0.0:4567') connection to peer 00000000-0000 with addr ssl://10.0.0.1:4567 timed out, no messages seen in PT3S
2024-03-28T01:03:30.700000Z 0 [ERROR] [MY-000000] [Galera] failed to open gcomm backend connection: 110: failed to reach primary view (pc.wait_prim_timeout): 110 (Connection timed out)
2024-03-28T01:03:30.710000Z 0 [ERROR] [MY-000000] [Galera] gcs/src/gcs.cpp:gcs_open():1880: Failed to open channel 'pxc' at 'gcomm://10.0.0.1,10.0.0.2,10.0.0.3': -110 (Connection timed out)
2024-03-28T01:03:30.720000Z 0 [ERROR] [MY-000000] [WSREP] Provider/Node (gcomm://10.0.0.1,10.0.0.2,10.0.0.3) failed to establish connection with cluster (reason: 7)
2024-03-28T01:03:30.730000Z 0 [ERROR] [MY-010119] [Server] Aborting
2024-03-28T01:03:30.740000Z 0 [System] [MY-010910] [Server] /usr/sbin/mysqld: Shutdown complete (mysqld 8.0.35-27.1)  Percona XtraDB Cluster (GPL).
";
    assert_is(&[("pxc-0.log", log)], "galera/server_down", &["failed to reach primary view"]);
}

/// A rolling restart of Percona XtraDB Cluster 8.0 that is over: each node went and came back by IST.
#[test]
fn a_rolling_restart_of_percona_8_is_well() {
    let restarted = |minute: u8| {
        let line = |second: u8, said: &str| format!("2024-03-28T01:{minute:02}:{second:02}.000000Z 0 {said}\n");
        let galera = |second: u8, said: &str| line(second, &format!("[Note] [MY-000000] [Galera] {said}"));
        [
            line(0, "[System] [MY-013172] [Server] Received SHUTDOWN from user <via user signal>. Shutting down mysqld (Version: 8.0.35-27.1)."),
            galera(1, "Current view of cluster as seen by this node\nview (view_id(NON_PRIM,135e2e5d,43)\nmemb {\n\tcfa5fea8,0\n\t}\njoined {\n\t}\nleft {\n\t}\npartitioned {\n\t135e2e5d,0\n\t67c46602,0\n\t}\n)"),
            galera(1, "Current view of cluster as seen by this node\nview ((empty))"),
            galera(1, "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 1"),
            line(4, "[System] [MY-010910] [Server] /usr/sbin/mysqld: Shutdown complete (mysqld 8.0.35-27.1)  Percona XtraDB Cluster (GPL)."),
            line(7, "[System] [MY-010116] [Server] /usr/sbin/mysqld (mysqld 8.0.35-27.1) starting as process 1"),
            galera(8, "wsrep_load(): loading provider library '/usr/lib64/galera4/libgalera_smm.so'"),
            galera(9, "gcomm: connecting to group 'pxc', peer '10.0.0.1:,10.0.0.2:,10.0.0.3:'"),
            galera(10, "New COMPONENT: primary = yes, bootstrap = no, my_idx = 1, memb_num = 3"),
            galera(11, "IST receiver addr using ssl://10.0.0.2:4568"),
            galera(12, "Receiving IST: 120 writesets, seqnos 2249393-2249513"),
            line(14, "[System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.0.35-27.1'  socket: '/tmp/mysql.sock'  port: 3306"),
            galera(15, "Shifting JOINED -> SYNCED (TO: 2249514)"),
        ]
        .concat()
    };
    let seen = |minute: u8, last: &str| {
        let line = |second: u8, members: u8| {
            format!(
                "2024-03-28T01:{minute:02}:{second:02}.000000Z 0 [Note] [MY-000000] [Galera] New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = {members}\n"
            )
        };
        line(1, 2) + &line(10, 3) + last
    };
    let other = seen(20, "");
    let logs = [restarted(5) + &other, seen(5, &restarted(20)), seen(5, &other)];
    assert_well(&[("n1/error.log", &logs[0]), ("n2/error.log", &logs[1]), ("n3/error.log", &logs[2])], "galera");
    // Copied while the second one was down.
    let cut = logs[1].find("starting as process").and_then(|at| logs[1][..at].rfind('\n')).expect("its start");
    let said = said(&[("n1/error.log", &logs[0]), ("n2/error.log", &logs[1][..cut]), ("n3/error.log", &logs[2])]);
    assert!(said.told.iter().all(|(_, word, _)| *word != Word::Fired), "{:?}", said.told);
}

/// A log and those that were put aside are one, the oldest first: it stopped then, and runs now.
#[test]
fn logs_that_were_put_aside_came_before() {
    let aside = "\
2026-11-19 23:00:00 0 [Note] WSREP: New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 3
2026-11-19 23:59:50 0 [ERROR] WSREP: exception from gcomm, backend must be restarted: evs::proto gave up
2026-11-19 23:59:58 0 [ERROR] mariadbd got signal 6 ;
";
    let log = "\
2026-11-20 00:00:05 0 [Note] Starting MariaDB 10.11.11-MariaDB source revision e69f as process 7
2026-11-20 00:00:06 0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'
2026-11-20 00:00:08 0 [Note] WSREP: New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 3
2026-11-20 00:00:09 0 [Note] /usr/sbin/mariadbd: ready for connections.
";
    assert_well(&[("error.log", log), ("error.log.1", aside)], "galera");
    assert_is(&[("error.log.1", aside)], "galera/server_down", &["mariadbd got signal 6"]);
}

/// A node of MariaDB 10.6 that joins by a full state transfer, which takes its time.
#[test]
fn a_node_that_is_given_the_whole_state_is_well() {
    let joiner = "\
2022-06-10 16:59:58 0 [Note] /usr/sbin/mariadbd (mysqld 10.6.8-MariaDB) starting as process 74 ...
2022-06-10 16:59:59 0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'
2022-06-10 17:00:00 0 [Note] WSREP: gcomm: connecting to group 'db', peer '10.0.1.7:,10.0.1.8:'
2022-06-10 17:00:01 0 [Note] WSREP: view(view_id(PRIM,79dc26a8-8345,5) memb {
\t79dc26a8-8345,0
\tcd2e6c85-90aa,0
} joined {
} left {
} partitioned {
})
2022-06-10 17:00:02 0 [Note] WSREP: New COMPONENT: primary = yes, bootstrap = no, my_idx = 1, memb_num = 2
2022-06-10 17:00:02 1 [Note] WSREP: State transfer required:
\tGroup state: 79dc26a8-e8b4-11ec-8345-000000000001:4711
\tLocal state: 00000000-0000-0000-0000-000000000000:-1
2022-06-10 17:00:02 0 [Note] WSREP: Running: 'wsrep_sst_mariabackup --role 'joiner' --address '10.0.1.8' --datadir '/var/lib/mysql/' --parent 74'
2022-06-10 17:00:03 0 [ERROR] WSREP: Failed to read 'ready <addr>' from: nothing yet, of a user's own script
WSREP_SST: [INFO] Waiting for SST streaming to complete! (20220610 17:00:18.180)
2022-06-10 17:09:30 0 [Note] WSREP: 1.0 (db1): State transfer to 0.0 (db2) still going
";
    let donor = "\
2022-06-10 17:00:02 0 [Note] WSREP: New COMPONENT: primary = yes, bootstrap = no, my_idx = 0, memb_num = 2
2022-06-10 17:00:02 0 [Note] WSREP: Member 1.0 (db2) requested state transfer from '*any*'. Selected 0.0 (db1)(SYNCED) as donor.
2022-06-10 17:00:02 0 [Note] WSREP: Shifting SYNCED -> DONOR/DESYNCED (TO: 4711)
2022-06-10 17:09:40 0 [Note] WSREP: (79dc26a8, 'tcp://0.0.0.0:4567') turning message relay requesting off
";
    let state = "# GALERA saved state\nversion: 2.1\nuuid:    00000000-0000-0000-0000-000000000000\nseqno:   -1\nsafe_to_bootstrap: 0\n";
    assert_well(&[("db1/mysql.err", donor), ("db2/mysql.err", joiner), ("db2/grastate.dat", state)], "galera");
}

/// etcd 3.5 under Kubernetes: one member was given an empty disk, the others say so and go on.
#[test]
fn an_etcd_3_5_pod_with_an_empty_disk() {
    let wiped = r#"2024-05-01T10:00:00.000000000Z stderr F {"level":"info","ts":"2024-05-01T10:00:00.000Z","caller":"embed/etcd.go:308","msg":"starting an etcd server","etcd-version":"3.5.9"}
2024-05-01T10:00:01.000000000Z stderr F {"level":"warn","ts":"2024-05-01T10:00:01.000Z","caller":"etcdserver/server.go:1127","msg":"server error","error":"x"}
2024-05-01T10:00:01.100000000Z stderr F {"level":"fatal","ts":"2024-05-01T10:00:01.100Z","caller":"etcdmain/etcd.go:204","msg":"discovery failed","error":"member 8e9e05c52164694d has already been bootstrapped"}
"#;
    let other = r#"2024-05-01T09:59:00.000000000Z stderr F {"level":"info","ts":"2024-05-01T09:59:00.000Z","logger":"raft","caller":"etcdserver/zap_raft.go:77","msg":"raft.node: 2b elected leader 2b at term 6"}
2024-05-01T10:00:05.000000000Z stderr F {"level":"warn","ts":"2024-05-01T10:00:05.000Z","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","round-tripper-name":"ROUND_TRIPPER_SNAPSHOT","remote-peer-id":"8e9e05c52164694d","rtt":"0s","error":"dial tcp 10.0.0.1:2380: connect: connection refused"}
"#;
    assert_is(
        &[("etcd-0/0.log", wiped), ("etcd-1/0.log", other), ("etcd-2/0.log", other)],
        "diego/etcd_member_wiped",
        &["etcd-0", "has already been bootstrapped"],
    );
}

/// etcd 3.4 and 3.6, each restarted in turn: every member has a leader in the end.
#[test]
fn etcd_members_that_were_restarted_in_turn_are_well() {
    let text = |at: &str| {
        format!(
            "2021-03-04 10:0{at}:00.000001 N | pkg/osutil: received terminated signal, shutting down...\n\
             2021-03-04 10:0{at}:04.000001 I | etcdmain: etcd Version: 3.4.14\n\
             2021-03-04 10:0{at}:04.200001 I | etcdserver: restarting member 1a in cluster cdf818194e3a8c32 at commit index 3003\n\
             2021-03-04 10:0{at}:04.300001 I | raft: 1a became follower at term 5\n\
             2021-03-04 10:0{at}:05.000001 I | raft: raft.node: 1a elected leader 3c at term 6\n\
             2021-03-04 10:0{at}:05.100001 I | embed: ready to serve client requests\n"
        )
    };
    let seen = "2021-03-04 10:01:00.100001 W | rafthttp: lost the TCP streaming connection with peer 1a (stream MsgApp v2 reader)\n\
                2021-03-04 10:01:03.100001 I | raft: 3c is starting a new election at term 5\n\
                2021-03-04 10:01:04.100001 I | raft: raft.node: 3c elected leader 3c at term 6\n\
                2021-03-04 10:01:05.100001 I | rafthttp: peer 1a became active\n";
    assert_well(&[("m1-etcd.log", &text("1")), ("m2-etcd.log", seen)], "diego");
    let json = "{\"level\":\"info\",\"ts\":\"2025-06-01T10:00:00.000000Z\",\"caller\":\"osutil/interrupt_unix.go:65\",\"msg\":\"received signal; shutting down\",\"signal\":\"terminated\"}\n\
                {\"level\":\"info\",\"ts\":\"2025-06-01T10:00:01.000000Z\",\"caller\":\"etcdserver/server.go:1272\",\"msg\":\"skipped leadership transfer; local server is not leader\",\"local-member-id\":\"1a\",\"current-leader-member-id\":\"3c\"}\n\
                {\"level\":\"info\",\"ts\":\"2025-06-01T10:00:02.000000Z\",\"caller\":\"embed/etcd.go:621\",\"msg\":\"stopped serving peer traffic\",\"address\":\"[::]:2380\"}\n\
                {\"level\":\"info\",\"ts\":\"2025-06-01T10:00:06.000000Z\",\"logger\":\"raft\",\"caller\":\"etcdserver/raft.go:337\",\"msg\":\"raft.node: 1a elected leader 3c at term 7\"}\n";
    assert_well(&[("m1-etcd.log", json)], "diego");
}

/// Pods' logs are called by their numbers: each is a node of its own. Two lost the third, and have each other.
#[test]
fn logs_of_three_pods_that_are_called_by_their_numbers() {
    let component = |at: &str, primary: &str, members: u8| {
        format!(
            "2024-07-09  9:{at} 0 [Note] WSREP: New COMPONENT: primary = {primary}, bootstrap = no, my_idx = 0, memb_num = {members}\n"
        )
    };
    let alone = component("00:00", "yes", 3)
        + &component("07:15", "no", 1)
        + "2024-07-09  9:08:15 0 [Note] WSREP: (c912f31f-884c, 'tcp://0.0.0.0:4567') reconnecting to 015a0f05-b94a (tcp://10.42.0.9:4567), attempt 30\n";
    let kept = component("00:00", "yes", 3) + &component("07:16", "yes", 2);
    let logs = [("galera-0.log", &*kept), ("galera-1.log", &*alone), ("galera-2.log", &*kept)];
    assert_is(&logs, "galera/minority_partition", &["galera-1: SQL answers, non-Primary, size 1"]);
}

/// etcd 3.4: who is cut off, and one that knows the next leader at once (`changed leader`).
#[test]
fn an_etcd_3_4_whose_leader_went_while_one_is_cut_off() {
    let cut_off = "\
2021-03-04 10:00:01.100001 I | raft: raft.node: 2b lost leader 1a at term 5
2021-03-04 10:00:03.100001 I | raft: 2b is starting a new election at term 5
2021-03-04 10:00:09.100001 W | rafthttp: health check for peer 1a could not connect: dial tcp 10.0.0.1:2380: i/o timeout
2021-03-04 10:00:10.100001 W | rafthttp: health check for peer 3c could not connect: dial tcp 10.0.0.3:2380: i/o timeout
";
    let led = "\
2021-03-04 10:00:01.500001 I | raft: raft.node: 3c lost leader 1a at term 5
2021-03-04 10:00:02.500001 I | raft: raft.node: 3c changed leader from 1a to 3c at term 6
2021-03-04 10:00:11.100001 W | rafthttp: health check for peer 2b could not connect: dial tcp 10.0.0.2:2380: i/o timeout
";
    let said = said(&[("etcd-1.log", cut_off), ("etcd-2.log", led)]);
    assert!(said.told.iter().all(|(id, ..)| *id == "diego/etcd_stale_member"), "{:?}", said.told);
    assert!(!said.told.is_empty());
}

/// Consul 1.10 on two of three machines, by journalctl: the third is gone, and one of the two is behind.
#[test]
fn consul_1_10_with_two_servers_away() {
    let journal = "\
Sep 17 17:36:50 web-1 consul[70258]: 2021-09-17T17:36:50.865+0700 [WARN]  agent.server.raft: unable to get address for server, using fallback address: id=5e103976 fallback=10.179.37.214:8300 error=\"Could not find address for server id 5e103976\"
Sep 17 17:36:51 web-1 consul[70258]: 2021-09-17T17:36:51.341+0700 [ERROR] agent.server.raft: failed to make requestVote RPC: target=\"{Voter 5e103976 10.179.37.214:8300}\" error=\"dial tcp 10.179.37.248:0->10.179.37.214:8300: i/o timeout\"
Sep 17 17:36:51 web-1 consul[70258]: 2021-09-17T17:36:51.342+0700 [ERROR] agent.server.raft: failed to make requestVote RPC: target=\"{Voter 5e103977 10.179.37.215:8300}\" error=\"dial tcp 10.179.37.248:0->10.179.37.215:8300: i/o timeout\"
Sep 17 17:37:00 web-1 consul[70258]: 2021-09-17T17:37:00.214+0700 [ERROR] agent: Coordinate update error: error=\"No cluster leader\"
Sep 17 17:37:00 web-1 consul[70258]: 2021-09-17T17:37:00.335+0700 [WARN]  agent.server.raft: Election timeout reached, restarting election
Sep 17 17:37:00 web-1 consul[70258]: 2021-09-17T17:37:00.335+0700 [INFO]  agent.server.raft: entering candidate state: node=\"Node at 10.179.37.248:8300 [Candidate]\" term=146
Sep 17 17:37:30 web-1 consul[70258]: 2021-09-17T17:37:30.335+0700 [WARN]  agent.server.raft: Election timeout reached, restarting election
";
    assert_is(
        &[("web-1/journal.txt", journal)],
        "diego/consul_quorum_lost",
        &["10.179.37.214:8300", "10.179.37.215:8300"],
    );
    let led = "Sep 17 17:37:45 web-1 consul[70258]: 2021-09-17T17:37:45.335+0700 [INFO]  agent.server: New leader elected: payload=web-2\n";
    assert_well(&[("web-1/journal.txt", &format!("{journal}{led}"))], "diego");
}

/// A disk whose file system the kernel has set read-only, by `journalctl -k` and the mount table.
#[test]
fn an_ext4_that_the_kernel_has_set_read_only() {
    let kernel = "\
Jul 14 10:25:59 blobstore kernel: sd 7:0:0:1: [sdb] tag#5 Add. Sense: Unrecovered read error
Jul 14 10:25:59 blobstore kernel: blk_update_request: critical medium error, dev sdb, sector 1811939592 op 0x1:(WRITE) flags 0x800 phys_seg 8 prio class 0
Jul 14 10:25:59 blobstore kernel: Buffer I/O error on dev sdb1, logical block 0, lost sync page write
Jul 14 10:25:59 blobstore kernel: Aborting journal on device sdb1-8.
Jul 14 10:26:00 blobstore kernel: EXT4-fs error (device sdb1): ext4_journal_check_start:83: comm nginx: Detected aborted journal
Jul 14 10:26:00 blobstore kernel: EXT4-fs (sdb1): Remounting filesystem read-only
";
    let mounts = "21 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n36 21 8:17 / /var/vcap/store ro,relatime shared:2 - ext4 /dev/sdb1 ro,errors=remount-ro\n";
    let devices = "/sys/fs/ext4/sdb1/errors_count:3\n/sys/class/block/sdb1/ro:0\n";
    let files = [("kernel.log", kernel), ("mountinfo", mounts), ("devices.txt", devices)];
    assert_is(&files, "blobstore/filesystem_error", &["sdb1"]);
    // dmesg's own time, and a level before it.
    let dmesg: String = kernel
        .lines()
        .filter_map(|line| line.split_once(" kernel: "))
        .map(|(_, said)| format!("kern  :err   : [Tue Jul 14 10:25:59 2026] {said}\n"))
        .collect();
    assert_is(
        &[("dmesg.txt", &*dmesg), ("mountinfo", mounts), ("devices.txt", devices)],
        "blobstore/filesystem_error",
        &["sdb1"],
    );
}

/// A service that shut down as it should, and one that its kernel killed: `docker logs -t` and `docker inspect`.
#[test]
fn a_container_that_ended_as_it_should_and_one_that_did_not() {
    let log = "\
2026-11-20T10:00:00.100000000Z started, 0 queued in memory
2026-11-20T10:00:10.100000000Z work begun, id 7
2026-11-20T10:00:12.100000000Z work done, id 7
2026-11-20T10:00:20.100000000Z 2026-11-20T10:00:20.100Z  INFO 1 --- [ionShutdownHook] o.s.b.w.e.tomcat.GracefulShutdown: Commencing graceful shutdown. Waiting for active requests to complete
2026-11-20T10:00:21.100000000Z 2026-11-20T10:00:21.100Z  INFO 1 --- [tomcat-shutdown] o.s.b.w.e.tomcat.GracefulShutdown: Graceful shutdown complete
";
    let inspect = |code: u8, oom: bool| {
        format!(
            "[{{\"Id\": \"5eed\", \"State\": {{\"Status\": \"exited\", \"Running\": false, \"Paused\": false, \"OOMKilled\": {oom}, \"ExitCode\": {code}, \"FinishedAt\": \"2026-11-20T10:00:22.1Z\"}}}}]"
        )
    };
    assert_well(&[("web-docker.log", log), ("web-inspect.json", &inspect(143, false))], "shutdown");
}

/// A BOSH task's debug log of 2016, whose times have a space and no fraction: it only waits.
#[test]
fn a_bosh_task_of_2016_that_waits_for_its_cpi() {
    let at = |minute: u64| format!("D, [2016-08-17 {:02}:{:02}:31 #12679]", 13 + minute / 60, minute % 60);
    let mut log = format!(
        "I, [2016-08-17 13:00:00 #12679] [task:42]  INFO -- DirectorJobRunner: Acquired lock: lock:deployment:cf\n\
         {} [canary_update(cf_z1/0 (365666e5))] DEBUG -- DirectorJobRunner: [external-cpi] [cpi-210425] request: {{\"method\":\"create_vm\",\"arguments\":[]}} with command: /var/vcap/jobs/cpi/bin/cpi\n",
        at(1)
    );
    for minute in (2..=50).step_by(2) {
        log += &format!("{} [] DEBUG -- DirectorJobRunner: Renewing lock: lock:deployment:cf\n", at(minute));
        log += &format!("{} [] DEBUG -- DirectorJobRunner: (0.000191s) SELECT NULL\n", at(minute));
        log += &format!(
            "{} [] DEBUG -- DirectorJobRunner: (0.005487s) UPDATE \"locks\" SET \"expired_at\" = '2016-08-17 13:15:42.582495+0000' WHERE ((\"name\" = 'lock:deployment:cf') AND (\"uid\" = '506d48f4'))\n",
            at(minute)
        );
    }
    assert_is(&[("tasks/42/debug", &log)], "bosh/stuck_task_holds_lock", &["create_vm", "lock:deployment:cf"]);
}

/// What 3.5's `etcdctl endpoint status --cluster -w json` prints of three members, errors included.
fn of_the_cluster(leader: &str, refused: &[&str]) -> String {
    let mut text = String::new();
    for host in refused {
        text += &format!(
            r#"{{"level":"warn","ts":"2026-05-30T09:12:01.123Z","logger":"etcd-client","caller":"v3/retry_interceptor.go:62","msg":"retrying of unary invoker failed","target":"etcd-endpoints://0xc0003c8000/{host}:2379","attempt":0,"error":"rpc error: code = DeadlineExceeded desc = latest balancer error: last connection error: connection error: desc = \"transport: Error while dialing dial tcp {host}:2379: connect: connection refused\""}}
Failed to get the status of endpoint http://{host}:2379 (context deadline exceeded)
"#
        );
    }
    let one = |number: u64| {
        format!(
            r#"{{"Endpoint":"http://10.0.0.{number}:2379","Status":{{"header":{{"cluster_id":255,"member_id":{number},"revision":9,"raft_term":7}},"version":"3.5.16","dbSize":20480,{leader}"raftIndex":4{number},"raftTerm":7,"raftAppliedIndex":4{number},"dbSizeInUse":16384}}}}"#
        )
    };
    let answered = (1..=3).filter(|number| !refused.contains(&format!("10.0.0.{number}").as_str()));
    text + &format!("[{}]\n", answered.map(one).collect::<Vec<_>>().join(","))
}

#[test]
fn one_file_of_etcdctl_s_tells_of_every_member() {
    let lost = of_the_cluster("", &["10.0.0.2", "10.0.0.3"]);
    let Said { told, exit_code, .. } = said(&[("endpoint-status.json", &lost)]);
    let [("diego/etcd_quorum_lost", Word::IfItLasts, evidence)] = &told[..] else { panic!("{told:?}") };
    assert!(exit_code == 4 && evidence.join("\n").contains("10.0.0.1"), "{evidence:?}");
    // A bundle has the members that did not answer in another file.
    let health = r#"[{"endpoint":"http://10.0.0.1:2379","health":false,"took":"5.0s","error":"context deadline exceeded"},{"endpoint":"http://10.0.0.2:2379","health":false,"took":"5.0s","error":"context deadline exceeded"},{"endpoint":"http://10.0.0.3:2379","health":false,"took":"5.0s","error":"context deadline exceeded"}]"#;
    let lists: Vec<_> = lost.lines().filter(|line| line.starts_with('[')).collect();
    let said = said(&[("endpoint_health.json", health), ("endpoint_status.json", lists[0])]);
    assert_eq!(said.told.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), ["diego/etcd_quorum_lost"]);
    let well = of_the_cluster("\"leader\":2,", &[]);
    assert_well(&[("endpoint-status.json", &well)], "diego");
    let health = health.replace("false", "true").replace(r#","error":"context deadline exceeded""#, "");
    assert_well(&[("endpoint_health.json", &health), ("endpoint_status.json", &well)], "diego");
}

/// Two of Consul's three servers do not answer even ssh: their votes come back with them, and no
/// `peers.json` is to be written.
#[test]
fn servers_that_could_not_be_reached_are_not_gone_for_good() {
    let system = diagnose::find("diego").expect("a system");
    let section = |text: &str| Section { text: text.into(), status: Some(0) };
    let peers = |number: u8| {
        format!(
            r#"{{"ID":"{number}","Node":"c{number}","Address":"10.0.0.{number}:8300","Leader":false,"Voter":true}}"#
        )
    };
    let said = |others: Option<&str>| {
        let mut server = Gathered::of("consul1");
        server.take(
            "consul self",
            section(r#"{"Config":{"Server":true},"Member":{"Addr":"10.0.0.1","Tags":{"role":"consul"}}}"#),
        );
        server.take("consul leader", section("\"\""));
        server.take("consul peers", section(&format!(r#"{{"Servers":[{},{},{}]}}"#, peers(1), peers(2), peers(3))));
        let away = |name: &str| Gathered { unreachable: others.map(str::to_owned), ..Gathered::of(name) };
        let inventory = Inventory { was_well: true, ..Inventory::default() };
        let report = Report::of(system, &[server, away("consul2"), away("consul3")], &inventory).expect("a report");
        report.diagnosis.of(Word::IfItLasts).map(|finding| finding.detector).collect::<Vec<_>>()
    };
    assert_eq!(said(Some("ssh: connect to host consul2 port 22: Connection timed out")), ["diego/consul_quorum_lost"]);
    assert_eq!(said(None), ["diego/consul_dead_voters"], "machines that were looked at, and have no Consul");
}

/// All of etcd's machines are off: only what their hosts have kept of them tells that they were members.
#[test]
fn members_whose_machines_are_off_are_away() {
    let system = diagnose::find("diego").expect("a system");
    let member = |name: &str, running: bool| {
        let mut node = Gathered::of(name);
        let state = format!(r#"[{{"State":{{"Running":{running},"Paused":false,"ExitCode":137,"OOMKilled":false}}}}]"#);
        node.take("inspect", Section { text: state, status: Some(0) });
        let line = "2026-05-30T09:12:01.123Z etcdserver: starting etcd server";
        node.log.push(Line { at: None, text: line.into() });
        node
    };
    let inventory = Inventory { was_well: true, ..Inventory::default() };
    let said = |running| {
        let nodes = ["etcd1", "etcd2", "etcd3"].map(|name| member(name, running));
        let report = Report::of(system, &nodes, &inventory).expect("a report");
        report.diagnosis.of(Word::IfItLasts).map(|finding| finding.detector).collect::<Vec<_>>()
    };
    assert!(said(false).contains(&"diego/etcd_quorum_lost"), "{:?}", said(false));
    assert!(!said(true).contains(&"diego/etcd_quorum_lost"), "{:?}", said(true));
}

/// A cluster whose members name themselves by no address: what a host calls itself excludes nobody.
#[test]
fn names_that_no_list_has_make_no_second_cluster() {
    let system = diagnose::find("galera").expect("a system");
    let node = |number: u8, listed: &str| {
        let mut node = Gathered::of(format!("n{number}"));
        let status = format!(
            "wsrep_ready\tON\nwsrep_cluster_status\tPrimary\nwsrep_cluster_size\t3\nwsrep_local_index\t{}\nwsrep_cluster_conf_id\t3\nwsrep_cluster_state_uuid\tu\nwsrep_incoming_addresses\t{listed}\n",
            number - 1
        );
        for (name, text) in [("status", status), ("addresses", format!("10.0.0.{number} \nn{number}.db.example\n"))] {
            node.take(name, Section { text, status: Some(0) });
        }
        node
    };
    for listed in ["AUTO,AUTO,AUTO", "203.0.113.1:3306,203.0.113.2:3306,203.0.113.3:3306"] {
        let nodes = [1, 2, 3].map(|number| node(number, listed));
        let report = Report::of(system, &nodes, &Inventory::default()).expect("a report");
        let told: Vec<_> =
            report.diagnosis.findings.iter().filter(|it| matches!(it.verdict, Word::Fired | Word::IfItLasts)).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}

/// BOSH's agent keeps which disk it has mounted: where it is not, it is missed.
#[test]
fn a_disk_that_bosh_has_attached_and_that_is_not_mounted_is_missed() {
    let system = diagnose::find("blobstore").expect("a system");
    let said = |id: &str| {
        let mut node = Gathered::of("nfs-server");
        let mountinfo = "22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n";
        for (name, text) in [("mountinfo", mountinfo), ("file /var/vcap/bosh/managed_disk_settings.json", id)] {
            node.take(name, Section { text: text.into(), status: Some(0) });
        }
        let report = Report::of(system, &[node], &Inventory::default()).expect("a report");
        report.diagnosis.of(Word::IfItLasts).map(|finding| finding.detector).collect::<Vec<_>>()
    };
    assert_eq!(said("disk-4b1c"), ["blobstore/disk_not_mounted"]);
    assert!(said("").is_empty());
}

/// What a director is set to, an inventory tells its detectors.
#[test]
fn settings_of_an_inventory_take_the_place_of_the_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inventory.toml");
    fs::write(&path, "[settings]\nrenew_ms = 60000\nscale = 0.5\n").expect("a file");
    let system = diagnose::find("bosh").expect("a system");
    let mut nodes = [Gathered::of("director")];
    nodes[0].take("tables", Section { text: "now|now_ms|1000\n".into(), status: Some(0) });
    let told = |inventory: &Inventory, nodes: &mut [Gathered]| {
        inventory.tell(nodes);
        let case = Case::of(system, nodes, inventory);
        let (.., answer) = case.answers("director:config").next().expect("it is told");
        ["renew_ms", "scale", "expiry_ms"].map(|name| answer.get(name).unwrap_or("-").to_owned())
    };
    assert_eq!(told(&Inventory::default(), &mut nodes), ["120000", "1", "241000"]);
    assert_eq!(told(&Inventory::read(&path).expect("an inventory"), &mut nodes), ["60000", "0.5", "241000"]);
}
