//! Over streams that nobody wrote by hand.

use reenact::detect::testing::{Life, Wrong};

use super::super::{CANCEL_OVERDUE, STALE_LOCK, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER};
use super::*;

/// What happens to a director in its daily life.
pub(super) const LIFE: Life<Sim> = Life {
    new: Sim::new,
    daily: &[(|sim, n| sim.run(n), 4_000), (slow_deploy, 7_800), (cancelled_deploy, 9_000), (lose_the_database, 700)],
    calm: 0,
    loss: 60,
    cases: 24,
};

fn slow_deploy(sim: &mut Sim, takes: u64) {
    let id = sim.number().into();
    sim.deploy(id, "paasta", 1 + (takes % 3) as u8, Doing::Slow(200 + takes));
    sim.run((200 + takes) * 4 + 500);
}

fn cancelled_deploy(sim: &mut Sim, lasts: u64) {
    let id = sim.number().into();
    sim.deploy(id, "paasta", 1, Doing::Ping);
    sim.run(lasts + 50);
    sim.cancel(id);
    sim.run(500);
}

fn lose_the_database(sim: &mut Sim, lasts: u64) {
    sim.database = false;
    sim.run(lasts);
    sim.database = true;
    sim.run(1_000);
}

#[test]
fn daily_life_never_fires() {
    LIFE.never_fires(4);
}

#[test]
fn a_hang_is_diagnosed_after_whatever_was_before() {
    let hangs: fn(&mut Sim) = |sim| {
        sim.vms.retain(|cid, _| cid == "vm-old");
        sim.deploy(100, "paasta", 3, Doing::Hang);
        sim.run(1_000);
        sim.cancel(100);
    };
    let told_by = &[STUCK_TASK, CANCEL_OVERDUE, WRONG_SUBNET];
    let wrong = Wrong { make: hangs, told_by, within: 15_000, line: "nothing but renewals" };
    LIFE.names(&[wrong], 60, 2);
}

/// One task is not stuck in its lock, dead with it and robbed of it at once.
#[test]
fn who_fires_has_evidence_whatever_the_order() {
    let stuck = |seed| {
        let mut sim = Sim::stuck(seed);
        sim.run(3_000);
        sim
    };
    let wrongs: [fn(&mut Sim); 4] =
        [|sim| sim.kill(100), |sim| sim.locks.clear(), |sim| sim.task(100).suspended = true, |sim| sim.cancel(100)];
    let exclude: [&[&str]; 1] = [&[STUCK_TASK, STALE_LOCK, ZOMBIE_HOLDER]];
    LIFE.of(stuck).has_evidence_in_any_order(&wrongs, 11_000, has_its_evidence, &exclude);
}

fn has_its_evidence(id: &str, evidence: &[String]) -> bool {
    let has = |part: &str| evidence.iter().any(|line| line.contains(part));
    match id {
        STUCK_TASK => has("holds it, by its acquire event") && has("nothing but renewals and checkpoints"),
        CANCEL_OVERDUE => has("it is cancelling for") && evidence.len() > 1,
        ZOMBIE_HOLDER => has("is not its any more") && has("its process lives"),
        STALE_LOCK => has("holds it") && has("has no process") && has("it expires in"),
        WRONG_SUBNET => has("all of them in 10.0.3.0/24") && has("hangs for"),
        // Nobody else may fire.
        _ => false,
    }
}
