//! A file that a program keeps its state in, or answers with, on two nodes: known by its name and its
//! beginning, read, ranked and compared. The first byte chooses the name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::diagnose::{self, Case, Gathered, Inventory, Section};
use scenarios as _;

const NAMES: [&str; 12] = [
    "grastate.dat",
    "gvwstate.dat",
    "status.tsv",
    "endpoint.json",
    "hashkv.json",
    "raft-peers.txt",
    "lock.json",
    "monit.xml",
    "summary.txt",
    "errors_count",
    "tables",
    "inflight",
];

fuzz_target!(|input: &[u8]| {
    let [choice, content @ ..] = input else { return };
    let name = NAMES[usize::from(*choice) % NAMES.len()];
    let text = String::from_utf8_lossy(content);
    // Each half is one node's: what the two say may differ.
    let (one, other) = text.split_at(text.floor_char_boundary(text.len() / 2));
    for system in diagnose::all() {
        let node = |node: &str, text: &str| {
            let mut gathered = Gathered::of(node);
            if let Some(section) = (system.recognise)(name, text) {
                gathered.take(section, Section { text: text.to_owned(), status: Some(0) });
            }
            gathered
        };
        for gathered in [vec![node("n1", &text)], vec![node("n1", one), node("n2", other)]] {
            let case = Case::of(system, &gathered, &Inventory::default());
            let _ = (system.rank)(&gathered, &case);
            let _ = (system.contradictions)(&gathered, &case);
            for advice in system.advice {
                let _ = advice.checked(&gathered, &case);
            }
        }
    }
});
