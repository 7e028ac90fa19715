//! The conditions at their margins.

use super::super::{
    DOUBLE_CREATE, LEAKED_VMS, STALE_LOCK, STARVATION, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER,
    lock::{ASKED_LONG, SOON, ZOMBIE_AFTER},
    task::{QUEUED_LONG, WORKER_SILENT},
    view::FRESH,
};
use super::*;

fn scaled(seconds: u64) -> u64 {
    seconds * SCALE
}

/// The moment at which `id` first fires.
fn first(sim: &Sim, id: &str) -> Option<u64> {
    fired(&sim.stream(), "bosh/").get(id).map(|(at, _)| at.0)
}

#[test]
fn limits_are_longer_than_two_looks_at_this_scale() {
    for seconds in [ZOMBIE_AFTER, SOON, QUEUED_LONG] {
        assert!(scaled(seconds) >= 500, "{seconds}");
    }
}

#[test]
fn a_call_that_is_answered_just_in_time() {
    let mut sim = Sim::stuck(20);
    sim.run(scaled(ASKED_LONG) - 100);
    sim.answer(100, true);
    sim.task(100).doing = Doing::Ping;
    sim.run(4_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
    assert!(first(&sim, STUCK_TASK).is_none());
}

#[test]
fn one_call_among_others_that_get_on_is_not_stuck_but_hangs() {
    let mut sim = Sim::stuck(21);
    let until = sim.now + 15_000;
    while sim.now < until {
        sim.run(1_000);
        sim.log(100, "create_missing_vm(web/u4 (4)/4)", r#"SENT: agent.a {"method":"ping"}"#);
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
        let task = sim.tasks[0].clone();
        sim.end(&mut task.clone(), "cancelled");
        (sim.task(100).state, sim.task(100).lives) = ("cancelled", false);
        sim.run(2_000);
        assert_eq!(first(&sim, ZOMBIE_HOLDER).is_some(), is_zombie, "{suspended} ms");
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn a_lock_is_stale_until_it_is_about_to_expire() {
    let mut sim = Sim::stuck(23);
    sim.run(3_000);
    sim.kill_all(100);
    let expires = sim.lock().expired;
    sim.run(expires - sim.now - scaled(SOON) - 320);
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
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_queue_starves_only_behind_workers_that_are_silent() {
    for (silent, starves) in [(WORKER_SILENT - 120, false), (WORKER_SILENT, true)] {
        let mut sim = Sim::new(25);
        for (id, deployment) in [(100, "paasta"), (101, "cf"), (102, "redis")] {
            sim.deploy(id, deployment, 3, Doing::Hang);
        }
        sim.deploy(103, "other", 1, Doing::Ping);
        sim.run(scaled(silent) + 2_000);
        assert_eq!(first(&sim, STARVATION).is_some(), starves, "{silent}");
    }
    // One that gets on is enough.
    let mut sim = Sim::new(26);
    for (id, deployment, doing) in [(100, "a", Doing::Hang), (101, "b", Doing::Hang), (102, "c", Doing::Ping)] {
        sim.deploy(id, deployment, 3, doing);
    }
    sim.deploy(103, "other", 1, Doing::Ping);
    sim.run(11_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn two_creates_in_one_look_are_one_after_the_other() {
    for (looks, is_double) in [(300, false), (1_200, true)] {
        let mut sim = Sim::stuck(27);
        sim.run(2_000);
        let twin = Call { pid: 9_999, ..sim.calls.values().next().expect("a call").clone() };
        sim.calls.insert("cpi-9999".into(), twin);
        sim.run(looks);
        sim.calls.remove("cpi-9999");
        sim.run(1_000);
        assert_eq!(first(&sim, DOUBLE_CREATE).is_some(), is_double, "{looks} ms");
        assert_eq!(sim.firing(), [""; 0]);
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
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn one_hung_call_tells_of_its_subnet_only_where_nothing_was_ever_made() {
    for (there, fires) in [(None, true), (Some("10.0.3.77"), false)] {
        let mut sim = Sim::new(29);
        if let Some(ip) = there {
            sim.vms.insert("vm-there".into(), (format!("paasta|web/there|{ip}|z3"), true));
        }
        sim.deploy(100, "paasta", 3, Doing::Hang);
        sim.run(50);
        let first_call = sim.calls.keys().next().expect("a call").clone();
        sim.calls.retain(|id, _| *id == first_call);
        sim.run(14_000);
        assert_eq!(first(&sim, WRONG_SUBNET).is_some(), fires, "{there:?}");
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
    for seen in &mut sim.observations {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.retain(|name, _| !matches!(name.as_str(), "subnet:z1" | "subnet:z2"));
        }
    }
    let said = &verdicts(&sim.stream())[WRONG_SUBNET];
    assert!(matches!(said, Verdict::Unknown { why } if why.contains("the only subnet")), "{said:?}");
}

#[test]
fn a_vm_that_its_task_may_still_write_down_is_no_leak() {
    let mut sim = Sim::stuck(32);
    sim.run(2_000);
    sim.vms.insert("vm-new".into(), ("paasta|paasta/u1|10.0.3.11|z3".into(), false));
    sim.run(3_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
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
        sim.due.insert("sql:vms", sim.now + 2_500);
        sim.vms.insert("vm-new".into(), ("portal|web/u1|10.0.2.11|z2".into(), known));
        sim.run(2_400);
        assert_eq!(sim.diagnoses(), [""; 0]);
        sim.run(2_500);
        assert_eq!(sim.firing(), if known { &[][..] } else { &[LEAKED_VMS] });
    }
}

#[test]
fn each_signal_that_is_missing_makes_its_detectors_blind() {
    let mut sim = Sim::stuck(33);
    sim.run(14_000);
    let stream = sim.stream();
    for (of, blind) in [
        ("sql:locks", &[STUCK_TASK, STALE_LOCK][..]),
        ("sql:events", &[STUCK_TASK, STALE_LOCK, ZOMBIE_HOLDER]),
        ("sql:tasks", &[STUCK_TASK]),
        ("sql:jobs", &[STARVATION]),
        ("iaas:inflight", &[WRONG_SUBNET, DOUBLE_CREATE]),
        ("iaas:vms", &[WRONG_SUBNET, LEAKED_VMS]),
        ("sql:vms", &[LEAKED_VMS]),
    ] {
        let until = Moment(sim.now).0 - FRESH.as_millis() as u64 - 400;
        let is_seen = |seen: &&Observation| {
            seen.at.0 < until || !matches!(&seen.signal, Signal::Query { of: asked, .. } if asked == of)
        };
        let said = verdicts(&stream.iter().filter(is_seen).cloned().collect::<Vec<_>>());
        for id in blind {
            let expected = format!("{of} is not fresh");
            assert!(matches!(&said[id], Verdict::Unknown { why } if *why == expected), "{of}: {id}: {:?}", said[id]);
        }
    }
}
