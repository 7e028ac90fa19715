//! What commands printed on a node, whatever it is: the sections of a look, read by every system. Bytes
//! 0xff divide sections; the first byte of each chooses its name, the second how its command ended.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::diagnose::{self, Case, Gathered, Inventory, Section};
use scenarios as _;

const NAMES: [&str; 32] = [
    "ps",
    "ss",
    "mountinfo",
    "fstab",
    "statfs",
    "devices",
    "dmesg",
    "inspect",
    "status",
    "write",
    "monit",
    "health",
    "write /var/vcap/store",
    "tables",
    "iaas:inflight",
    "iaas:vms",
    "metrics",
    "reconcile",
    "unit service",
    "etcd status v3",
    "etcd hash v3",
    "etcd write",
    "listeners",
    "file /var/vcap/sys/run/etcd/etcd.pid",
    "consul self",
    "consul leader",
    "consul peers",
    "consul lock",
    "consul session",
    "bbs ping https",
    "jobs",
    "file /var/lib/mysql/grastate.dat",
];

const STATUSES: [Option<i32>; 8] = [Some(0), Some(1), Some(7), Some(22), Some(28), Some(124), Some(126), None];

fuzz_target!(|input: &[u8]| {
    let mut node = Gathered::of("n1");
    for section in input.split(|byte| *byte == 0xff) {
        let [name, status, text @ ..] = section else { continue };
        let text = String::from_utf8_lossy(text).into_owned();
        let status = STATUSES[usize::from(*status) % STATUSES.len()];
        node.take(NAMES[usize::from(*name) % NAMES.len()], Section { text, status });
    }
    let gathered = [node];
    for system in diagnose::all() {
        let _ = (system.read)(&gathered[0]);
        let case = Case::of(system, &gathered, &Inventory::default());
        let _ = (system.rank)(&gathered, &case);
        let _ = (system.contradictions)(&gathered, &case);
    }
});
