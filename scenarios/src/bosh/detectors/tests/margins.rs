//! The conditions at their margins. A second of production takes 20 ms here.

use reenact::detect::testing::assert_hold;

use super::super::{DOUBLE_CREATE, LEAKED_VMS, STALE_LOCK, STARVATION, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER};
use super::*;

/// A task that hangs, and has hung for a while.
fn stuck(seed: u64) -> Sim {
    let mut sim = Sim::stuck(seed);
    sim.run(2_600);
    sim
}

#[test]
fn each_hold_is_what_it_is() {
    let twin: fn(&mut Sim) = |sim| {
        let twin = Call { pid: 9_999, ..sim.calls.values().next().expect("a call").clone() };
        sim.calls.insert("cpi-9999".into(), twin);
    };
    // At this scale a limit is shorter than two looks are apart.
    let fast: fn(&mut Sim) = |sim| {
        sim.scale = "0.001";
        sim.kill(100);
    };
    for (id, make, hold) in [
        (STALE_LOCK, (|sim| sim.kill(100)) as fn(&mut Sim), 600),
        (STALE_LOCK, fast, 500),
        (ZOMBIE_HOLDER, |sim| sim.locks.clear(), 600 + 600),
        (DOUBLE_CREATE, twin, 500),
    ] {
        let make = |sim: &mut Sim| {
            make(sim);
            sim.delay("director", "config", 0);
            sim.run(320);
        };
        assert_hold(stuck(20), make, id, hold);
    }
}

#[test]
fn a_call_that_is_answered_just_in_time() {
    let mut sim = Sim::stuck(20);
    // A look at the calls may be 320 ms old.
    sim.run(12_000 - 320);
    sim.answer_calls(100, true);
    sim.task(100).doing = Doing::Ping;
    sim.run(4_000);
    sim.quiet();
}

#[test]
fn one_call_among_others_that_get_on_is_not_stuck_but_hangs() {
    let mut sim = Sim::stuck(21);
    for _ in 0..15 {
        sim.run(1_000);
        sim.say(100, "create_missing_vm(web/u4 (4)/4)", r#"SENT: agent.a {"method":"ping"}"#);
    }
    assert_eq!(sim.diagnoses(), [WRONG_SUBNET]);
}

#[test]
fn a_robbed_task_that_stops_in_time_is_no_zombie() {
    for (suspended, is_zombie) in [(300, false), (2_200, true)] {
        let mut sim = Sim::new(22);
        sim.deploy(100, "paasta", 1, Doing::Ping);
        sim.run(3_000);
        sim.locks.clear();
        sim.run(suspended);
        sim.ends(100, "cancelled");
        sim.run(2_000);
        assert_eq!(sim.first(ZOMBIE_HOLDER).is_some(), is_zombie, "{suspended} ms");
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn a_lock_is_stale_until_it_is_about_to_expire() {
    let mut sim = Sim::stuck(23);
    sim.run(3_000);
    sim.kill_all(100);
    let expires = sim.lock().expired;
    sim.run(expires - sim.now - 1_200 - 320);
    assert_eq!(sim.firing(), [STALE_LOCK]);
    sim.run(600);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn no_lock_is_stale_while_the_whole_director_is_away() {
    let mut sim = Sim::stuck(24);
    sim.run(3_000);
    sim.kill_all(100);
    sim.serves = false;
    sim.run(3_000);
    sim.quiet();
}

#[test]
fn a_queue_starves_only_behind_workers_that_are_silent() {
    for (lasts, doing, starves) in
        [(5_600, Doing::Hang, false), (8_000, Doing::Hang, true), (11_000, Doing::Ping, false)]
    {
        let mut sim = Sim::new(25);
        // One that gets on is enough.
        for (id, deployment, doing) in [(100, "paasta", Doing::Hang), (101, "cf", Doing::Hang), (102, "redis", doing)] {
            sim.deploy(id, deployment, 3, doing);
        }
        sim.deploy(103, "other", 1, Doing::Ping);
        sim.run(lasts);
        assert_eq!(sim.first(STARVATION).is_some(), starves, "{lasts}");
    }
}

#[test]
fn creates_of_other_instances_or_addresses_are_no_doubles() {
    let mut sim = Sim::stuck(28);
    sim.run(2_000);
    let call = sim.calls.values().next().expect("a call").clone();
    let others = [
        Call { pid: 9_001, ip: "10.0.3.99".into(), ..call.clone() },
        Call { pid: 9_002, instance: "paasta/u9".into(), ..call.clone() },
        Call { pid: 9_003, lives: false, ..call },
    ];
    others.into_iter().enumerate().for_each(|(id, call)| _ = sim.calls.insert(format!("cpi-{id}"), call));
    sim.run(3_000);
    sim.quiet();
}

#[test]
fn one_hung_call_tells_of_its_subnet_only_where_nothing_was_ever_made() {
    for (there, fires) in [(None, true), (Some("10.0.3.77"), false)] {
        let mut sim = Sim::new(29);
        let vm = there.map(|ip| ("vm-there".to_owned(), (format!("paasta|web/there|{ip}|z3"), true)));
        sim.vms.extend(vm);
        sim.deploy(100, "paasta", 3, Doing::Hang);
        sim.run(50);
        let first_call = sim.calls.keys().next().expect("a call").clone();
        sim.calls.retain(|id, _| *id == first_call);
        sim.run(14_000);
        assert_eq!(sim.first(WRONG_SUBNET).is_some(), fires, "{there:?}");
    }
}

#[test]
fn a_subnet_in_which_a_vm_is_made_meanwhile_can_be_reached() {
    let mut sim = Sim::stuck(30);
    sim.run(5_000);
    sim.vms.insert("vm-new".into(), ("cf|db/new|10.0.3.99|z3".into(), true));
    sim.run(9_000);
    assert_eq!(sim.diagnoses(), [STUCK_TASK]);
}

#[test]
fn the_only_subnet_there_is_cannot_be_told_to_be_the_cause() {
    let mut sim = Sim::stuck(31);
    sim.run(14_000);
    for seen in &mut sim.seen {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.retain(|name, _| !matches!(name.as_str(), "subnet:z1" | "subnet:z2"));
        }
    }
    assert!(sim.said().why(WRONG_SUBNET).contains("the only subnet"));
}

#[test]
fn a_vm_that_its_task_may_still_write_down_is_no_leak() {
    let mut sim = Sim::stuck(32);
    sim.run(2_000);
    sim.vms.insert("vm-new".into(), ("paasta|paasta/u1|10.0.3.11|z3".into(), false));
    sim.run(3_000);
    sim.quiet();
    sim.kill_all(100);
    sim.task(100).state = "error";
    sim.locks.clear();
    sim.run(2_000);
    assert_eq!(sim.firing(), [LEAKED_VMS]);
}

#[test]
fn a_look_at_the_database_from_before_a_vm_was_made_shows_no_leak() {
    for known in [true, false] {
        let mut sim = Sim::new(34);
        // On a loaded machine the next look is late.
        sim.delay("db", "sql:vms", 2_500);
        sim.vms.insert("vm-new".into(), ("portal|web/u1|10.0.2.11|z2".into(), known));
        sim.run(2_400);
        sim.quiet();
        sim.run(2_500);
        assert_eq!(sim.firing(), if known { &[][..] } else { &[LEAKED_VMS] });
    }
}

#[test]
fn each_signal_that_is_missing_makes_its_detectors_blind() {
    for (of, blind) in [
        ("sql:locks", &[STUCK_TASK, STALE_LOCK][..]),
        ("sql:events", &[STUCK_TASK, STALE_LOCK, ZOMBIE_HOLDER]),
        ("sql:tasks", &[STUCK_TASK]),
        ("sql:jobs", &[STARVATION]),
        ("iaas:inflight", &[WRONG_SUBNET, DOUBLE_CREATE]),
        ("iaas:vms", &[WRONG_SUBNET, LEAKED_VMS]),
        ("sql:vms", &[LEAKED_VMS]),
    ] {
        let mut sim = Sim::stuck(33);
        sim.run(10_600);
        sim.delay("db", of, 10_000);
        sim.run(3_400);
        let said = sim.said();
        blind.iter().for_each(|id| assert_eq!(said.why(id), format!("{of} is not fresh"), "{id}"));
    }
}
