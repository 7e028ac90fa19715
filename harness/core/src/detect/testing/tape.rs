//! A stream of observations that a test makes.

use std::{collections::BTreeMap, ops::DerefMut};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::{Look, held, log, seen};
use crate::probe::{Moment, Observation, Signal};

/// What is observed of machines that exist on paper only.
#[derive(Debug, Clone)]
pub struct Tape {
    /// The present moment, in milliseconds.
    pub now: u64,
    /// How many of a hundred looks are lost, but never so many that a probe is not seen for
    /// longer than [`Tape::gap`].
    pub loss: u64,
    /// The longest time between two looks of a probe, in milliseconds.
    pub gap: u64,
    /// All that was observed, in the order in which it was noted.
    pub seen: Vec<Observation>,
    pub(super) system: &'static str,
    random: SmallRng,
    due: BTreeMap<(String, &'static str), u64>,
    looked: BTreeMap<(String, &'static str), u64>,
    read: BTreeMap<String, u64>,
}

/// Machines that exist on paper, and what is observed of them.
pub trait World: DerefMut<Target = Tape> {
    /// What happens, and is looked at, in the 10 ms that end now.
    fn live(&mut self);

    /// Lets time pass.
    fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 10;
            self.live();
        }
    }
}

impl Tape {
    /// An empty tape, of which the detectors of `system` (`bosh/`) are asked.
    pub fn new(system: &'static str, seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        let (now, loss, gap, seen) = (0, 0, 1_200, Vec::new());
        let (due, looked, read) = Default::default();
        Self { now, loss, gap, seen, system, random, due, looked, read }
    }

    /// A number below `end`, or 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.random.random_range(..end) }
    }

    /// Notes what is seen of a node at a moment, which is the present then, or was it.
    pub fn at(&mut self, at: u64, node: &str, signal: Signal) -> &mut Self {
        self.now = self.now.max(at);
        self.seen.push(seen(at, node, signal));
        self
    }

    /// Notes a line of a node's log, read at a moment.
    pub fn line(&mut self, at: u64, node: &str, line: &str) -> &mut Self {
        self.at(at, node, log(line))
    }

    /// Notes what is seen of a node now.
    pub fn emit(&mut self, node: &str, signal: Signal) {
        self.at(self.now, node, signal);
    }

    /// A line that a node logs: it is read a little later, and in order.
    pub fn log(&mut self, node: &str, line: &str) {
        let soon = self.now + self.below(60);
        let read = self.read.entry(node.into()).or_default();
        *read = soon.max(*read);
        self.seen.push(seen(*read, node, log(line)));
    }

    /// The same looks every 100 ms.
    pub fn every(&mut self, from: u64, to: u64, looks: &[Look]) -> &mut Self {
        self.now = self.now.max(to);
        self.seen.extend(held(looks, from, to));
        self
    }

    /// Whether a probe of a node looks now, which it does every so many milliseconds and a
    /// little more.
    pub fn looks(&mut self, node: &str, probe: &'static str, every: u64) -> bool {
        let key = (node.to_owned(), probe);
        if self.due.get(&key).is_some_and(|due| *due > self.now) {
            return false;
        }
        let jitter = (every / 4).min(60);
        let next = self.now + every + self.below(jitter);
        self.due.insert(key.clone(), next);
        let last = self.looked.get(&key).copied().unwrap_or_default();
        let is_lost = self.below(100) < self.loss && self.now + every + jitter < last + self.gap;
        if !is_lost {
            self.looked.insert(key, self.now);
        }
        !is_lost
    }

    /// Lets a probe look next in so many milliseconds.
    pub fn delay(&mut self, node: &str, probe: &'static str, milliseconds: u64) {
        self.due.insert((node.into(), probe), self.now + milliseconds);
    }

    /// The observations in order, up to now.
    pub fn stream(&self) -> Vec<Observation> {
        let mut stream: Vec<_> = self.seen.iter().filter(|seen| seen.at <= Moment(self.now)).cloned().collect();
        stream.sort_by_key(|seen| seen.at);
        stream
    }
}
