//! Convergence: what runs is compared to what is desired, again and again.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use axum::http::Method;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::{Bbs, LOG, metrics::Lrps, options::CONVERGENCE, store::Store};
use crate::diego::{
    etcd::Failure,
    http::Request,
    model::{ActualLrp, DesiredLrp, State},
};

/// How long a cell may take to take note.
const CELL_LIMIT: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Desired instances that do not exist.
    missing: Vec<(DesiredLrp, u32)>,
    /// Instances that are not desired, whose domain is fresh: somebody knows the whole
    /// set of its desires, and this is not in it.
    retired: Vec<ActualLrp>,
    /// How many instances are not desired, by any domain.
    extra: usize,
}

fn plan(desires: &[DesiredLrp], actuals: &[ActualLrp], fresh: &BTreeSet<String>) -> Plan {
    let wanted: HashMap<_, _> = desires.iter().map(|lrp| (lrp.process_guid.as_str(), lrp.instances)).collect();
    let known: HashSet<_> = actuals.iter().map(|lrp| (lrp.process_guid.as_str(), lrp.index)).collect();
    let is_extra = |lrp: &&ActualLrp| wanted.get(lrp.process_guid.as_str()).is_none_or(|count| lrp.index >= *count);
    let extra: Vec<_> = actuals.iter().filter(is_extra).collect();
    let missing = desires.iter().flat_map(|lrp| {
        let absent = |index: &u32| !known.contains(&(lrp.process_guid.as_str(), *index));
        (0..lrp.instances).filter(absent).map(move |index| (lrp.clone(), index))
    });
    Plan {
        missing: missing.collect(),
        extra: extra.len(),
        retired: extra.into_iter().filter(|lrp| fresh.contains(&lrp.domain)).cloned().collect(),
    }
}

/// Converges at its interval, for ever, whatever etcd does.
pub(super) async fn run(bbs: &Bbs) {
    let mut every = interval(bbs.scale.of(CONVERGENCE));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match pass(&bbs.store).await {
            Ok(lrps) => bbs.metrics.know(Some(lrps)),
            Err(error) => {
                bbs.metrics.know(None);
                LOG.error("converge-lrps.failed", &error);
            }
        }
    }
}

async fn pass(store: &Store) -> Result<Lrps, Failure> {
    let (desires, actuals) = (store.desires().await?, store.actuals().await?);
    let plan = plan(&desires, &actuals, &store.domains().await?);
    let desired = desires.iter().map(|lrp| lrp.instances as usize).sum();
    let lrps = Lrps { desired, missing: plan.missing.len(), extra: plan.extra };
    if !plan.missing.is_empty() || !plan.retired.is_empty() {
        let data = json!({ "missing": plan.missing.len(), "retired": plan.retired.len() });
        LOG.info("converge-lrps.acting", data);
    }
    for (lrp, index) in &plan.missing {
        store.create_unclaimed(lrp, *index).await?;
    }
    for lrp in &plan.retired {
        retire(store, lrp).await?;
    }
    Ok(lrps)
}

/// What no cell has yet is removed; a cell that has it is told to stop it, and removes it
/// then. A cell that does not answer is told again the next time.
async fn retire(store: &Store, lrp: &ActualLrp) -> Result<(), Failure> {
    if lrp.state == State::Unclaimed {
        return store.remove_actual(&lrp.process_guid, lrp.index).await;
    }
    let path = format!("/v1/lrps/{}/instances/{}/stop", lrp.process_guid, lrp.instance_guid);
    if let Err(error) = Request::new(Method::POST, path, CELL_LIMIT).send(&lrp.cell_address).await {
        LOG.error("retire-actual-lrps.failed", &error);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn desire(guid: u8, instances: u32) -> DesiredLrp {
        let domain = format!("d{}", guid % 2);
        DesiredLrp { process_guid: format!("g{guid}"), domain, instances, annotation: String::new() }
    }

    fn actual(guid: u8, index: u32) -> ActualLrp {
        ActualLrp {
            process_guid: format!("g{guid}"),
            index,
            domain: format!("d{}", guid % 2),
            state: State::Running,
            instance_guid: String::new(),
            cell_id: String::new(),
            cell_address: String::new(),
        }
    }

    #[test]
    fn what_is_not_desired_stays_unless_its_domain_is_fresh() {
        let actuals = [actual(0, 0), actual(1, 0)];
        let plan = plan(&[], &actuals, &BTreeSet::from(["d1".to_owned()]));
        assert_eq!((plan.extra, plan.retired), (2, vec![actual(1, 0)]));
    }

    #[test]
    fn instances_beyond_the_number_are_extra() {
        let plan = plan(&[desire(0, 1)], &[actual(0, 1)], &BTreeSet::from(["d0".to_owned()]));
        assert_eq!(plan.missing, [(desire(0, 1), 0)]);
        assert_eq!(plan.retired, [actual(0, 1)]);
    }

    proptest! {
        /// Carried out in fresh domains, a plan leaves nothing to do; in stale ones it
        /// removes nothing.
        #[test]
        fn a_plan_carried_out_leaves_nothing(
            desires in proptest::collection::btree_map(0..6u8, 0..4u32, 0..6),
            actuals in proptest::collection::btree_set((0..6u8, 0..4u32), 0..12),
        ) {
            let desires: Vec<_> = desires.into_iter().map(|(guid, count)| desire(guid, count)).collect();
            let mut actuals: Vec<_> = actuals.into_iter().map(|(guid, index)| actual(guid, index)).collect();
            prop_assert!(plan(&desires, &actuals, &BTreeSet::new()).retired.is_empty());
            let fresh = BTreeSet::from(["d0".to_owned(), "d1".to_owned()]);
            let first = plan(&desires, &actuals, &fresh);
            actuals.retain(|lrp| !first.retired.contains(lrp));
            actuals.extend(first.missing.iter().map(|(lrp, index)| {
                ActualLrp { process_guid: lrp.process_guid.clone(), ..actual(0, *index) }
            }));
            prop_assert_eq!(plan(&desires, &actuals, &fresh), Plan::default());
        }
    }
}
