//! One file per incident or twin.

mod cut_off_primary_keeps_acknowledging;
mod twin_cut_off_primary_refuses;
mod twin_healthy_under_load;
mod twin_planned_failover;
mod unplanned_failover;

use reenact::{incident::*, wait::Look};

use crate::Redis;

/// Waits until clients had a write acknowledged by another node than n1, and one by n1, since the effect.
fn both_sides_acknowledge() -> Action<Redis> {
    wait("both sides of the split acknowledge writes", secs(20), |run: &Run<Redis>| {
        let since = run.effect_at();
        let by = |n1: bool| run.ledger().acknowledged_by(|write| write.from >= since && (write.node == "n1") == n1);
        let (old, new) = (by(true), by(false));
        let look = if old > 0 && new > 0 { Look::Ready(()) } else { Look::NotYet(format!("{old} by n1, {new} by others")) };
        Box::pin(async { look })
    })
}
