//! A log of any system, whatever is in it: read in one piece and in small ones, it says the same, and
//! what it tells of states is told without a panic. The first byte chooses the system.
#![no_main]

use std::io::{self, Read};

use jiff::tz::Offset;
use libfuzzer_sys::fuzz_target;
use reenact::diagnose::{self, Lines, Words, Zone, stamp};
use scenarios as _;

/// Hands out a few bytes at a time, as a pipe may.
struct Torn<'l>(&'l [u8], usize);

impl Read for Torn<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(into.len());
        self.0.read(&mut into[..count])
    }
}

fuzz_target!(|input: &[u8]| {
    let [choice, at_once, log @ ..] = input else { return };
    let systems = diagnose::all();
    let system = systems[usize::from(*choice) % systems.len()];
    let zone = Zone { offset: Offset::UTC, now: "2026-11-29T12:00:00Z".parse().expect("a time") };
    let words = Words::of(system);
    let lines = Lines::read(log, &words, zone).expect("memory is read");
    if !log.starts_with(&[0x1f, 0x8b]) {
        let torn = Torn(log, usize::from(*at_once).max(1));
        assert_eq!(Lines::read(torn, &words, zone).expect("memory is read"), lines);
    }
    let _ = stamp(log, zone);
    let kept: Vec<_> = lines.kept.into();
    let _ = (system.implied)(&kept);
});
