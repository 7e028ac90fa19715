//! What each rule says in each state: ours, and other tools'.

use super::super::super::third_party::ThirdPartyRules;
use super::super::{FILESYSTEM_ERROR, LEFT_READ_ONLY, WRITE_PROTECTED};
use super::*;

/// A state, how it comes about, and what is said of it: our detector, then the kernel
/// log rule, the statfs flag and the `ro` option.
type Row = (&'static str, fn(&mut Sim), Option<&'static str>, [bool; 3]);

const MISS: bool = false;
const HIT: bool = true;

const STATES: [Row; 9] = [
    ("healthy", |_| {}, None, [MISS, MISS, MISS]),
    ("admin remount,ro (the incident)", |sim| sim.remount(true), Some(LEFT_READ_ONLY), [MISS, HIT, HIT]),
    ("per-mount bind ro", |sim| sim.bind(true), Some(LEFT_READ_ONLY), [MISS, HIT, HIT]),
    ("ext4 error, emergency_ro", |sim| sim.error(false), Some(FILESYSTEM_ERROR), [HIT, MISS, MISS]),
    ("after a false-success remount,rw", false_success, Some(FILESYSTEM_ERROR), [HIT, MISS, MISS]),
    ("ext4 error, errors=continue", |sim| sim.error(true), Some(FILESYSTEM_ERROR), [MISS, MISS, MISS]),
    ("shutdown ioctl", Sim::shut_down, Some(FILESYSTEM_ERROR), [MISS, MISS, MISS]),
    ("mounted write-protected", mount_protected, Some(WRITE_PROTECTED), [MISS, HIT, HIT]),
    ("legitimate :ro", |sim| by_design(sim), None, [MISS, HIT, HIT]),
];

fn false_success(sim: &mut Sim) {
    sim.error(false);
    sim.run(1_000);
    sim.remount(false);
}

fn mount_protected(sim: &mut Sim) {
    sim.unmount(STORE);
    sim.disks[OLD].protected = true;
    sim.mount(OLD, STORE, false);
}

fn by_design(sim: &mut Sim) {
    sim.declared = Some(Access::ReadOnly);
    sim.remount(true);
}

fn others(sim: &Sim, path: &str) -> [bool; 3] {
    let ThirdPartyRules { kernel_log_rule, statfs_flag, ro_option } = ThirdPartyRules::of(&sim.stream(), NODE, path);
    [kernel_log_rule, statfs_flag, ro_option]
}

#[test]
fn each_rule_in_each_state() {
    for (state, make, ours, theirs) in STATES {
        let mut sim = Sim::healthy(70);
        sim.stop_jobs();
        make(&mut sim);
        sim.run(4_000);
        assert_eq!(sim.firing(), Vec::from_iter(ours), "ours: {state}");
        assert_eq!(sim.diagnoses(), Vec::from_iter(ours), "ours, ever: {state}");
        assert_eq!(others(&sim, STORE), theirs, "theirs: {state}");
    }
}

#[test]
fn the_kernel_log_rule_never_forgets_and_the_others_do() {
    let mut sim = Sim::healthy(71);
    sim.stop_jobs();
    sim.error(false);
    sim.run(1_000);
    sim.check_and_mount();
    sim.run(1_000);
    assert_eq!(others(&sim, STORE), [HIT, MISS, MISS]);
    sim.remount(true);
    sim.run(1_000);
    assert_eq!(others(&sim, STORE), [HIT, HIT, HIT]);
    sim.unmount(STORE);
    sim.run(1_000);
    assert_eq!(others(&sim, STORE), [HIT, MISS, MISS]);
}

#[test]
fn the_statfs_flag_is_the_measured_one_where_there_is_one() {
    let mut sim = Sim::healthy(72);
    sim.ask(&format!("statfs:{STORE}"), values([("read_only", "1")]));
    assert_eq!(others(&sim, STORE), [MISS, HIT, MISS]);
    sim.ask(&format!("statfs:{TARGET}"), values([("read_only", "0")]));
    assert_eq!(others(&sim, STORE), [MISS, HIT, MISS]);
}

#[test]
fn mounts_by_design_are_their_false_positives() {
    let mut sim = Sim::healthy(73);
    sim.run(4_000);
    for path in ["/sys", "/sys/fs/cgroup", "/proc/bus", "/var/vcap/config"] {
        assert_eq!(others(&sim, path), [MISS, HIT, HIT], "{path}");
    }
    assert_eq!(others(&sim, "/"), [MISS; 3]);
    sim.quiet();
}

#[test]
fn the_kernel_log_rule_wants_its_words_at_the_end_of_a_line_of_this_node() {
    let mut sim = Sim::healthy(74);
    sim.kernel(OLD, "EXT4-fs (DEV): Remounting filesystem read-only, or so");
    assert_eq!(others(&sim, STORE), [MISS; 3]);
    sim.kernel(OLD, "EXT4-fs (DEV): Remounting filesystem read-only");
    assert_eq!(others(&sim, STORE), [HIT, MISS, MISS]);
    assert_eq!(ThirdPartyRules::of(&sim.stream(), "another", STORE), ThirdPartyRules::default());
}
