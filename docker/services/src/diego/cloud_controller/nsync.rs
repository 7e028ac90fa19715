//! nsync: makes what the BBS desires equal to the table, again and again.

use std::{collections::HashMap, error::Error, time::Duration};

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    LOG,
    table::{App, Table},
};
use crate::diego::{BbsClient, model::DesiredLrp};

/// The domain of the Cloud Controller's applications.
const DOMAIN: &str = "cf-apps";

/// For how long the domain is fresh after a whole pass, in seconds, before scaling.
const FRESH: u64 = 120;

/// How many changes are under way at once; the real one has fifty workers. One after another, a pass after
/// a long outage takes longer than the next passes are apart.
const AT_ONCE: usize = 10;

/// One request to the BBS.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    path: &'static str,
    body: Value,
}

/// What makes the desires equal to the applications.
fn changes(apps: &[App], desires: &[DesiredLrp]) -> Vec<Change> {
    let known: HashMap<_, _> = desires.iter().map(|lrp| (lrp.process_guid.as_str(), lrp)).collect();
    let wanted: HashMap<_, _> = apps.iter().map(|app| (app.process_guid.as_str(), app)).collect();
    let pushed = apps.iter().filter_map(|app| {
        let App { process_guid, instances, version } = app;
        let annotation = version.to_string();
        match known.get(process_guid.as_str()) {
            None => {
                let (process_guid, instances) = (process_guid.clone(), *instances);
                let desired = DesiredLrp { process_guid, domain: DOMAIN.into(), instances, annotation };
                Some(Change { path: "/v1/desired_lrp/desire", body: json!({ "desired_lrp": desired }) })
            }
            Some(lrp) if lrp.annotation == annotation => None,
            Some(_) => {
                let body = json!({ "process_guid": process_guid, "instances": instances, "annotation": annotation });
                Some(Change { path: "/v1/desired_lrp/update", body })
            }
        }
    });
    let deleted = desires.iter().filter(|lrp| lrp.domain == DOMAIN && !wanted.contains_key(lrp.process_guid.as_str()));
    let deleted =
        deleted.map(|lrp| Change { path: "/v1/desired_lrp/remove", body: json!({ "process_guid": lrp.process_guid }) });
    pushed.chain(deleted).collect()
}

/// Passes again and again.
pub(super) async fn run(table: &Table, bbs: &BbsClient, every: Duration) {
    let mut every = interval(every);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match pass(table, bbs).await {
            Ok(0) => {}
            Ok(count) => LOG.info("nsync.sync.done", json!({ "changes": count })),
            Err(error) => LOG.error("nsync.sync.failed", &error),
        }
    }
}

/// One pass: how many changes there were. Only a whole one makes the domain fresh.
async fn pass(table: &Table, bbs: &BbsClient) -> Result<usize, Box<dyn Error>> {
    let apps = table.all().await?;
    let desires: Vec<DesiredLrp> = bbs.list("/v1/desired_lrps/list", "desired_lrps").await?;
    let changes = changes(&apps, &desires);
    for some in changes.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|change| bbs.call(change.path, &change.body))).await?;
    }
    bbs.call("/v1/domains/upsert", &json!({ "domain": DOMAIN, "ttl": FRESH })).await?;
    Ok(changes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(guid: u8, version: i64) -> App {
        App { process_guid: format!("g{guid}"), instances: u32::from(guid), version }
    }

    fn desire(guid: u8, version: i64, domain: &str) -> DesiredLrp {
        let App { process_guid, instances, .. } = app(guid, version);
        DesiredLrp { process_guid, domain: domain.into(), instances, annotation: version.to_string() }
    }

    fn paths(apps: &[App], desires: &[DesiredLrp]) -> Vec<&'static str> {
        changes(apps, desires).iter().map(|change| change.path.rsplit('/').next().expect("a path")).collect()
    }

    #[test]
    fn another_domain_s_desires_are_left_alone() {
        assert_eq!(paths(&[], &[desire(1, 1, DOMAIN), desire(2, 1, "other")]), ["remove"]);
    }

    #[test]
    fn an_app_is_desired_updated_or_let_be() {
        let apps = [app(1, 1), app(2, 2), app(3, 3)];
        let desires = [desire(2, 1, DOMAIN), desire(3, 3, DOMAIN)];
        assert_eq!(paths(&apps, &desires), ["desire", "update"]);
    }

    proptest! {
        /// Whatever etcd holds, one pass makes it the table's.
        #[test]
        fn one_pass_is_enough(
            apps in proptest::collection::btree_map(0..8u8, 1..4i64, 0..8),
            desires in proptest::collection::btree_map(0..8u8, 1..4i64, 0..8),
        ) {
            let apps: Vec<_> = apps.into_iter().map(|(guid, version)| app(guid, version)).collect();
            let mut held: HashMap<String, DesiredLrp> =
                desires.into_iter().map(|(guid, version)| (format!("g{guid}"), desire(guid, version, DOMAIN))).collect();
            for Change { path, body } in changes(&apps, &held.values().cloned().collect::<Vec<_>>()) {
                let guid = |body: &Value| body["process_guid"].as_str().expect("a name").to_owned();
                match path {
                    "/v1/desired_lrp/remove" => drop(held.remove(&guid(&body))),
                    "/v1/desired_lrp/update" => {
                        let lrp = held.get_mut(&guid(&body)).expect("only what is there is updated");
                        lrp.annotation = body["annotation"].as_str().expect("text").into();
                    }
                    _ => {
                        let lrp: DesiredLrp = serde_json::from_value(body["desired_lrp"].clone()).expect("valid");
                        prop_assert!(held.insert(lrp.process_guid.clone(), lrp).is_none());
                    }
                }
            }
            prop_assert!(changes(&apps, &held.into_values().collect::<Vec<_>>()).is_empty());
        }
    }
}
