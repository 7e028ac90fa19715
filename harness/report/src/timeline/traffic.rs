//! The workload in slices of time, and the stretches in which it stood still.

use std::collections::{BTreeMap, BTreeSet};

use reenact_core::{
    probe::Moment,
    workload::{Ack, Entry},
};

/// The length of a slice, in milliseconds; a multiple of it where there would be too many.
const SLICE_MS: u64 = 100;
/// More slices than this are more than a picture can show.
const MOST_SLICES: u64 = 3000;
/// From this long on, in milliseconds, a standstill is told. An ordinary write takes
/// some ten.
const STALL_MS: u64 = 500;

/// What ended in one slice.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) acknowledged: u32,
    pub(super) failed: u32,
    pub(super) unknown: u32,
    /// The ids of those acknowledged that the judge found to be lost.
    pub(super) lost: Vec<u64>,
}

/// The workload of a run.
#[derive(Debug)]
pub(super) struct Traffic {
    /// The length of a slice, in milliseconds.
    pub(super) slice_ms: u64,
    /// By number; those in which nothing ended are left out.
    pub(super) slices: BTreeMap<u64, Slice>,
    /// The stretches in which writes were under way and none ended.
    pub(super) stalls: Vec<(Moment, Moment)>,
}

impl Traffic {
    pub(super) fn of(entries: &[Entry], lost: &BTreeSet<u64>, end: Moment) -> Self {
        let slice_ms = SLICE_MS * (end.0 / SLICE_MS / MOST_SLICES + 1);
        let mut slices: BTreeMap<u64, Slice> = BTreeMap::new();
        // What is later than the end is put there: a damaged file may say anything.
        for entry in entries {
            let slice = slices.entry(entry.to.min(end).0 / slice_ms).or_default();
            match entry.ack {
                Ack::Ok => slice.acknowledged += 1,
                Ack::Failed { .. } => slice.failed += 1,
                Ack::Unknown { .. } => slice.unknown += 1,
            }
            if lost.contains(&entry.id) {
                slice.lost.push(entry.id);
            }
        }
        Self { slice_ms, slices, stalls: stalls(entries, end) }
    }

    /// The sum over all slices.
    pub(super) fn sum(&self, pick: impl Fn(&Slice) -> usize) -> usize {
        self.slices.values().map(pick).sum()
    }

    /// The most in one slice.
    pub(super) fn peak(&self, pick: impl Fn(&Slice) -> u32) -> u32 {
        self.slices.values().map(pick).max().unwrap_or_default()
    }
}

/// Between two ends of writes lies a stall, from the moment on at which one of those
/// that end later was under way.
fn stalls(entries: &[Entry], end: Moment) -> Vec<(Moment, Moment)> {
    let mut spans: Vec<_> = entries.iter().map(|entry| (entry.to.min(end), entry.from.min(end))).collect();
    spans.sort_unstable();
    let mut stalls = Vec::new();
    // From the last to the first: by then it is known who ends later, and began first.
    let mut earliest = end;
    for (at, &(to, from)) in spans.iter().enumerate().rev() {
        earliest = earliest.min(from);
        let before = if at == 0 { Moment(0) } else { spans[at - 1].0 };
        let since = before.max(earliest);
        if to.0.saturating_sub(since.0) >= STALL_MS {
            stalls.push((since, to));
        }
    }
    stalls.reverse();
    stalls
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(id: u64, from: u64, to: u64, ack: Ack) -> Entry {
        Entry { id, client: 0, value: 0, node: "n1".into(), from: Moment(from), to: Moment(to), ack }
    }

    fn unknown() -> Ack {
        Ack::Unknown { why: "no answer".into() }
    }

    #[test]
    fn each_fate_is_counted_apart_in_its_slice() {
        let failed = Ack::Failed { why: "refused".into() };
        let entries = [entry(1, 0, 50, Ack::Ok), entry(2, 0, 99, failed), entry(3, 90, 100, unknown())];
        let traffic = Traffic::of(&entries, &BTreeSet::from([1]), Moment(1000));
        let first = Slice { acknowledged: 1, failed: 1, unknown: 0, lost: vec![1] };
        assert_eq!(traffic.slices, BTreeMap::from([(0, first), (1, Slice { unknown: 1, ..Slice::default() })]));
    }

    #[test]
    fn a_stall_begins_when_a_write_is_under_way() {
        // Nothing is under way from 100 to 2000: that is a pause, not a stall.
        let entries = [entry(1, 0, 100, Ack::Ok), entry(2, 2000, 4000, unknown()), entry(3, 3000, 4010, Ack::Ok)];
        assert_eq!(Traffic::of(&entries, &BTreeSet::new(), Moment(5000)).stalls, [(Moment(2000), Moment(4000))]);
        // A write that began before the last end counts from that end on.
        let entries = [entry(1, 0, 100, Ack::Ok), entry(2, 50, 900, unknown())];
        assert_eq!(Traffic::of(&entries, &BTreeSet::new(), Moment(5000)).stalls, [(Moment(100), Moment(900))]);
    }

    proptest! {
        /// Against the definition, moment by moment.
        #[test]
        fn a_stall_is_where_writes_are_under_way_and_none_ends(
            spans in prop::collection::vec((0_u64..30, 0_u64..12), 0..12)
        ) {
            // In steps of 100 ms.
            let entries: Vec<_> = spans.iter().zip(1..)
                .map(|((from, took), id)| entry(id, from * 100, (from + took) * 100, Ack::Ok)).collect();
            let stalls = Traffic::of(&entries, &BTreeSet::new(), Moment(10_000)).stalls;
            let still = |step: &u64| {
                let within = |span: &(u64, u64)| span.0 <= *step && span.0 + span.1 > *step;
                spans.iter().any(within)
            };
            let ends = |step: u64| spans.iter().any(|span| span.0 + span.1 == step);
            let mut wanted = Vec::new();
            let mut since = None;
            for step in 0..50 {
                if let Some(begun) = since.filter(|_| ends(step) || !still(&step)) {
                    if step - begun >= 5 {
                        wanted.push((Moment(begun * 100), Moment(step * 100)));
                    }
                    since = None;
                }
                if since.is_none() && still(&step) {
                    since = Some(step);
                }
            }
            prop_assert_eq!(stalls, wanted);
        }

        #[test]
        fn whatever_a_damaged_file_says_no_write_is_missing(
            moments in prop::collection::vec((any::<u64>(), any::<u64>()), 0..40), end in any::<u64>()
        ) {
            let entries: Vec<_> = moments.iter().map(|(from, to)| entry(*from, *from, *to, Ack::Ok)).collect();
            let traffic = Traffic::of(&entries, &BTreeSet::new(), Moment(end));
            prop_assert_eq!(traffic.sum(|slice| slice.acknowledged as usize), entries.len());
            prop_assert!(traffic.slices.keys().all(|slice| *slice <= MOST_SLICES));
        }
    }
}
