//! Detectors over streams that nobody wrote by hand.

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    sample::Index,
    test_runner::{Config, TestError, TestRunner},
};

use super::{World, said::board};
use crate::{
    detect::{Verdict, testing::Tape},
    probe::Observation,
};

/// Something that happens to a world; the number says to whom, or for how long.
pub type Act<W> = fn(&mut W, u64);

/// What happens to machines in their daily life, of which no detector may make anything.
pub struct Life<W: 'static> {
    /// A world in which all is well.
    pub new: fn(u64) -> W,
    /// What may happen to it, each with the end of its numbers.
    pub daily: &'static [(Act<W>, u64)],
    /// How many milliseconds of calm follow each: for the world to be seen well again, whatever
    /// looks are lost. Two events that each are short may not add up to a long one.
    pub calm: u64,
    /// How many of a hundred looks may be lost.
    pub loss: u64,
    /// How often each property is tried.
    pub cases: u32,
}

/// What is wrong for good.
pub struct Wrong<W> {
    /// Makes it so.
    pub make: fn(&mut W),
    /// Who says so: the first within the limit, the others at all, and nobody else.
    pub told_by: &'static [&'static str],
    /// The limit, in milliseconds.
    pub within: u64,
    /// What the first one's evidence must name.
    pub line: &'static str,
}

impl<W: World> Life<W> {
    /// The same life of other worlds.
    pub fn of(&self, new: fn(u64) -> W) -> Self {
        Self { new, ..*self }
    }

    /// Whatever happens in daily life, up to so many times, nobody fires.
    pub fn never_fires(&self, events: usize) {
        self.holds(self.loss, events, |world, _| world.quiet());
    }

    /// Whatever happened before, what is wrong is named in time, and nothing else is.
    pub fn names(&self, wrongs: &[Wrong<W>], loss: u64, before: usize) {
        self.holds(loss, before, |world, number| {
            let Wrong { make, told_by, within, line } = &wrongs[number as usize % wrongs.len()];
            world.run(number % 3_000);
            make(world);
            let from = world.now;
            world.run(within + 1_000);
            let said = world.said();
            assert_eq!(said.diagnoses(), sorted(told_by), "{:#?}", said.fired);
            said.fires(told_by[0], from, 0..=*within, &[line]);
        });
    }

    /// Whatever the order of the signals, who fires has its evidence, and of those that
    /// exclude each other one at most fires.
    pub fn has_evidence_in_any_order(
        &self,
        wrongs: &[fn(&mut W)],
        lasts: u64,
        has: fn(&str, &[String]) -> bool,
        exclude: &[&[&str]],
    ) {
        let order = vec(any::<Index>(), 200);
        self.tried((any::<u64>(), 0..wrongs.len(), order), |(seed, wrong, order)| {
            let mut world = (self.new)(seed);
            wrongs[wrong](&mut world);
            world.run(lasts);
            let mut board = board(world.system);
            for seen in shuffled(&world, &order) {
                board.observe(&seen);
                for (id, verdict) in board.verdicts() {
                    let Verdict::Fired { evidence, .. } = verdict else { continue };
                    assert!(has(id, evidence), "{id}: {evidence:#?}");
                }
                let firing: Vec<_> = board.firing().collect();
                for group in exclude {
                    let of_group = firing.iter().filter(|id| group.contains(id)).count();
                    assert!(of_group <= 1, "{firing:?} at {}", seen.at);
                }
            }
        });
    }

    /// Whatever happened before, up to so many times, the check passes, with a number at
    /// random.
    pub fn holds(&self, loss: u64, before: usize, check: impl Fn(&mut W, u64)) {
        let happens = vec((0..self.daily.len(), any::<u64>()), 0..before + 1);
        self.tried((any::<u64>(), 0..loss.max(1), happens, any::<u64>()), |(seed, loss, happens, number)| {
            let mut world = (self.new)(seed);
            world.loss = loss;
            for (which, number) in happens {
                let (act, end) = self.daily[which];
                act(&mut world, number % end.max(1));
                world.run(self.calm);
            }
            check(&mut world, number);
        });
    }

    fn tried<S: Strategy>(&self, inputs: S, property: impl Fn(S::Value)) {
        let config = Config { cases: self.cases, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&inputs, |input| {
            property(input);
            Ok(())
        });
        if let Err(TestError::Fail(why, input)) = outcome {
            panic!("{why}, by {input:?}");
        }
    }
}

fn sorted(ids: &[&'static str]) -> Vec<&'static str> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// The stream, in which what is seen at neighbouring moments has changed places.
fn shuffled(tape: &Tape, order: &[Index]) -> Vec<Observation> {
    let mut stream = tape.stream();
    for swap in order {
        let at = swap.index(stream.len() - 1);
        let (before, after) = stream.split_at_mut(at + 1);
        std::mem::swap(&mut before[at].node, &mut after[0].node);
        std::mem::swap(&mut before[at].signal, &mut after[0].signal);
    }
    stream
}
