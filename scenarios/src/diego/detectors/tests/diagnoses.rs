//! Every diagnosis is made in time and with its evidence, and no other beside it.

use reenact::detect::testing::World;

use super::super::*;
use super::*;

#[test]
fn two_members_that_are_killed_take_the_quorum() {
    let mut sim = Sim::new(1);
    sim.kill(1);
    sim.kill(2);
    let from = sim.now;
    sim.run(25_000);
    let lines = [
        "none of etcd's 3 members has a leader",
        "e0: it answers, as of raft index ",
        "e1: etcd is refused",
        "b0: the BBS answers pings and its list ",
    ];
    sim.only(QUORUM_LOST, from, 6_000..=8_500, &lines);
    sim.start(1);
    sim.run(4_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_full_partition_and_a_pause_of_two_take_the_quorum_too() {
    let mut sim = Sim::new(2);
    (0..3).for_each(|side| sim.etcd[usize::from(side)].side = side);
    sim.settle();
    let from = sim.now;
    sim.run(15_000);
    sim.only(QUORUM_LOST, from, 6_000..=8_500, &["e2: it answers, as of raft index "]);
    let mut sim = Sim::new(3);
    sim.etcd[0].hangs = true;
    sim.etcd[1].hangs = true;
    sim.settle();
    let from = sim.now;
    sim.run(25_000);
    sim.only(QUORUM_LOST, from, 6_000..=8_500, &["e0: etcd hangs in the query"]);
}

#[test]
fn the_recipe_s_first_step_makes_it_darker_and_it_stays_lost() {
    let mut sim = Sim::new(4);
    sim.kill(1);
    sim.kill(2);
    sim.run(10_000);
    sim.kill(0);
    sim.run(10_000);
    assert_eq!(sim.diagnoses(), [QUORUM_LOST]);
    assert_eq!(sim.firing(), [QUORUM_LOST]);
}

#[test]
fn a_member_in_a_cluster_of_its_own_splits_it() {
    let mut sim = Sim::new(5);
    sim.kill(2);
    sim.run(3_000);
    (sim.etcd[2].cluster, sim.etcd[2].applied) = ("a1b2", 5);
    sim.start(2);
    let from = sim.now;
    sim.run(12_000);
    sim.only(SPLIT_CLUSTER, from, 3_500..=5_500, &["e2 is in cluster a1b2", "e0 and e1 is in cluster cdf8"]);
}

#[test]
fn three_clusters_are_split_too() {
    let mut sim = Sim::new(6);
    for (index, cluster) in ["cdf8", "a1b2", "c3d4"].into_iter().enumerate() {
        (sim.etcd[index].cluster, sim.etcd[index].side) = (cluster, index as u8);
    }
    sim.run(8_000);
    assert_eq!(sim.diagnoses(), [SPLIT_CLUSTER]);
}

#[test]
fn a_member_that_is_cut_off_answers_with_old_data() {
    let mut sim = Sim::new(7);
    sim.etcd[0].side = 1;
    sim.settle();
    let from = sim.now;
    sim.run(20_000);
    let line = "e0: it answers and has no leader, while others have; it is ";
    sim.only(STALE_MEMBER, from, 6_500..=8_500, &[line]);
    assert!(!sim.said().fired[STALE_MEMBER].1[0].ends_with(" 0 entries behind"));
}

#[test]
fn a_member_with_damaged_files_is_named_by_its_last_words() {
    for (seed, line) in (10..).zip([
        "C | etcdmain: walpb: crc mismatch",
        "panic: cannot use none as id",
        r#"{"level":"panic","error":"invalid database"}"#,
        "unexpected fault address 0x7f1a",
        "C | etcdserver: failed to find database snapshot file (snap: x)",
    ]) {
        let mut sim = Sim::new(seed);
        sim.kill(1);
        sim.run(1_000);
        sim.refuse(1, line);
        let from = sim.now;
        sim.run(20_000);
        sim.only(MEMBER_CORRUPT, from, 3_000..=4_300, &[line]);
    }
}

#[test]
fn two_damaged_members_explain_the_lost_quorum() {
    let mut sim = Sim::new(16);
    sim.kill(1);
    sim.kill(2);
    sim.run(1_000);
    sim.refuse(1, "walpb: crc mismatch");
    sim.refuse(2, "walpb: crc mismatch");
    let from = sim.now;
    sim.run(20_000);
    sim.only(MEMBER_CORRUPT, from, 3_000..=4_300, &["e2: etcd does not start", "e1: etcd does not start"]);
    assert!(sim.said().evidence(MEMBER_CORRUPT)[2].starts_with("1 of 3 members answer, 2 are needed"));
}

#[test]
fn a_damaged_member_does_not_explain_two_that_are_killed() {
    let mut sim = Sim::new(17);
    sim.refuse(1, "walpb: crc mismatch");
    sim.run(500);
    sim.etcd[0].side = 1;
    sim.settle();
    sim.run(12_000);
    // Without a quorum it cannot be replaced: those who are away come first.
    assert_eq!(sim.diagnoses(), [QUORUM_LOST]);
    assert!(sim.said().evidence(QUORUM_LOST).contains(&"e1: etcd does not start: walpb: crc mismatch".to_owned()));
}

/// etcd-io/etcd#11949: all three after a power cut.
#[test]
fn three_damaged_members_are_not_told_to_rebuild_from_one_that_answers() {
    let mut sim = Sim::new(18);
    for (index, line) in [
        "panic: freepages: failed to get all reachable pages (page 9: out of bounds: 3)",
        "panic: assertion failed: Page expected to be: 36, but self identifies as 0",
        "C | etcdserver: failed to find database snapshot file (snap: x)",
    ]
    .into_iter()
    .enumerate()
    {
        sim.refuse(index, line);
    }
    let from = sim.now;
    sim.run(20_000);
    sim.only(MEMBER_CORRUPT, from, 3_000..=4_300, &["e2: etcd does not start", "e1: etcd does not start"]);
    let last = sim.said().evidence(MEMBER_CORRUPT)[3].clone();
    assert!(
        last.starts_with("0 of 3 members answer")
            && last.ends_with("restore a snapshot, or what can be saved of the newest"),
        "{last}"
    );
}

#[test]
fn a_member_that_was_removed_is_told_from_a_wiped_one() {
    let mut sim = Sim::new(19);
    let from = sim.now;
    for _ in 0..3 {
        sim.refuse(2, r#"{"error":"the member has been permanently removed from the cluster"}"#);
        sim.run(11_000);
    }
    sim.only(MEMBER_REMOVED, from, 3_000..=4_300, &["e2: etcd does not start: "]);
    sim.start(2);
    sim.run(6_000);
    assert_eq!(sim.firing(), [""; 0]);
}

/// Of a detector that is started when all is broken already.
#[test]
fn a_cluster_that_was_found_broken_is_diagnosed_after_a_minute() {
    for (seed, make, told) in [
        (26, (|sim| (0..3).for_each(|index| sim.etcd[index].has_leader = false)) as Act, QUORUM_LOST),
        (27, |sim| sim.consul.iter_mut().for_each(|server| server.has_leader = false), CONSUL_QUORUM_LOST),
    ] {
        let mut sim = Sim::new(seed);
        make(&mut sim);
        let broken = sim.now;
        sim.run(75_000);
        sim.said_from(broken).only(told, broken, 64_500..=67_500, &[]);
    }
}

#[test]
fn a_job_that_does_not_start_is_named_with_its_last_words() {
    let mut sim = Sim::new(28);
    let from = sim.now;
    sim.starts_in_vain(1, "flag provided but not defined: -quota-backend-byte");
    sim.run(55_000);
    let lines =
        ["e1: etcd's port has been closed for 3", "e1: log: flag provided but not defined: -quota-backend-byte"];
    sim.only(JOB_DOWN, from, 29_500..=33_000, &lines);
    sim.in_vain.clear();
    sim.start(1);
    sim.run(5_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn what_is_away_for_longer_than_a_reboot() {
    for (off, line) in [
        ((|sim| sim.kill(2)) as fn(&mut Sim), "e2: its machine is off, and has been for 3"),
        (|sim| sim.consul[2].up = false, "c2: its machine is off, and has been for 3"),
        (|sim| sim.cc_hangs = true, "cc: the Cloud Controller hangs in the request, and has answered nobody for 3"),
        (|sim| (sim.bbs[1], sim.off) = (Bbs::Away, vec!["b1"]), "b1: its machine is off, and has been for 3"),
    ] {
        let mut sim = Sim::new(29);
        let from = sim.now;
        off(&mut sim);
        sim.run(34_000);
        sim.only(JOB_DOWN, from, 30_000..=33_000, &[line]);
    }
}

/// Where machines are off and that is why nobody leads, it has its own name.
#[test]
fn machines_that_are_off_for_a_quorum_are_told_once() {
    let mut sim = Sim::new(30);
    (sim.consul[1].up, sim.consul[2].up) = (false, false);
    sim.consul_leads(false);
    sim.run(60_000);
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
    let mut sim = Sim::new(31);
    sim.kill(1);
    sim.kill(2);
    sim.run(60_000);
    assert_eq!(sim.diagnoses(), [QUORUM_LOST]);
}

#[test]
fn a_job_that_dies_soon_after_each_start_is_named_until_it_lives() {
    let mut sim = Sim::new(38);
    for _ in 0..3 {
        sim.starts_and_dies(1);
    }
    assert_eq!(sim.firing(), [""; 0], "for less than a minute");
    for _ in 0..3 {
        sim.starts_and_dies(1);
    }
    assert_eq!(sim.firing(), [JOB_DOWN]);
    sim.run(15_000);
    assert_eq!(sim.firing(), [""; 0], "it lives");
}

#[test]
fn what_its_operator_has_stopped_and_started_begins_anew() {
    let mut sim = Sim::new(39);
    for _ in 0..3 {
        sim.starts_and_dies(1);
    }
    sim.unmonitored = true;
    sim.run(2_500);
    sim.unmonitored = false;
    for _ in 0..3 {
        sim.starts_and_dies(1);
    }
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_wiped_member_is_told_from_a_damaged_one() {
    for (seed, line) in (20..).zip([
        "C | etcdmain: member 8e9e05c52164694d has already been bootstrapped",
        r#"{"level":"panic","msg":"tocommit(32) is out of range [lastIndex(0)]. Was the raft log corrupted?"}"#,
    ]) {
        let mut sim = Sim::new(seed);
        sim.kill(2);
        sim.run(2_000);
        let from = sim.now;
        for _ in 0..3 {
            sim.refuse(2, line);
            sim.run(11_000);
        }
        sim.only(MEMBER_WIPED, from, 3_000..=3_700, &["e2: etcd does not start: "]);
        sim.start(2);
        sim.run(6_000);
        assert_eq!(sim.firing(), [""; 0]);
        sim.knows();
    }
}

#[test]
fn an_etcd_that_nobody_owns_is_found_though_all_are_healthy() {
    let mut sim = Sim::new(25);
    sim.etcd[1].pidfile = "";
    let from = sim.now;
    sim.run(1_000);
    for pid in ["51", "52", "53", "54", "55", "56"] {
        sim.etcd[1].pidfile = pid;
        sim.log("e1", "C | etcdmain: listen tcp 0.0.0.0:7001: bind: address already in use");
        sim.run(1_500);
    }
    let lines = ["e1: pid 40 listens and answers with a leader; its supervisor knows pid 5", "already in use"];
    sim.only(ORPHAN, from, 3_000..=3_700, &lines);
    sim.kill(1);
    sim.start(1);
    sim.run(4_000);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn data_that_differ_silently_are_found_at_the_same_revision() {
    let mut sim = Sim::new(26);
    sim.kill(1);
    sim.etcd[1].hash = 66;
    sim.start(1);
    let from = sim.now;
    sim.run(10_000);
    let lines = ["e1: its data as of revision 9 come to 66", "e0 and e2: its data as of revision 9 come to 77"];
    sim.only(SILENT_CORRUPTION, from, 3_500..=6_500, &lines);
}

#[test]
fn data_that_differ_are_found_though_no_two_looks_see_one_revision() {
    let mut sim = Sim::new(27);
    // Each member is looked at when it is at another revision; in time each has been at each.
    for round in 0..16_u64 {
        for index in 0..3 {
            let revision = 20 + round + (index as u64 % 3);
            (sim.etcd[index].revision, sim.etcd[index].hash) = (revision, revision * 1_000 + u64::from(index == 2));
        }
        sim.run(1_060);
    }
    assert_eq!(sim.diagnoses(), [SILENT_CORRUPTION]);
}

#[test]
fn alarms_are_told_apart() {
    for (seed, alarm, id) in [(28, "CORRUPT", SILENT_CORRUPTION), (29, "NOSPACE", NOSPACE)] {
        let mut sim = Sim::new(seed);
        sim.etcd.iter_mut().for_each(|member| member.alarms = alarm);
        let from = sim.now;
        sim.run(6_000);
        sim.only(id, from, 2_000..=2_700, &["etcd's alarm "]);
        sim.etcd.iter_mut().for_each(|member| member.alarms = "");
        sim.run(1_000);
        sim.knows();
    }
}

/// Both BBSes wait for a key that is as it is.
fn locked(seed: u64, key: Key) -> Sim {
    let mut sim = Sim::new(seed);
    (sim.key, sim.bbs) = (Some(key), [Bbs::Away, Bbs::Waits]);
    sim
}

#[test]
fn a_lock_that_never_ends_is_stuck() {
    let key = |session, flags, ttl, checks| Key { session, flags, ttl, checks, ends: None };
    let flags = lock::LOCK_FLAGS;
    for (seed, key, took, line) in [
        (40, key("dead", flags, 0, 0), 12_000, "session dead holds it and has neither a time to live nor a check"),
        (41, key("", 0, 0, 0), 12_000, "the key is not a lock's by its flags"),
        (42, key("dead", flags, 10_000, 0), 27_000, "session dead holds it past twice its time to live of 10.0 s"),
        (43, key("dead", flags, 0, 2), 37_000, "its 2 checks do not end it"),
    ] {
        let mut sim = locked(seed, key);
        let from = sim.now;
        sim.run(45_000);
        let lines = [line, "the key was made by 'b0'", "b1 runs and waits for it"];
        sim.only(LOCK_STUCK, from, took..=took + 700, &lines);
        sim.key = None;
        sim.run(2_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn two_bbses_that_lead_are_two_masters() {
    let mut sim = Sim::new(45);
    sim.bbs[1] = Bbs::Leads;
    let from = sim.now;
    sim.run(6_000);
    let lines = ["b0: the BBS listens, and believes", "b1: the BBS listens"];
    sim.only(TWO_MASTERS, from, 2_000..=2_700, &lines);
}

#[test]
fn a_bbs_that_lies_beside_a_healthy_etcd_is_cut_off() {
    let mut sim = Sim::new(46);
    sim.reaches = false;
    let from = sim.now;
    sim.run(22_000);
    sim.only(BBS_CUT_OFF, from, 15_000..=16_300, &["b0: the BBS answers pings and its list "]);
}

#[test]
fn apps_that_do_not_come_to_diego_are_missed() {
    let mut sim = Sim::new(47);
    sim.nsync = false;
    sim.apps.insert("app-new".into(), 3);
    sim.apps.insert("app-0".into(), 5);
    let from = sim.now;
    sim.run(25_000);
    let lines = [
        "2 of the Cloud Controller's 7 applications",
        "app-new: 3 wanted, it is not desired",
        "app-0: 5 wanted, 2 desired",
    ];
    sim.only(APPS_MISSING, from, 17_000..=18_300, &lines);
}

#[test]
fn the_report_s_night_names_each_cause_once() {
    let mut sim = Sim::new(48);
    sim.run(2_000);
    (sim.consul[1].up, sim.consul[2].up) = (false, false);
    sim.consul_leads(false);
    sim.bbs = [Bbs::Away, Bbs::Waits];
    sim.change_key(|key| key.ends = Some(65_000));
    sim.run(38_000);
    sim.consul.iter_mut().for_each(|server| (server.up, server.has_leader) = (true, true));
    sim.run(30_000);
    assert!(sim.bbs.contains(&Bbs::Leads));
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
    sim.kill(1);
    sim.kill(2);
    sim.refuse(1, "walpb: crc mismatch");
    sim.refuse(2, "walpb: crc mismatch");
    sim.run(18_000);
    assert_eq!(sim.firing(), [MEMBER_CORRUPT]);
    sim.kill(0);
    sim.bbs = [Bbs::Waits, Bbs::Migrates];
    sim.run(20_000);
    assert_eq!(sim.firing(), [MEMBER_CORRUPT]);
    // The recipe's second step: all are wiped, and everything comes from the Cloud Controller.
    for index in 0..3 {
        (sim.etcd[index].applied, sim.etcd[index].revision, sim.etcd[index].hash) = (4, 1, 5);
        sim.start(index);
    }
    sim.desires.clear();
    sim.bbs = [Bbs::Waits, Bbs::Leads];
    sim.run(20_000);
    assert_eq!(sim.desires, sim.apps);
    sim.knows();
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST, MEMBER_CORRUPT]);
}
