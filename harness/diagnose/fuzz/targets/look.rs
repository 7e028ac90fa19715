//! What a look's script printed, torn or bent, as a file alone. The first byte chooses the system.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use reenact::diagnose::{self, files};
use scenarios as _;

static PATH: LazyLock<PathBuf> = LazyLock::new(|| std::env::temp_dir().join(format!("n1-{}.look", std::process::id())));

fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    let systems = diagnose::all();
    let system = systems[usize::from(*choice) % systems.len()];
    let mut printed = format!("=reenact {} 1 n1\n=look 2026-11-29T08:00:00Z +0100 0\n", system.name).into_bytes();
    printed.extend_from_slice(rest);
    fs::write(&*PATH, printed).expect("a file");
    let found = files::read(&PATH, system).expect("it is a look");
    for one in &found.gathered {
        let _ = (system.read)(one);
        let _ = (system.implied)(&one.log);
    }
});
