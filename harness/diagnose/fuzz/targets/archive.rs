//! An archive, as it is or made of the input, packed or not: found out whose it is, and read.
#![no_main]

use std::{fs, io::Write as _, path::PathBuf, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use reenact::diagnose::files;
use scenarios as _;

static PATH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("archive-{}.tar", std::process::id())));

const NAMES: [&str; 8] = [
    "n1/error.log",
    "n2/grastate.dat",
    "n1.look",
    "etcd.log.1.gz",
    "../ps.txt",
    "ss",
    "a/b/c/d/dmesg",
    "tasks/163/debug",
];

/// A well-formed archive of the input's pieces.
fn tar(input: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (number, piece) in input.split(|byte| *byte == 0xff).take(NAMES.len()).enumerate() {
        let mut header = tar::Header::new_gnu();
        header.set_size(piece.len() as u64);
        header.set_mode(0o644);
        // A name that cannot be set leaves the file without one.
        let _ = header.set_path(NAMES[number]);
        header.set_cksum();
        archive.append(&header, piece).expect("memory is written");
    }
    archive.into_inner().expect("memory is written")
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(content).expect("memory is written");
    packed.finish().expect("memory is written")
}

fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    let content = match choice % 4 {
        0 => rest.to_vec(),
        1 => packed(rest),
        2 => tar(rest),
        _ => packed(&tar(rest)),
    };
    fs::write(&*PATH, content).expect("a file");
    if let Ok(system) = files::system_of(&PATH) {
        let _ = files::read(&PATH, system);
    }
});
