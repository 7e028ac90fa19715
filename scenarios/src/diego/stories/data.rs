//! etcd's data go wrong while a member does not run.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use futures::future::try_join_all;
use reenact::{
    Error, Result,
    fault::{PowerOff, PowerOn},
    judge::Contents,
    probe::Observation,
    stage::{
        Fingerprint, Lab, Stage,
        phase::{Detected, Faulted, Steady},
    },
    wait::Look,
    workload::Entry,
};

use super::{
    super::{
        Diego, ETCDS, Setup, client,
        detectors::MEMBER_CORRUPT,
        etcd,
        faults::{Damage, What, Wiped, folder},
        recipe,
        runbooks::ReplaceMember,
    },
    members::statuses,
};
use crate::answer::describe;

/// More writes than etcd makes a snapshot of here, twice over.
const SNAPSHOTS: u64 = 220;

/// A steady Diego, of which every member has made a snapshot.
pub(in super::super) async fn with_snapshots(lab: &Lab, setup: Setup) -> Result<Stage<Diego, Steady>> {
    let stage = recipe::steady(lab, setup).await?;
    stage
        .wait_for("etcd to have made snapshots", Duration::from_secs(60), || async {
            match statuses(stage.system()).await {
                Ok(all) => match all.iter().map(|(_, status)| status.index).min() {
                    Some(least) if least > SNAPSHOTS => Look::Ready(()),
                    least => Look::NotYet(format!("a member is at {least:?}")),
                },
                Err(why) => Look::NotYet(why),
            }
        })
        .await?;
    Ok(stage)
}

/// Machines lose their power, and their disks are damaged meanwhile.
pub(in super::super) async fn damaged_while_off(
    stage: &mut Stage<Diego, Steady>,
    nodes: &[&'static str],
    what: What,
) -> Result<()> {
    stage.strike(PowerOff::of(nodes)).await?;
    for node in nodes {
        stage.strike(Damage::new(node, what)).await?;
    }
    Ok(())
}

/// The same, and they boot.
pub(in super::super) async fn damaged(
    mut stage: Stage<Diego, Steady>,
    nodes: &[&'static str],
    what: What,
) -> Result<Stage<Diego, Faulted>> {
    damaged_while_off(&mut stage, nodes, what).await?;
    stage.inject(PowerOn::of(nodes)).await
}

/// The data of one member beside two that serve are damaged: it shows the marks, and cannot
/// start.
pub(in super::super) async fn one_cannot_start(
    steady: Stage<Diego, Steady>,
    what: What,
    marks: &[Fingerprint],
) -> Result<Stage<Diego, Detected>> {
    let broken = damaged(steady, &[DAMAGED], what).await?;
    let broken = broken.fingerprints(marks, Duration::from_secs(15)).await?;
    let broken = broken.detect(MEMBER_CORRUPT, Duration::from_secs(20)).await?;
    broken.stays_broken(Duration::from_secs(15)).await
}

/// It is taken out of the cluster, wiped alone, and added again.
pub(in super::super) async fn is_replaced(broken: Stage<Diego, Detected>) -> Result<()> {
    let runbook = ReplaceMember { setup: broken.system().setup, node: DAMAGED };
    recipe::healed_by(&runbook, broken, Duration::from_secs(60)).await
}

/// The one.
const DAMAGED: &str = "etcd3";

/// A node's log says so, once the story has begun.
pub(in super::super) async fn logs<P>(stage: &Stage<Diego, P>, node: &str, words: &str) -> Result<()> {
    stage
        .wait_for(&format!("{node} to log \"{words}\""), Duration::from_secs(20), || async {
            let said = |line: &Observation| line.node == node && line.is_log_with(&[words]);
            if stage.lab().stream().read(|seen| seen.iter().any(said)) {
                Look::Ready(())
            } else {
                Look::NotYet("it does not".into())
            }
        })
        .await
}

/// A machine loses its power, comes back with an empty disk, and boots.
pub(in super::super) async fn wiped(
    mut stage: Stage<Diego, Steady>,
    node: &'static str,
) -> Result<Stage<Diego, Faulted>> {
    stage.strike(PowerOff::of(&[node])).await?;
    stage.strike(Wiped { node }).await?;
    stage.inject(PowerOn::of(&[node])).await
}

/// The workload rests, and every member has all that it wrote. (What is acknowledged by
/// two of them just before their power is cut only those two have. And a member that knows of an entry
/// has it on its disk, but that it is committed only with the next one: made a cluster of its
/// own, it discards the last ones. So others' writes must follow: nsync's, the cell's.)
pub(in super::super) async fn rests(stage: &Stage<Diego, Steady>) -> Result<()> {
    stage.workload().pause();
    stage.workload().idle().await?;
    stage
        .wait_for("every member to have the same", Duration::from_secs(10), || async {
            match held(stage.system()).await {
                Ok(all) if all.windows(2).all(|two| two[0] == two[1]) => Look::Ready(()),
                Ok(_) => Look::NotYet("they differ".into()),
                Err(why) => Look::NotYet(why),
            }
        })
        .await?;
    let index = furthest(stage.system()).await.map_err(Error::inconclusive)?.1;
    stage
        .wait_for("others' writes to follow on every member", Duration::from_secs(20), || async {
            match furthest(stage.system()).await {
                Ok((least, _)) if least > index + 2 => Look::Ready(()),
                Ok((least, _)) => Look::NotYet(format!("one is at {least}, after {index}")),
                Err(why) => Look::NotYet(why),
            }
        })
        .await
}

/// How far the members' logs go: the shortest, and the longest.
async fn furthest(diego: &Diego) -> Result<(u64, u64), String> {
    let all = statuses(diego).await?;
    let indices = || all.iter().map(|(_, status)| status.index);
    indices().min().zip(indices().max()).ok_or_else(|| "there is no member".into())
}

/// The workload's tasks that each member has in its own copy.
async fn held(diego: &Diego) -> Result<Vec<Contents>, String> {
    let all = diego.members().map(|(_, member)| async move { member.local_keys("/v1/task").await });
    let all = try_join_all(all).await.map_err(|answer| describe(&answer))?;
    Ok(all.iter().map(|tasks| etcd::written(tasks.keys())).collect())
}

/// The member's own copy has every task that was acknowledged, though nobody leads it.
pub(in super::super) async fn shows_everything(stage: &Stage<Diego, Detected>, name: &str) -> Result<()> {
    let member = stage.system().member(name)?;
    let what = format!("{name}'s own copy to show all that was acknowledged");
    stage
        .wait_for(&what, Duration::from_secs(10), || async {
            let tasks = match member.local_keys("/v1/task").await {
                Ok(tasks) => etcd::written(tasks.keys()),
                Err(answer) => return Look::NotYet(describe(&answer)),
            };
            let is_missing = |entry: &Entry| client::is_task(entry.id) && !tasks.contains_key(&entry.id);
            match stage.ledger().acknowledged_by(is_missing) {
                0 => Look::Ready(()),
                some => Look::NotYet(format!("{some} are missing")),
            }
        })
        .await
}

/// etcd keeps no snapshot of so short a log: where half of that is gone, so is what it
/// stands for.
pub(in super::super) const LONG_LOG: Setup = Setup { flags: "--snapshot-count=10000", ..Setup::PLAIN };

/// All of etcd's machines are off, two of them with half of their logs; the third one has
/// all that was acknowledged.
pub(in super::super) async fn two_logs_cut_in_half(lab: &Lab) -> Result<Stage<Diego, Faulted>> {
    let mut stage = recipe::steady(lab, LONG_LOG).await?;
    stage.writes(40, Duration::from_secs(30)).await?;
    rests(&stage).await?;
    stage.strike(PowerOff::of(&ETCDS)).await?;
    stage.strike(Damage::new("etcd1", What::LogHalf)).await?;
    let stage = stage.inject(Damage::new("etcd2", What::LogHalf)).await?;
    stage.workload().resume();
    Ok(stage)
}

/// nsync has desired the Cloud Controller's applications on that member.
pub(in super::super) async fn is_desired_on<P>(stage: &Stage<Diego, P>, name: &str) -> Result<()> {
    let member = stage.system().member(name)?;
    stage
        .wait_for(&format!("applications to be desired on {name}"), Duration::from_secs(60), || async {
            match member.local_keys("/v1/desired_lrp/schedule").await {
                Ok(desires) if !desires.is_empty() => Look::Ready(()),
                Ok(_) => Look::NotYet("none is".into()),
                Err(answer) => Look::NotYet(describe(&answer)),
            }
        })
        .await
}

/// A few version 3 keys with that word in their values, as other users of etcd write them. They
/// are on the node's disk when this ends: a member that follows writes its database a little
/// later than it has its log.
pub(in super::super) async fn write_words(stage: &Stage<Diego, Steady>, word: &str, node: &str) -> Result<()> {
    let member = stage.system().member("etcd1")?;
    for number in 0..5 {
        let pair = [("key", format!("word-{number}")), ("value", word.to_owned())];
        let pair: serde_json::Map<_, _> =
            pair.map(|(name, text)| (name.into(), BASE64.encode(text).into())).into_iter().collect();
        let written = member.v3("kv/put", &pair.into(), Duration::from_secs(5)).await;
        written.map_err(|answer| Error::inconclusive(format!("a key cannot be written: {}", describe(&answer))))?;
    }
    let bed = &stage.system().bed;
    let has = format!("grep -aq {word} {}/snap/db", folder(bed.node(node)?).await?);
    stage
        .wait_for(&format!("{node}'s database to have {word}"), Duration::from_secs(20), || async {
            match bed.probe_shell().run(&has).await {
                Ok((0, _)) => Look::Ready(()),
                Ok(_) => Look::NotYet("it has not".into()),
                Err(error) => Look::Never(error),
            }
        })
        .await
}
