//! What an operator does with etcd's members.

use std::time::Duration;

use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::Operator,
};
use serde_json::Value;

use super::{
    super::{ETCDS, Setup},
    survey::{self, LIMIT},
    vm,
};

/// How long a member may take to be a member that is led: 2.6 s alone; one that rejoins
/// empty 7.6 to 10.2 s.
pub(super) const START: Duration = Duration::from_secs(45);

/// Where a member's data is.
const DATA: &str = "/var/vcap/store/etcd";

/// Stops etcd by its supervisor.
///
/// # Errors
/// As [`vm::stop`].
pub(super) async fn stop(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::stop(operator, node, "etcd", "etcd").await
}

/// Ends etcd, also one that its supervisor does not know. The supervisor gives it up first:
/// it might be at a start, and leave another one behind. So might a start script that still
/// waits: it would write a pid of its own down once the next etcd answers.
pub(super) async fn end(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::give_up(operator, node, "etcd").await?;
    vm::killall(operator, node, "etcd_ctl").await?;
    vm::killall(operator, node, "etcd").await?;
    stop(operator, node).await
}

/// Starts etcd by its supervisor, and waits until it is led and the supervisor knows it.
pub(super) async fn start(operator: &Operator<'_>, setup: Setup, node: &str) -> Result<()> {
    vm::monit(operator, node, "start", "etcd").await?;
    until_led(operator, setup, node).await
}

/// Waits until the member is led, and its supervisor's.
pub(super) async fn until_led(operator: &Operator<'_>, setup: Setup, node: &str) -> Result<()> {
    let member = survey::member(operator, setup, node)?;
    poll::until(&format!("etcd on {node} to have a leader"), START, || async {
        match member.status(LIMIT).await {
            Ok(status) if status.leader != 0 => {}
            Ok(_) => return Look::NotYet("it has none".into()),
            Err(answer) => return Look::NotYet(crate::answer::describe(&answer)),
        }
        // The pid is written down once it answers: until then monit would start a second.
        match operator.run(node, &["test", "-s", "/var/vcap/sys/run/etcd/etcd.pid"]).await {
            Ok(said) if said.code == 0 => Look::Ready(()),
            Ok(_) => Look::NotYet("its pid is not written down".into()),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// Starts a node that was added to the cluster that `by` is in, as a member of that and of
/// no other, whatever the script would find out or is told.
async fn join(operator: &Operator<'_>, setup: Setup, by: &str, node: &str) -> Result<()> {
    let listed = list(operator, by).await?;
    let mut members = Vec::new();
    for name in ETCDS {
        let peer = peer(operator, name)?;
        members.extend(listed.iter().any(|listed| listed.peer == peer).then(|| format!("{name}={peer}")));
    }
    start_in(operator, setup, node, ("existing", &members.join(","))).await
}

/// Starts a member that is a cluster of its own, or has just been made one.
pub(super) async fn start_alone(operator: &Operator<'_>, setup: Setup, node: &str) -> Result<()> {
    start_in(operator, setup, node, ("new", "self")).await
}

/// Starts a member that is told its cluster, and whether that is new. Its script would ask the
/// others for it, and where their machines are off that takes 8 of the 10 s that monit gives it.
async fn start_in(operator: &Operator<'_>, setup: Setup, node: &str, (state, cluster): (&str, &str)) -> Result<()> {
    vm::set(operator, node, "INITIAL_STATE", state).await?;
    vm::set(operator, node, "INITIAL_CLUSTER", cluster).await?;
    start(operator, setup, node).await?;
    vm::set(operator, node, "INITIAL_STATE", "").await?;
    vm::set(operator, node, "INITIAL_CLUSTER", "").await
}

/// Makes a node an empty, new member of the cluster that `by` is in, which sends it
/// everything. Whatever the node had is gone.
pub(super) async fn replace(operator: &Operator<'_>, setup: Setup, by: &str, node: &str) -> Result<()> {
    if !operator.is_up(node).await? {
        operator.step(&format!("switch {node} on"), operator.power_on(node)).await?;
    }
    operator.step(&format!("stop etcd on {node}"), end(operator, node)).await?;
    operator.step(&format!("remove {node}"), remove(operator, by, node)).await?;
    operator.step(&format!("wipe {node}"), wipe(operator, node)).await?;
    operator.step(&format!("add {node}"), add(operator, by, node)).await?;
    operator.step(&format!("start etcd on {node}"), join(operator, setup, by, node)).await
}

/// Removes a stopped member's data.
///
/// # Errors
/// [`Error::Failed`] if an etcd runs on them: it would go on with deleted files.
pub(super) async fn wipe(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::must(
        !vm::runs(operator, node, "etcd").await?,
        format!("etcd still runs on {node}: its data must not be wiped"),
    )?;
    delete(operator, node).await
}

/// Deletes a member's data, whoever uses them.
pub(super) async fn delete(operator: &Operator<'_>, node: &str) -> Result<()> {
    vm::shell(operator, node, &format!("rm -rf {DATA}")).await.map(drop)
}

/// A member as `/v2/members` lists it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) peer: String,
    /// Whether it was added and has never been started: it has no name yet.
    pub(super) is_new: bool,
}

/// The members, as this one has them.
pub(super) async fn list(operator: &Operator<'_>, by: &str) -> Result<Vec<Listed>> {
    let said = vm::shell(operator, by, "curl -sS -m 10 http://127.0.0.1:4001/v2/members").await?;
    let said: Value = serde_json::from_str(&said).map_err(|error| Error::failed(format!("{by}: {error}: {said}")))?;
    let members = said["members"].as_array().into_iter().flatten();
    let listed = |member: &Value| {
        let is_new = member["name"].as_str().is_none_or(str::is_empty);
        Some(Listed { id: member["id"].as_str()?.into(), peer: member["peerURLs"][0].as_str()?.into(), is_new })
    };
    Ok(members.filter_map(listed).collect())
}

/// The address that a node's peers reach it at.
pub(super) fn peer(operator: &Operator<'_>, node: &str) -> Result<String> {
    Ok(format!("http://{}:{}", operator.ip(node)?, super::super::etcd::PEERS))
}

/// Takes a node out of the cluster that `by` is in, if it is in it and has ever been
/// started: one that was only added needs but a start.
async fn remove(operator: &Operator<'_>, by: &str, node: &str) -> Result<()> {
    let peer = peer(operator, node)?;
    let is_old = |listed: &Listed| listed.peer == peer && !listed.is_new;
    let Some(listed) = list(operator, by).await?.into_iter().find(is_old) else { return Ok(()) };
    let url = format!("http://127.0.0.1:4001/v2/members/{}", listed.id);
    retried(operator, by, &format!("curl -sS -m 10 -o /dev/stderr -w '%{{http_code}}' -X DELETE {url}"), "204").await
}

/// Adds a node to the cluster that `by` is in, unless it is in it. etcd refuses until its
/// peers have been connected for some five seconds.
async fn add(operator: &Operator<'_>, by: &str, node: &str) -> Result<()> {
    let peer = peer(operator, node)?;
    if list(operator, by).await?.iter().any(|listed| listed.peer == peer) {
        return Ok(());
    }
    let body = format!(r#"{{"peerURLs": ["{peer}"]}}"#);
    let command = format!(
        "curl -sS -m 10 -o /dev/stderr -w '%{{http_code}}' -H 'Content-Type: application/json' -d '{body}' \
         http://127.0.0.1:4001/v2/members"
    );
    retried(operator, by, &command, "201").await
}

async fn retried(operator: &Operator<'_>, by: &str, command: &str, wanted: &str) -> Result<()> {
    poll::until(&format!("{by} to take the change of members"), START, || async {
        match operator.run(by, &["bash", "-c", command]).await {
            Ok(said) if said.text.contains(wanted) => Look::Ready(()),
            Ok(said) => {
                // It says no at once: there is no hurry.
                tokio::time::sleep(Duration::from_millis(500)).await;
                Look::NotYet(said.text)
            }
            Err(error) => Look::Never(error),
        }
    })
    .await
}
