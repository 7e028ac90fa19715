//! How fast logs are read on one core: `cargo run --release -p reenact-diagnose --example
//! throughput -- FILE…`

use std::{fs::File, path::PathBuf, time::Instant};

use jiff::{Timestamp, tz::Offset};
use reenact_diagnose::{Lines, Words, Zone};

/// The words of Galera's detectors, which are as many as those of any other.
const WORDS: [&str; 11] = [
    "WSREP",
    "[Galera]",
    "[ERROR]",
    "view (",
    "joined {",
    "as process ",
    "Aborting",
    ": Terminated.",
    "got signal ",
    "ormal shutdown",
    "Received SHUTDOWN",
];

fn main() -> std::io::Result<()> {
    let words = Words::new(&WORDS);
    let zone = Zone { offset: Offset::UTC, now: Timestamp::now() };
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let began = Instant::now();
        let lines = Lines::read(File::open(&path)?, &words, zone)?;
        let seconds = began.elapsed().as_secs_f64();
        let megabytes = lines.bytes as f64 / 1e6;
        eprintln!(
            "{}: {megabytes:.0} MB in {seconds:.2} s, {:.0} MB/s; {} lines matter, {} more were left out",
            path.display(),
            megabytes / seconds,
            lines.kept.len(),
            lines.left_out
        );
    }
    Ok(())
}
