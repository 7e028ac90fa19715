//! Who of etcd's members leads, and what they say of themselves.

use std::{collections::BTreeSet, time::Duration};

use futures::future::try_join_all;
use reenact::{Error, Result, incident::*, poll::Look};

use super::super::{Diego, ETCDS, etcd::Status, faults::LeaderMoved};
use crate::answer::describe;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(1);

/// How long an election and a start may take, on a loaded machine.
const SOON: Duration = Duration::from_secs(40);

/// What each member says of itself, or who is silent.
pub(crate) async fn statuses(diego: &Diego) -> Result<Vec<(&'static str, Status)>, String> {
    let mut all = Vec::new();
    for name in ETCDS {
        let member = diego.member(name).map_err(|error| error.to_string())?;
        let status = member.status(LIMIT).await;
        all.push((name, status.map_err(|answer| format!("{name}: {}", describe(&answer)))?));
    }
    Ok(all)
}

/// Has that member lead, as a wish of etcd's operator.
pub(crate) fn is_led_by(node: &'static str) -> Action<Diego> {
    story(format!("{node} leads etcd"), move |run: &Run<Diego>| {
        Box::pin(async move {
            let all = statuses(run.system()).await.map_err(Error::inconclusive)?;
            if all.iter().any(|(name, status)| *name == node && status.leader == status.id) {
                return Ok(());
            }
            run.inject(LeaderMoved { to: node.into() }).await
        })
    })
}

/// Waits until the others have a leader without that member.
pub(crate) fn are_led_without(node: &'static str) -> Action<Diego> {
    wait(format!("another than {node} leads"), SOON, move |run: &Run<Diego>| {
        Box::pin(async move {
            for (other, member) in run.system().members() {
                match member.status(LIMIT).await {
                    Ok(status) if other.name() != node && status.leader == status.id => return Look::Ready(()),
                    _ => {}
                }
            }
            Look::NotYet("nobody else leads".into())
        })
    })
}

/// Waits until these nodes are each in a cluster of its own, and lead it.
pub(crate) fn found_their_own(nodes: &'static [&'static str]) -> Action<Diego> {
    wait(format!("{} found a cluster each", nodes.join(", ")), SOON, move |run: &Run<Diego>| {
        Box::pin(async move {
            let all = match statuses(run.system()).await {
                Ok(all) => all,
                Err(why) => return Look::NotYet(why),
            };
            match nodes.iter().filter(|node| !is_alone(node, &all)).count() {
                0 => Look::Ready(()),
                some => Look::NotYet(format!("{some} are not")),
            }
        })
    })
}

fn is_alone(node: &str, all: &[(&str, Status)]) -> bool {
    let own = all.iter().find(|(name, _)| *name == node).map(|(_, status)| status);
    own.is_some_and(|own| {
        own.leader == own.id && all.iter().filter(|(_, other)| other.cluster == own.cluster).count() == 1
    })
}

/// Waits until each member says that it is healthy, whatever is wrong: so much for asking it.
pub(crate) fn all_say_healthy() -> Action<Diego> {
    wait("each member says that it is healthy", SOON, |run: &Run<Diego>| {
        Box::pin(async move {
            let all = run.system().members().map(|(_, member)| async move { member.says_healthy(LIMIT).await });
            super::look_at(try_join_all(all).await, |all| all.iter().all(|healthy| *healthy))
        })
    })
}

/// The member that holds most keys, of those that do.
pub(crate) async fn holds_most(diego: &Diego) -> Result<&'static str, String> {
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
