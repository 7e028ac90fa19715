//! The conditions at their margins: just below each hold, and just above.

use super::super::{apps::PASSES, consul::UNDECRYPTABLE, lock::NEVER, *};
use super::sim::NSYNC;
use super::*;

/// Whether `id`, and nobody else, ever fires when what `breaks` holds for this long and then
/// `heals`.
#[track_caller]
fn fires(id: &str, seed: u64, breaks: Act, lasts: u64, heals: Act) -> bool {
    let mut sim = Sim::new(seed);
    breaks(&mut sim);
    sim.run(lasts);
    heals(&mut sim);
    sim.run(4_000);
    let seen = diagnoses(&sim);
    assert!(seen.iter().all(|seen| *seen == id), "{seen:?} after {lasts} ms");
    assert_eq!(firing(&sim), [""; 0], "after {lasts} ms");
    !seen.is_empty()
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

/// A story that lasts so long is none, and one of so much more is one.
#[track_caller]
fn margin(id: &str, breaks: Act, hold: u64, heals: Act) {
    for seed in 100..103 {
        assert!(!fires(id, seed, breaks, hold - 700, heals), "{id} too soon");
        assert!(fires(id, seed, breaks, hold + 1_300, heals), "{id} too late");
    }
}

#[test]
fn each_hold_is_neither_shorter_nor_longer() {
    margin(
        QUORUM_LOST,
        |sim| sim.etcd.iter_mut().for_each(|member| member.has_leader = false),
        milliseconds(ELECTED),
        |sim| sim.etcd.iter_mut().for_each(|member| member.has_leader = true),
    );
    margin(
        STALE_MEMBER,
        |sim| sim.etcd[1].has_leader = false,
        milliseconds(ELECTED),
        |sim| sim.etcd[1].has_leader = true,
    );
    margin(
        SPLIT_CLUSTER,
        |sim| sim.etcd[1].cluster = "a1",
        milliseconds(LOOKS_AGREE),
        |sim| sim.etcd[1].cluster = "cdf8",
    );
    margin(ORPHAN, |sim| sim.etcd[1].pidfile = "7", milliseconds(WRITTEN_DOWN), |sim| sim.etcd[1].pidfile = "40");
    margin(NOSPACE, |sim| sim.etcd[1].alarms = "NOSPACE", milliseconds(LOOKS_AGREE), |sim| sim.etcd[1].alarms = "");
    margin(
        CONSUL_QUORUM_LOST,
        |sim| sim.consul.iter_mut().for_each(|server| server.has_leader = false),
        milliseconds(ELECTED),
        |sim| sim.consul.iter_mut().for_each(|server| server.has_leader = true),
    );
    margin(TWO_MASTERS, |sim| sim.bbs[1] = Bbs::Leads, milliseconds(LOOKS_AGREE), |sim| sim.bbs[1] = Bbs::Waits);
    margin(BBS_CUT_OFF, |sim| sim.reaches = false, milliseconds(NEXT_MEMBER), |sim| sim.reaches = true);
}

#[test]
fn each_limit_that_follows_the_config_is_neither_shorter_nor_longer() {
    margin(
        LOCK_STUCK,
        |sim| {
            sim.bbs[0] = Bbs::Away;
            sim.key = sim.key.clone().map(|key| Key { ttl: 0, ..key });
        },
        milliseconds(NEVER) + 5_000 + 2_000,
        |sim| sim.key = None,
    );
    margin(
        APPS_MISSING,
        |sim| {
            sim.nsync = false;
            sim.apps.insert("app-new".into(), 1);
        },
        NSYNC * u64::from(PASSES) + 2_000,
        |sim| sim.desires = sim.apps.clone(),
    );
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
        assert_eq!(!diagnoses(&sim).is_empty(), is_corrupt, "{away}");
        assert_eq!(firing(&sim), [""; 0]);
        // Its old words do not count when it is stopped on purpose later.
        sim.kill(1);
        sim.run(10_000);
        assert_eq!(firing(&sim), [""; 0]);
    }
}

#[test]
fn last_words_that_are_read_before_the_process_is_gone_count() {
    let mut sim = Sim::new(125);
    sim.log("e1", "walpb: crc mismatch");
    sim.run(700);
    sim.kill(1);
    sim.run(8_000);
    assert_eq!(diagnoses(&sim), [MEMBER_CORRUPT]);
}

#[test]
fn words_that_come_for_less_than_their_time_tell_of_no_wrong_key() {
    for (lasts, is_wrong) in [(milliseconds(UNDECRYPTABLE) - 1_000, false), (milliseconds(UNDECRYPTABLE), true)] {
        let mut sim = Sim::new(112);
        for _ in 0..=lasts / 1_000 {
            sim.log("c2", "No installed keys could decrypt the message");
            sim.run(1_000);
        }
        assert_eq!(diagnoses(&sim) == [GOSSIP_KEY], is_wrong, "{lasts}");
    }
    // Once each quarter of a minute is no streak.
    let mut sim = Sim::new(113);
    for _ in 0..4 {
        sim.log("c2", "No installed keys could decrypt the message");
        sim.run(15_000);
    }
    quiet(&sim);
}

#[test]
fn servers_that_are_away_are_named_before_votes() {
    // Alone, whether or not it votes.
    let mut sim = Sim::new(126);
    sim.consul.iter_mut().for_each(|server| server.peers[2].1 = false);
    (sim.consul[0].up, sim.consul[1].up) = (false, false);
    sim.consul_leads(false);
    sim.run(8_000);
    assert_eq!(diagnoses(&sim), [CONSUL_QUORUM_LOST]);
    // Two of five, of whom two are not there any more, all of them voters.
    let mut sim = Sim::new(127);
    let gone = [("10.0.0.8:8300".to_owned(), true), ("10.0.0.9:8300".to_owned(), true)];
    sim.consul.iter_mut().for_each(|server| server.peers.extend(gone.clone()));
    sim.consul[1].up = false;
    sim.consul_leads(false);
    sim.run(8_000);
    assert_eq!(diagnoses(&sim), [CONSUL_QUORUM_LOST]);
}

#[test]
fn who_waits_for_the_lock_must_run_and_consul_must_lead() {
    let stuck = |seed| {
        let mut sim = Sim::new(seed);
        sim.bbs = [Bbs::Away, Bbs::Waits];
        sim.key = sim.key.clone().map(|key| Key { ttl: 0, ..key });
        sim
    };
    let mut sim = stuck(114);
    sim.bbs[1] = Bbs::Away;
    sim.run(20_000);
    quiet(&sim);
    // A Consul that had no leader begins to count when it has one.
    let mut sim = stuck(115);
    sim.consul.iter_mut().for_each(|server| server.has_leader = false);
    sim.run(20_000);
    assert_eq!(diagnoses(&sim), [CONSUL_QUORUM_LOST]);
    sim.consul.iter_mut().for_each(|server| server.has_leader = true);
    sim.run(11_000);
    assert_eq!(firing(&sim), [""; 0]);
    sim.run(2_000);
    assert_eq!(firing(&sim), [LOCK_STUCK]);
}

#[test]
fn a_lock_that_goes_from_one_to_the_next_is_not_stuck() {
    let mut sim = Sim::new(116);
    sim.bbs = [Bbs::Away, Bbs::Waits];
    for session in ["s2", "s3", "s4", "s5"] {
        sim.key = sim.key.clone().map(|key| Key { session, ttl: 0, ..key });
        sim.run(9_000);
    }
    quiet(&sim);
}

#[test]
fn a_bbs_that_migrates_again_and_again_leads() {
    let mut sim = Sim::new(117);
    for round in 0..6 {
        sim.bbs = if round % 2 == 0 { [Bbs::Migrates, Bbs::Waits] } else { [Bbs::Waits, Bbs::Migrates] };
        sim.run(7_000);
    }
    quiet(&sim);
}

#[test]
fn a_bbs_beside_a_member_that_is_cut_off_is_not_blamed() {
    let mut sim = Sim::new(118);
    sim.etcd[1].side = 1;
    sim.settle();
    sim.reaches = false;
    sim.run(30_000);
    assert_eq!(diagnoses(&sim), [STALE_MEMBER]);
}

#[test]
fn data_of_other_revisions_clusters_or_lives_are_not_compared() {
    let mut sim = Sim::new(119);
    (sim.etcd[1].revision, sim.etcd[1].hash) = (8, 5);
    sim.run(6_000);
    quiet(&sim);
    // All are wiped and come to the same revisions with other data.
    (0..3).for_each(|index| sim.kill(index));
    sim.run(1_000);
    // The last comes later than all the others' looks agree.
    for index in 0..3 {
        (sim.etcd[index].revision, sim.etcd[index].hash) = (9, 1);
        sim.start(index);
        sim.run(1_500 * index as u64 * index as u64);
    }
    sim.run(8_000);
    quiet(&sim);
}

#[test]
fn a_member_that_begins_anew_between_two_looks_is_not_compared_with_its_past() {
    let mut sim = Sim::new(124);
    sim.etcd.iter_mut().for_each(|member| (member.revision, member.hash) = (3, 1));
    sim.run(2_000);
    for index in 0..3 {
        (sim.etcd[index].revision, sim.etcd[index].hash) = (9, 5);
        sim.run(2_500);
    }
    quiet(&sim);
}

#[test]
fn an_app_that_the_cloud_controller_forgets_is_not_missed() {
    let mut sim = Sim::new(120);
    sim.nsync = false;
    sim.apps.insert("app-new".into(), 1);
    sim.run(14_000);
    sim.apps.remove("app-new");
    // What Diego has beyond that is not missed either.
    sim.apps.remove("app-1");
    sim.run(20_000);
    quiet(&sim);
}

#[test]
fn a_list_that_was_away_gives_nsync_its_time_again() {
    let mut sim = Sim::new(121);
    sim.nsync = false;
    sim.apps.insert("app-new".into(), 1);
    sim.run(14_000);
    sim.reaches = false;
    sim.run(3_000);
    sim.reaches = true;
    sim.run(14_000);
    quiet(&sim);
    sim.run(5_000);
    assert_eq!(diagnoses(&sim), [APPS_MISSING]);
}

#[test]
fn each_signal_that_is_missing_makes_its_detectors_blind() {
    let mut sim = Sim::new(122);
    sim.run(6_000);
    for (of, blind) in [
        (
            "etcd:member",
            &[QUORUM_LOST, SPLIT_CLUSTER, STALE_MEMBER, MEMBER_CORRUPT, MEMBER_WIPED, ORPHAN, NOSPACE, BBS_CUT_OFF][..],
        ),
        ("etcd:hash", &[SILENT_CORRUPTION]),
        ("etcd:process", &[ORPHAN]),
        ("consul:server", &[CONSUL_QUORUM_LOST, CONSUL_OLD_PEERS, CONSUL_FEW_VOTERS, GOSSIP_KEY]),
        ("consul:lock", &[LOCK_STUCK]),
        ("bbs:ping", &[LOCK_STUCK, TWO_MASTERS, BBS_CUT_OFF, APPS_MISSING]),
        ("bbs:list", &[BBS_CUT_OFF, APPS_MISSING]),
        ("cc:apps", &[APPS_MISSING]),
    ] {
        let until = sim.now - 3_400;
        let is_seen = |seen: &&Observation| {
            seen.at.0 < until || !matches!(&seen.signal, Signal::Query { of: asked, .. } if asked == of)
        };
        let said = verdicts(&sim.observations.iter().filter(is_seen).cloned().collect::<Vec<_>>());
        let unknown = said.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Unknown { .. }));
        let mut unknown: Vec<_> = unknown.map(|(id, _)| *id).collect();
        let mut blind = blind.to_vec();
        // Who needs the members needs them whatever else is known.
        unknown.retain(|id| of != "etcd:member" || *id != SILENT_CORRUPTION);
        unknown.sort_unstable();
        blind.sort_unstable();
        assert_eq!(unknown, blind, "{of}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_makes_blind_and_is_no_silence() {
    let mut sim = Sim::new(123);
    for _ in 0..20 {
        sim.run(400);
        for node in ["e0", "e1", "e2"] {
            let answer = sim::said(&[("cluster", "cdf8")]);
            sim.emit(node, Signal::Query { of: "etcd:member".into(), answer });
        }
    }
    quiet(&sim);
    let said = &verdicts(&sim.observations)[QUORUM_LOST];
    assert!(matches!(said, Verdict::Unknown { why } if why.ends_with("etcd:member: it lacks has_leader")), "{said:?}");
}
