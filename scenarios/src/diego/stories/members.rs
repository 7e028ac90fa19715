//! Who of etcd's members leads, and what they say of themselves.

use std::{collections::BTreeSet, time::Duration};

use futures::future::try_join_all;
use reenact::{Error, Result, stage::Stage, wait::Look};
use serde_json::json;

use super::super::{Diego, ETCDS, etcd::Status};
use crate::answer::describe;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(1);

/// How long an election and a start may take, on a loaded machine.
const SOON: Duration = Duration::from_secs(40);

/// What each member says of itself, or who is silent.
pub(in super::super) async fn statuses(diego: &Diego) -> Result<Vec<(&'static str, Status)>, String> {
    let mut all = Vec::new();
    for name in ETCDS {
        let member = diego.member(name).map_err(|error| error.to_string())?;
        let status = member.status(LIMIT).await;
        all.push((name, status.map_err(|answer| format!("{name}: {}", describe(&answer)))?));
    }
    Ok(all)
}

/// The member that leads, and one that does not.
pub(in super::super) async fn leader_and_follower(diego: &Diego) -> Result<(&'static str, &'static str)> {
    let all = statuses(diego).await.map_err(Error::inconclusive)?;
    let (leading, following): (Vec<_>, Vec<_>) = all.iter().partition(|(_, status)| status.leader == status.id);
    match (&leading[..], &following[..]) {
        ([(leader, _)], [.., (follower, _)]) => Ok((leader, follower)),
        _ => Err(Error::inconclusive(format!("etcd has not one leader: {all:?}"))),
    }
}

/// The others have a leader, and it is not that one.
pub(in super::super) async fn are_led_without<P>(stage: &Stage<Diego, P>, node: &str) -> Result<()> {
    stage
        .wait_for(&format!("another than {node} to lead"), SOON, || async {
            for (other, member) in stage.system().members() {
                match member.status(LIMIT).await {
                    Ok(status) if other.name() != node && status.leader == status.id => return Look::Ready(()),
                    _ => {}
                }
            }
            Look::NotYet("nobody else leads".into())
        })
        .await
}

/// Has another member lead than that one, as a wish of etcd's operator.
pub(in super::super) async fn follows<P>(stage: &Stage<Diego, P>, node: &str) -> Result<()> {
    let diego = stage.system();
    let all = statuses(diego).await.map_err(Error::inconclusive)?;
    let leads = |(name, status): &&(&str, Status)| *name == node && status.leader == status.id;
    if let (Some(_), Some((_, other))) = (all.iter().find(leads), all.iter().find(|(name, _)| *name != node)) {
        let body = json!({"targetID": other.id.to_string()});
        let handed = diego.member(node)?.v3("maintenance/transfer-leadership", &body, SOON).await;
        handed.map_err(|answer| Error::inconclusive(format!("{node} goes on to lead: {}", describe(&answer))))?;
    }
    are_led_without(stage, node).await
}

/// These nodes are each in a cluster of its own, and lead it.
pub(in super::super) async fn found_their_own<P>(stage: &Stage<Diego, P>, nodes: &[&str]) -> Result<()> {
    stage
        .wait_for(&format!("{} to found a cluster each", nodes.join(", ")), SOON, || async {
            let all = match statuses(stage.system()).await {
                Ok(all) => all,
                Err(why) => return Look::NotYet(why),
            };
            let alone = |node: &&&str| {
                let own = all.iter().find(|(name, _)| *name == **node).map(|(_, status)| status);
                own.is_some_and(|own| {
                    own.leader == own.id && all.iter().filter(|(_, other)| other.cluster == own.cluster).count() == 1
                })
            };
            match nodes.iter().filter(|node| !alone(node)).count() {
                0 => Look::Ready(()),
                some => Look::NotYet(format!("{some} are not")),
            }
        })
        .await
}

/// Each member says that it is healthy, whatever is wrong: so much for asking it.
pub(in super::super) async fn all_say_healthy<P>(stage: &Stage<Diego, P>) -> Result<()> {
    stage
        .wait_for("each member to say that it is healthy", SOON, || async {
            let all = stage.system().members().map(|(_, member)| async move { member.says_healthy(LIMIT).await });
            match try_join_all(all).await {
                Ok(all) if all.iter().all(|healthy| *healthy) => Look::Ready(()),
                Ok(all) => Look::NotYet(format!("they say {all:?}")),
                Err(answer) => Look::NotYet(describe(&answer)),
            }
        })
        .await
}

/// The member that holds most keys, of those that do.
pub(in super::super) async fn holds_most(diego: &Diego) -> Result<&'static str, String> {
    let mut most = (0, "nobody");
    let mut holders = BTreeSet::new();
    for name in ETCDS {
        let member = diego.member(name).map_err(|error| error.to_string())?;
        let count = member.local_keys("/v1").await.map_err(|answer| describe(&answer))?.len();
        holders.extend((count > 0).then_some(name));
        most = most.max((count, name));
    }
    if holders.len() > 1 { Ok(most.1) } else { Err(format!("only {holders:?} hold keys")) }
}
