//! The conditions at their margins: just below each hold, and just above.

use reenact::{
    detect::{
        Verdict,
        testing::{Look, Tape, World, assert_hold, last_look, query, scenes, values},
    },
    probe::Answer,
};

use super::super::{super::signals::Hash, *};
use super::*;

/// Each hold, and each limit that follows the config.
#[test]
fn each_hold_is_what_it_is() {
    let moved: Act = |sim| {
        for (index, server) in sim.consul.iter_mut().enumerate() {
            (server.has_leader, server.address) = (false, format!("10.0.1.{index}:8300"));
        }
    };
    let few: Act = |sim| {
        sim.consul.iter_mut().for_each(|server| (server.peers[2].1, server.has_leader) = (false, false));
        sim.consul[1].up = false;
    };
    let stuck: Act = |sim| {
        sim.bbs = [Bbs::Away, Bbs::Waits];
        sim.change_key(|key| key.ttl = 0);
    };
    let late: Act = |sim| {
        sim.nsync = false;
        sim.apps.insert("app-new".into(), 1);
    };
    let no_leader: Act = |sim| sim.consul.iter_mut().for_each(|server| server.has_leader = false);
    let dead: Act = |sim| {
        for server in &mut sim.consul {
            server.peers.extend((1..4).map(|dead| (format!("10.0.9.{dead}:8300"), true)));
            server.has_leader = false;
        }
    };
    let holds: [(&str, Act, u64); 19] = [
        (QUORUM_LOST, |sim| sim.etcd.iter_mut().for_each(|member| member.has_leader = false), 5_000),
        (STALE_MEMBER, |sim| sim.etcd[1].has_leader = false, 5_000),
        (SPLIT_CLUSTER, |sim| sim.etcd[1].cluster = "a1", 2_000),
        (MEMBER_CORRUPT, |sim| sim.refuse(1, "walpb: crc mismatch"), 3_000),
        (MEMBER_WIPED, |sim| sim.refuse(1, "it has already been bootstrapped"), 3_000),
        (MEMBER_REMOVED, |sim| sim.refuse(1, "member has been permanently removed from the cluster"), 3_000),
        (JOB_DOWN, |sim| sim.starts_in_vain(1, "flag provided but not defined: -x"), 30_000),
        (CONSUL_DEAD_VOTERS, dead, 5_000),
        (SILENT_CORRUPTION, |sim| sim.etcd[1].hash = 66, 2_000),
        (NOSPACE, |sim| sim.etcd[1].alarms = "NOSPACE", 2_000),
        (WRITES_STALLED, |sim| sim.stalled = Some(sim.now), 12_000),
        (ORPHAN, |sim| sim.etcd[1].pidfile = "7", 3_000),
        (CONSUL_QUORUM_LOST, no_leader, 5_000),
        (CONSUL_OLD_PEERS, moved, 5_000),
        (CONSUL_FEW_VOTERS, few, 5_000),
        (LOCK_STUCK, stuck, 5_000 + 5_000 + 2_000),
        (TWO_MASTERS, |sim| sim.bbs[1] = Bbs::Leads, 2_000),
        (BBS_CUT_OFF, |sim| sim.reaches = false, 15_000),
        (APPS_MISSING, late, 3 * 5_000 + 2_000),
    ];
    for (id, make, hold) in holds {
        let make = |sim: &mut Sim| {
            make(sim);
            sim.run(1_300);
        };
        assert_hold(Sim::new(100), make, id, hold);
    }
}

/// What a look at everything sees after `make`.
fn look(make: Act) -> Vec<Look> {
    let mut sim = Sim::new(101);
    make(&mut sim);
    sim.run(1_300);
    last_look(&sim.stream())
}

#[test]
fn a_member_has_started_when_it_answers_for_two_seconds() {
    let (damaged, well) = (look(|sim| sim.kill(1)), look(|_| {}));
    for (answers, fires) in [(1_900, true), (2_000, false)] {
        let mut tape = Tape::new("diego/", 1);
        tape.every(0, 100, &well).line(200, "e1", "walpb: crc mismatch").every(200, 4_900, &damaged);
        tape.every(5_000, 5_000 + answers, &well);
        assert_eq!(tape.firing(), if fires { &[MEMBER_CORRUPT][..] } else { &[] }, "{answers} ms");
    }
}

/// One that was there before the others is compared with them for ten seconds.
#[test]
fn what_a_member_s_data_came_to_is_known_for_ten_seconds() {
    let well = look(|_| {});
    let hash = |revision, hash| Answer::of(&Hash { hash, revision, compacted: 1 });
    for (after, fires) in [(7_900, true), (8_200, false)] {
        let mut looks = well.clone();
        let mut say = |tape: &mut Tape, from, to, node: &str, answer: Answer| {
            let asked = looks.iter_mut().find(|(of, signal)| of == node && is_asked(signal, "etcd:hash"));
            *asked.expect("asked") = (node.into(), query("etcd:hash", answer));
            tape.every(from, to, &looks);
        };
        let mut tape = Tape::new("diego/", 1);
        say(&mut tape, 0, 0, "e0", hash(8, 1));
        say(&mut tape, 0, 0, "e2", hash(8, 1));
        say(&mut tape, 100, 100, "e1", hash(9, 66));
        say(&mut tape, 200, after, "e1", hash(10, 5));
        say(&mut tape, after + 100, 20_000, "e0", hash(9, 77));
        assert_eq!(tape.diagnoses(), if fires { &[SILENT_CORRUPTION][..] } else { &[] }, "{after} ms");
    }
}

fn is_asked(signal: &Signal, wanted: &str) -> bool {
    matches!(signal, Signal::Query { of, .. } if of == wanted)
}

#[test]
fn a_member_that_starts_in_time_is_not_damaged() {
    for (seed, away, is_corrupt) in [(110, 300, false), (111, 4_200, true)] {
        let mut sim = Sim::new(seed);
        sim.kill(1);
        sim.refuse(1, "walpb: crc mismatch");
        sim.run(away);
        sim.etcd[1].up = true;
        sim.settle();
        sim.run(6_000);
        assert_eq!(!sim.diagnoses().is_empty(), is_corrupt, "{away}");
        assert_eq!(sim.firing(), [""; 0]);
        // Its old words do not count when it is stopped on purpose later.
        sim.kill(1);
        sim.run(10_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn last_words_that_are_read_before_the_process_is_gone_count() {
    let mut sim = Sim::new(125);
    sim.log("e1", "walpb: crc mismatch");
    sim.run(700);
    sim.kill(1);
    sim.run(8_000);
    assert_eq!(sim.diagnoses(), [MEMBER_CORRUPT]);
}

/// Words that come for less than their time tell of no wrong key, nor do lines that are
/// more than ten seconds apart.
#[test]
fn a_wrong_key_is_one_for_four_seconds_of_lines() {
    let looks = look(|_| {});
    for (apart, lines, is_wrong) in
        [(1_000, 4, false), (1_000, 5, true), (3_900, 2, false), (9_900, 2, true), (10_100, 4, false)]
    {
        let mut tape = Tape::new("diego/", 1);
        for at in (0..lines).map(|line| line * apart) {
            tape.every(at, at + apart - 100, &looks);
            tape.line(at, "c2", "No installed keys could decrypt the message");
        }
        assert_eq!(tape.diagnoses() == [GOSSIP_KEY], is_wrong, "{lines} lines, {apart} ms apart");
    }
}

#[test]
fn servers_that_are_away_are_named_before_votes() {
    // Alone, whether or not it votes.
    let mut sim = Sim::new(126);
    sim.consul.iter_mut().for_each(|server| server.peers[2].1 = false);
    (sim.consul[0].up, sim.consul[1].up) = (false, false);
    sim.consul_leads(false);
    sim.run(8_000);
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
    // Two of five, of whom two are not there any more, all of them voters.
    let mut sim = Sim::new(127);
    let gone = [("10.0.0.8:8300".to_owned(), true), ("10.0.0.9:8300".to_owned(), true)];
    sim.consul.iter_mut().for_each(|server| server.peers.extend(gone.clone()));
    sim.consul[1].up = false;
    sim.consul_leads(false);
    sim.run(8_000);
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
}

#[test]
fn who_waits_for_the_lock_must_run_and_consul_must_lead() {
    let stuck = |seed| {
        let mut sim = Sim::new(seed);
        sim.bbs = [Bbs::Away, Bbs::Waits];
        sim.change_key(|key| key.ttl = 0);
        sim
    };
    let mut sim = stuck(114);
    sim.bbs[1] = Bbs::Away;
    sim.run(20_000);
    sim.quiet();
    // A Consul that had no leader begins to count when it has one.
    let mut sim = stuck(115);
    sim.consul.iter_mut().for_each(|server| server.has_leader = false);
    sim.run(20_000);
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
    sim.consul.iter_mut().for_each(|server| server.has_leader = true);
    sim.run(11_000);
    assert_eq!(sim.firing(), [""; 0]);
    sim.run(2_000);
    assert_eq!(sim.firing(), [LOCK_STUCK]);
}

#[test]
fn who_waits_for_the_lock_is_known_by_its_supervisor_where_it_shows_no_page() {
    let mut sim = Sim::new(128);
    sim.bbs = [Bbs::Away, Bbs::Waits];
    sim.change_key(|key| key.ttl = 0);
    sim.run(20_000);
    sim.seen.retain(|seen| !is_asked(&seen.signal, "bbs:metrics"));
    assert!(sim.diagnoses().contains(&LOCK_STUCK), "{:?}", sim.diagnoses());
    sim.seen.retain(|seen| !is_asked(&seen.signal, "monit:jobs"));
    assert!(!sim.diagnoses().contains(&LOCK_STUCK));
    assert!(matches!(sim.said().last[LOCK_STUCK], Verdict::Unknown { .. }));
}

fn stays_quiet(scene: Act) {
    let mut sim = Sim::new(116);
    scene(&mut sim);
    sim.quiet();
}

scenes!(
    stays_quiet,
    a_lock_that_goes_from_one_to_the_next_is_not_stuck = |sim| {
        sim.bbs = [Bbs::Away, Bbs::Waits];
        for session in ["s2", "s3", "s4", "s5"] {
            sim.change_key(|key| (key.session, key.ttl) = (session, 0));
            sim.run(9_000);
        }
    },
    a_bbs_that_migrates_again_and_again_leads = |sim| {
        for round in 0..6 {
            sim.bbs = if round % 2 == 0 { [Bbs::Migrates, Bbs::Waits] } else { [Bbs::Waits, Bbs::Migrates] };
            sim.run(7_000);
        }
    },
    data_of_other_revisions_clusters_or_lives_are_not_compared = |sim| {
        (sim.etcd[1].revision, sim.etcd[1].hash) = (8, 5);
        sim.run(6_000);
        // All are wiped and come to the same revisions with other data; the last comes later
        // than all the others' looks agree.
        (0..3).for_each(|index| sim.kill(index));
        sim.run(1_000);
        for index in 0..3 {
            (sim.etcd[index].revision, sim.etcd[index].hash) = (9, 1);
            sim.start(index);
            sim.run(1_500 * index as u64 * index as u64);
        }
        sim.run(8_000);
    },
    a_member_that_begins_anew_between_two_looks_is_not_compared_with_its_past = |sim| {
        sim.etcd.iter_mut().for_each(|member| (member.revision, member.hash) = (3, 1));
        sim.run(2_000);
        for index in 0..3 {
            (sim.etcd[index].revision, sim.etcd[index].hash) = (9, 5);
            sim.run(2_500);
        }
    },
    an_app_that_the_cloud_controller_forgets_is_not_missed = |sim| {
        sim.nsync = false;
        sim.apps.insert("app-new".into(), 1);
        sim.run(14_000);
        sim.apps.remove("app-new");
        // What Diego has beyond that is not missed either.
        sim.apps.remove("app-1");
        sim.run(20_000);
    },
);

#[test]
fn a_bbs_beside_a_member_that_is_cut_off_is_not_blamed() {
    let mut sim = Sim::new(118);
    sim.etcd[1].side = 1;
    sim.settle();
    sim.reaches = false;
    sim.run(30_000);
    assert_eq!(sim.diagnoses(), [STALE_MEMBER]);
}

/// One that has just come up, on a machine so loaded that it finds its leader late.
#[test]
fn a_member_that_starts_has_time_to_find_its_leader() {
    for (finds, fires) in [(13_000, false), (22_500, true)] {
        let mut sim = Sim::new(119);
        sim.kill(1);
        sim.run(3_000);
        sim.etcd[1].up = true;
        sim.run(finds);
        assert_eq!(sim.firing().contains(&STALE_MEMBER), fires, "{finds} ms");
    }
}

#[test]
fn a_list_that_was_away_gives_nsync_its_time_again() {
    let mut sim = Sim::new(121);
    sim.nsync = false;
    sim.apps.extend((0..8).map(|app| (format!("app-new-{app}"), 1)));
    sim.run(14_000);
    sim.reaches = false;
    sim.run(3_000);
    sim.reaches = true;
    sim.run(14_000);
    sim.quiet();
    sim.run(5_000);
    // Five of them are named.
    assert_eq!(sim.said().evidence(APPS_MISSING).len(), 1 + 5);
}

#[test]
fn each_signal_that_is_missing_makes_its_detectors_blind() {
    for (of, blind) in [
        (
            "etcd:member",
            &[
                BBS_CUT_OFF,
                MEMBER_CORRUPT,
                MEMBER_REMOVED,
                MEMBER_WIPED,
                NOSPACE,
                ORPHAN,
                QUORUM_LOST,
                SPLIT_CLUSTER,
                STALE_MEMBER,
                WRITES_STALLED,
                JOB_DOWN,
            ][..],
        ),
        ("etcd:hash", &[SILENT_CORRUPTION]),
        ("etcd:process", &[ORPHAN]),
        ("etcd:write", &[WRITES_STALLED]),
        (
            "consul:server",
            &[CONSUL_DEAD_VOTERS, CONSUL_FEW_VOTERS, GOSSIP_KEY, CONSUL_OLD_PEERS, CONSUL_QUORUM_LOST, JOB_DOWN],
        ),
        ("consul:lock", &[LOCK_STUCK]),
        ("bbs:ping", &[APPS_MISSING, BBS_CUT_OFF, LOCK_STUCK, TWO_MASTERS]),
        ("bbs:metrics", &[JOB_DOWN]),
        ("bbs:list", &[APPS_MISSING, BBS_CUT_OFF]),
        ("cc:apps", &[APPS_MISSING, JOB_DOWN]),
    ] {
        let mut sim = Sim::new(122);
        sim.run(6_000);
        let until = sim.now - 3_400;
        sim.seen.retain(|seen| seen.at.0 < until || !is_asked(&seen.signal, of));
        let said = sim.said();
        let unknown = said.last.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Unknown { .. }));
        // Who needs the members needs them whatever else is known.
        let unknown = unknown.map(|(id, _)| *id).filter(|id| of != "etcd:member" || *id != SILENT_CORRUPTION);
        assert_eq!(unknown.collect::<Vec<_>>(), blind, "{of}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_makes_blind_and_is_no_silence() {
    let mut sim = Sim::new(123);
    for _ in 0..20 {
        sim.run(400);
        for node in ["e0", "e1", "e2"] {
            sim.emit(node, query("etcd:member", values([("cluster", "cdf8")])));
        }
    }
    let said = sim.said();
    said.quiet();
    assert!(said.why(QUORUM_LOST).contains("etcd:member: missing field"));
}
