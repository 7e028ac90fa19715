//! What the service knows of its work: for `/metrics`, and for the log at the end.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// Promised in memory only, and begun by nobody yet.
    pub queued: AtomicUsize,
    begun: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicUsize,
    telemetry: AtomicUsize,
    telemetry_dropped: AtomicUsize,
}

impl Gauges {
    pub fn work_begins(&self, id: i64) {
        self.begun.fetch_add(1, Relaxed);
        println!("work begun id={id}");
    }

    pub fn work_is_done(&self, id: i64) {
        println!("work done id={id}");
        self.done.fetch_add(1, Relaxed);
    }

    /// The work is given up: nobody will do it any more.
    pub fn work_fails(&self, id: i64, why: &dyn fmt::Display) {
        println!("work failed id={id}: {why}");
        self.failed.fetch_add(1, Relaxed);
    }

    /// Work in flight: begun, and neither done nor given up.
    pub fn in_flight(&self) -> usize {
        // The ends first: what begins meanwhile must not make the rest negative.
        let ended = self.done.load(Relaxed) + self.failed.load(Relaxed);
        self.begun.load(Relaxed).saturating_sub(ended)
    }

    /// Takes a place for a telemetry work; false if all are taken and it is dropped.
    pub fn telemetry_begins(&self, limit: usize) -> bool {
        let taken = self.telemetry.fetch_update(Relaxed, Relaxed, |n| (n < limit).then_some(n + 1)).is_ok();
        if !taken {
            self.telemetry_dropped.fetch_add(1, Relaxed);
        }
        taken
    }

    pub fn telemetry_ends(&self) {
        self.telemetry.fetch_sub(1, Relaxed);
    }

    /// The exposition format of Prometheus, less its comments.
    pub fn exposition(&self) -> String {
        [
            ("bg_inflight", self.in_flight()),
            ("bg_queued", self.queued.load(Relaxed)),
            ("bg_begun_total", self.begun.load(Relaxed)),
            ("bg_done_total", self.done.load(Relaxed)),
            ("bg_failed_total", self.failed.load(Relaxed)),
            ("telemetry_inflight", self.telemetry.load(Relaxed)),
            ("telemetry_dropped_total", self.telemetry_dropped.load(Relaxed)),
        ]
        .map(|(name, count)| format!("{name} {count}\n"))
        .concat()
    }
}

/// For the log: `bg_inflight=N queued=M telemetry=K`.
impl fmt::Display for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (queued, telemetry) = (self.queued.load(Relaxed), self.telemetry.load(Relaxed));
        write!(f, "bg_inflight={} queued={queued} telemetry={telemetry}", self.in_flight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_flight_is_what_began_and_did_not_end() {
        let gauges = Gauges::default();
        (1..=3).for_each(|id| gauges.work_begins(id));
        gauges.work_is_done(1);
        gauges.work_fails(2, &"no");
        assert_eq!(gauges.in_flight(), 1);
        assert!(gauges.exposition().contains("bg_inflight 1\nbg_queued 0\nbg_begun_total 3\n"));
    }

    #[test]
    fn telemetry_beyond_its_limit_is_dropped_and_in_no_other_gauge() {
        let gauges = Gauges::default();
        assert!(gauges.telemetry_begins(1));
        assert!(!gauges.telemetry_begins(1));
        gauges.telemetry_ends();
        assert!(gauges.telemetry_begins(1));
        assert_eq!(gauges.to_string(), "bg_inflight=0 queued=0 telemetry=1");
    }
}
