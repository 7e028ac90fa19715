//! The metrics, under Diego's names, as `NAME VALUE` lines.

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use tokio::net::TcpListener;

use super::Bbs;

/// How long each member of etcd may take.
const LIMIT: Duration = Duration::from_millis(500);

/// The last convergence's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lrps {
    /// Instances that are desired.
    pub(super) desired: usize,
    /// Those of them that did not exist.
    pub(super) missing: usize,
    /// Instances that were not desired.
    pub(super) extra: usize,
}

#[derive(Debug, Default)]
pub(super) struct Metrics {
    leads: AtomicBool,
    elections: AtomicU64,
    lrps: Mutex<Option<Lrps>>,
}

impl Metrics {
    pub(super) fn leads(&self, leads: bool) {
        self.leads.store(leads, Relaxed);
        if leads {
            self.elections.fetch_add(1, Relaxed);
        }
    }

    /// `None`: etcd could not be read.
    pub(super) fn know(&self, lrps: Option<Lrps>) {
        *self.lrps.lock().unwrap_or_else(PoisonError::into_inner) = lrps;
    }

    /// The page; what is not known is -1. `etcd`: which member leads, and the raft term.
    fn page(&self, lock_key: &str, etcd: Option<(usize, u64)>) -> String {
        let lrps = *self.lrps.lock().unwrap_or_else(PoisonError::into_inner);
        let lrps = lrps.map_or([-1, -1, -1], |lrps| [lrps.desired, lrps.missing, lrps.extra].map(signed));
        let (leader, term) = etcd.map_or((-1, -1), |(leader, term)| (signed(leader), signed(term)));
        let mut page = format!("LockHeld.{} {}\n", lock_key.replace('/', "-"), u8::from(self.leads.load(Relaxed)));
        for (name, value) in [
            ("BBSMasterElected", signed(self.elections.load(Relaxed))),
            ("ETCDLeader", leader),
            ("ETCDRaftTerm", term),
            ("LRPsDesired", lrps[0]),
            ("LRPsMissing", lrps[1]),
            ("LRPsExtra", lrps[2]),
        ] {
            // To a string, which never fails.
            let _ = writeln!(page, "{name} {value}");
        }
        page
    }
}

fn signed<T: TryInto<i64>>(count: T) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Serves the page `/metrics` for ever.
pub(super) async fn serve(listener: TcpListener, bbs: Arc<Bbs>) {
    let routes = Router::new().route("/metrics", get(page)).with_state(bbs);
    if let Err(error) = axum::serve(listener, routes).await {
        super::LOG.error("metrics.failed", &error);
    }
}

async fn page(State(bbs): State<Arc<Bbs>>) -> String {
    let etcd = bbs.store.cluster().leader(LIMIT).await;
    bbs.metrics.page(&bbs.options.lock_key, etcd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_minus_one() {
        let metrics = Metrics::default();
        let page = metrics.page("v1/locks/bbs_lock", None);
        for line in ["LockHeld.v1-locks-bbs_lock 0", "BBSMasterElected 0", "ETCDLeader -1", "LRPsDesired -1"] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
    }

    #[test]
    fn an_election_is_counted_and_its_end_is_not() {
        let metrics = Metrics::default();
        metrics.leads(true);
        metrics.leads(false);
        metrics.know(Some(Lrps { desired: 3, missing: 1, extra: 2 }));
        let page = metrics.page("v1/locks/bbs_lock", Some((0, 7)));
        for line in ["LockHeld.v1-locks-bbs_lock 0", "BBSMasterElected 1", "ETCDRaftTerm 7", "LRPsMissing 1"] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
    }
}
