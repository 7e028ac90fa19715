//! A director of which a part is not there.

use reenact::detect::testing::{Wrong, assert_hold, scenes};

use super::super::{DIRECTOR_DOWN, STARVATION};
use super::{properties::LIFE, *};

const API: &str = "director: the API's process, `director serve`, is not there";

/// The API's process is gone, and the workers with it.
fn lose_the_api(sim: &mut Sim) {
    sim.serves = false;
    sim.log("director", "thread 'main' panicked: Address already in use (os error 98)");
}

#[test]
fn an_api_that_nobody_starts_again() {
    let mut sim = Sim::new(110);
    let from = sim.now;
    lose_the_api(&mut sim);
    sim.run(33_000);
    let lines = [API, "director: log: thread 'main' panicked: Address already in use"];
    sim.only(DIRECTOR_DOWN, from, 30_000..=30_600, &lines);
    sim.serves = true;
    sim.run(500);
    assert_eq!(sim.firing(), [""; 0]);
}

#[test]
fn a_worker_that_nobody_starts_again() {
    let mut sim = Sim::new(111);
    let from = sim.now;
    sim.workers[1] = false;
    sim.run(33_000);
    let lines = ["director: worker_2: no such worker runs", "director: its log does not say why"];
    sim.only(DIRECTOR_DOWN, from, 30_000..=30_600, &lines);
}

#[test]
fn a_machine_that_is_off_for_longer_than_a_reboot() {
    let mut sim = Sim::new(115);
    sim.off = true;
    sim.run(25_000);
    sim.off = false;
    sim.run(3_000);
    assert_eq!(sim.diagnoses(), [""; 0], "a reboot is none");
    let mut sim = Sim::new(116);
    let from = sim.now;
    sim.off = true;
    sim.run(33_000);
    sim.only(DIRECTOR_DOWN, from, 30_000..=30_600, &["director: its machine is off"]);
}

#[test]
fn a_database_that_is_away() {
    let mut sim = Sim::new(112);
    let from = sim.now;
    sim.database = false;
    sim.log("db", "2026-11-29 08:00:00.1 UTC [7] FATAL:  could not open file \"global/pg_control\"");
    sim.run(33_000);
    let lines = [
        "the database: it answers no question of the director's: sql:tasks is refused",
        "the database: log: 2026-11-29 08:00:00.1 UTC [7] FATAL:  could not open file",
    ];
    sim.only(DIRECTOR_DOWN, from, 30_000..=30_600, &lines);
}

/// Jobs that wait for workers that are away are a diagnosis of their own.
#[test]
fn workers_that_jobs_wait_for_are_told_once() {
    let mut sim = Sim::new(113);
    sim.workers = vec![false; 3];
    sim.deploy(100, "paasta", 1, Doing::Ping);
    sim.run(60_000);
    assert_eq!(sim.diagnoses(), [STARVATION]);
    // The API beside them is missed all the same.
    lose_the_api(&mut sim);
    sim.run(33_000);
    assert_eq!(sim.firing(), [DIRECTOR_DOWN, STARVATION]);
    assert!(!sim.said().evidence(DIRECTOR_DOWN).iter().any(|line| line.contains("worker_1")));
}

#[test]
fn its_hold_is_what_it_is() {
    let parts: [fn(&mut Sim); 3] = [lose_the_api, |sim| sim.workers[0] = false, |sim| sim.database = false];
    for lose in parts {
        assert_hold(Sim::new(114), |sim| (lose(sim), sim.run(400)).1, DIRECTOR_DOWN, 30_000);
    }
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong { make: lose_the_api, told_by: &[DIRECTOR_DOWN], within: 33_000, line: API };
    LIFE.names(&[wrong], 6, 2);
}

fn stays_quiet(scene: fn(&mut Sim)) {
    for seed in 115..118 {
        let mut sim = Sim::new(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

scenes!(
    stays_quiet,
    a_director_that_is_restarted_in_time = |sim| {
        for _ in 0..3 {
            (sim.serves, sim.database) = (false, false);
            sim.run(12_000);
            (sim.serves, sim.database) = (true, true);
            sim.run(31_000);
        }
        sim.knows();
    },
    // For two of each five seconds.
    a_database_that_is_away_now_and_then = |sim| {
        for _ in 0..20 {
            sim.database = false;
            sim.run(2_000);
            sim.database = true;
            sim.run(3_000);
        }
    },
);

#[test]
fn a_database_that_is_away_for_four_of_five_seconds_is_not_well() {
    let mut sim = Sim::new(118);
    let from = sim.now;
    for _ in 0..20 {
        sim.database = false;
        sim.run(4_000);
        sim.database = true;
        sim.run(1_000);
    }
    sim.only(DIRECTOR_DOWN, from, 50_000..=70_000, &["it comes and goes: for 40"]);
}

#[test]
fn without_a_look_at_the_processes_they_are_not_known() {
    let mut sim = Sim::new(119);
    lose_the_api(&mut sim);
    sim.seen.retain(|seen| !matches!(seen.signal, Signal::Processes { .. }));
    assert_eq!(sim.said().why(DIRECTOR_DOWN), "the director's processes were never seen");
}
