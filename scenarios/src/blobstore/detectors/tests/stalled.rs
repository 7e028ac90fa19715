//! Writes that hang while nothing fails.

use super::super::{DISK_STALLED, FILESYSTEM_ERROR};
use super::*;

#[test]
fn a_disk_that_is_frozen_and_not_thawed() {
    for seed in 140..145 {
        let mut sim = Sim::healthy(seed);
        let from = sim.now;
        sim.freeze();
        sim.run(27_000);
        let lines =
            ["writes to /var/vcap/store do not come to an end, and statfs(2) answers", "no error of it was seen"];
        sim.only(DISK_STALLED, from, 22_900..=24_200, &lines);
        sim.thaw();
        sim.run(4_000);
        assert_eq!(sim.firing(), [""; 0]);
    }
}

#[test]
fn the_kernels_word_on_a_device_that_is_stuck_is_evidence() {
    let mut sim = Sim::healthy(145);
    sim.freeze();
    sim.kernel(OLD, "I/O error, dev DEV, sector 8 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2");
    sim.run(27_000);
    assert!(sim.said().evidence(DISK_STALLED).iter().any(|line| line.contains("kernel: I/O error, dev loop3")));
}

#[test]
fn an_error_of_the_file_system_has_a_diagnosis_of_its_own() {
    let mut sim = Sim::healthy(146);
    sim.error(true);
    sim.freeze();
    sim.run(27_000);
    assert_eq!(sim.said().diagnoses(), [FILESYSTEM_ERROR]);
}

#[test]
fn a_mount_that_answers_nothing_at_all_is_not_told() {
    let mut sim = Sim::healthy(147);
    sim.freeze();
    sim.run(27_000);
    sim.seen.retain(|seen| !matches!(&seen.signal, Signal::Query { of, .. } if of.starts_with("statfs:")));
    let said = sim.said();
    assert!(said.why(DISK_STALLED).ends_with("whether it can be read is not known"), "{said:?}");
}
