//! etcd's data go wrong while a member does not run.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use futures::future::try_join_all;
use reenact::{
    Error, Result,
    fault::{PowerOff, PowerOn},
    incident::*,
    judge::Contents,
    poll::Look,
    probe::{Answer, Signal},
    workload::Entry,
};
use serde_json::{Map, json};

use super::{
    super::{
        Diego, ETCDS, Setup, client, etcd,
        faults::{Damage, What, Wiped, folder},
        report::WORD,
    },
    members::statuses,
};
use crate::answer::describe;

/// More writes than etcd makes a snapshot of here, twice over.
const SNAPSHOTS: u64 = 220;

/// Waits until every member has made a snapshot.
pub(crate) fn snapshots_are_made() -> Action<Diego> {
    wait("etcd has made snapshots", secs(60), |run: &Run<Diego>| {
        Box::pin(async move {
            match furthest(run.system()).await {
                Ok((least, _)) if least > SNAPSHOTS => Look::Ready(()),
                Ok((least, _)) => Look::NotYet(format!("a member is at {least}")),
                Err(why) => Look::NotYet(why),
            }
        })
    })
}

/// Machines lose their power, their disks are damaged meanwhile, and they boot.
pub(crate) fn damaged(nodes: &'static [&'static str], what: &What) -> Vec<Action<Diego>> {
    let mut story = vec![inject(PowerOff::of(nodes))];
    story.extend(nodes.iter().map(|node| inject(Damage::new(node, what.clone()))));
    story.push(inject(PowerOn::of(nodes)));
    story
}

/// A machine loses its power, comes back with an empty disk, and boots.
pub(crate) fn wiped(node: &'static str) -> Vec<Action<Diego>> {
    vec![inject(PowerOff::of(&[node])), inject(Wiped { node: node.into() }), inject(PowerOn::of(&[node]))]
}

/// Waits until all serve again by themselves. The BBS may still wait for the one that was away.
pub(crate) fn comes_back() -> [Action<Diego>; 2] {
    [heals_itself(secs(40)), writes(10, secs(30))]
}

/// The workload rests, and every member has all that it wrote. (What is acknowledged by
/// two of them just before their power is cut only those two have. And a member that knows of an entry
/// has it on its disk, but that it is committed only with the next one: made a cluster of its
/// own, it discards the last ones. So others' writes must follow: nsync's, the cell's.)
pub(crate) fn rests() -> Vec<Action<Diego>> {
    let same = wait("every member has the same", secs(10), |run: &Run<Diego>| {
        Box::pin(async move {
            match held(run.system()).await {
                Ok(all) if all.windows(2).all(|two| two[0] == two[1]) => Look::Ready(()),
                Ok(_) => Look::NotYet("they differ".into()),
                Err(why) => Look::NotYet(why),
            }
        })
    });
    let follow = story("others' writes follow on every member", |run: &Run<Diego>| Box::pin(others_write(run)));
    vec![pause_workload(), same, follow]
}

async fn others_write(run: &Run<Diego>) -> Result<()> {
    let index = furthest(run.system()).await.map_err(Error::inconclusive)?.1;
    run.wait_for("others' writes to follow on every member", secs(20), || async {
        match furthest(run.system()).await {
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

/// Waits until the member's own copy has every task that was acknowledged, though nobody leads
/// it.
pub(crate) fn shows_everything(node: &'static str) -> Action<Diego> {
    wait(format!("{node}'s own copy shows all that was acknowledged"), secs(10), move |run: &Run<Diego>| {
        Box::pin(async move {
            let tasks = match own_keys(run.system(), node, "/v1/task").await {
                Ok(tasks) => tasks,
                Err(look) => return look,
            };
            let is_missing = |entry: &Entry| client::is_task(entry.id) && !tasks.contains_key(&entry.id);
            match run.ledger().acknowledged_by(is_missing) {
                0 => Look::Ready(()),
                some => Look::NotYet(format!("{some} are missing")),
            }
        })
    })
}

async fn own_keys(diego: &Diego, node: &str, folder: &str) -> Result<Contents, Look<()>> {
    let member = diego.member(node).map_err(Look::Never)?;
    let keys = member.local_keys(folder).await.map_err(|answer| Look::NotYet(describe(&answer)))?;
    Ok(etcd::written(keys.keys()))
}

/// etcd keeps no snapshot of so short a log: where half of that is gone, so is what it
/// stands for.
pub(crate) const LONG_LOG: Setup = Setup { flags: "--snapshot-count=10000", ..Setup::PLAIN };

/// All of etcd's machines are off, two of them with half of their logs; the third one has
/// all that was acknowledged.
pub(crate) fn two_logs_cut_in_half() -> Vec<Action<Diego>> {
    let mut story = vec![writes(40, secs(30))];
    story.extend(rests());
    story.extend([
        inject(PowerOff::of(&ETCDS)),
        inject(Damage::new("etcd1", What::LogHalf)),
        inject(Damage::new("etcd2", What::LogHalf)),
        resume_workload(),
    ]);
    story
}

/// Waits until nsync has desired the Cloud Controller's applications on that member.
pub(crate) fn is_desired_on(node: &'static str) -> Action<Diego> {
    wait(format!("applications are desired on {node}"), secs(60), move |run: &Run<Diego>| {
        Box::pin(async move {
            match run.system().member(node) {
                Ok(member) => {
                    let held = member.local_keys("/v1/desired_lrp/schedule").await;
                    super::look_at(held, |held| !held.is_empty())
                }
                Err(error) => Look::Never(error),
            }
        })
    })
}

/// A few version 3 keys with that word in their values, as other users of etcd write them. They
/// are on the node's disk when this ends: a member that follows writes its database a little
/// later than it has its log.
pub(crate) fn write_words(word: &'static str, node: &'static str) -> Action<Diego> {
    story(format!("somebody writes keys of version 3 with {word:?}"), move |run: &Run<Diego>| {
        Box::pin(async move {
            let member = run.system().member("etcd1")?;
            for number in 0..5 {
                let pair = [("key", format!("word-{number}")), ("value", word.to_owned())];
                let pair: Map<_, _> =
                    pair.map(|(name, text)| (name.into(), BASE64.encode(text).into())).into_iter().collect();
                let written = member.v3("kv/put", &pair.into(), secs(5)).await;
                written
                    .map_err(|answer| Error::inconclusive(format!("a key cannot be written: {}", describe(&answer))))?;
            }
            is_on_disk(run, word, node).await
        })
    })
}

/// Reads one of these keys from a member's own copy, by hand.
pub(crate) fn reads_a_word(node: &'static str) -> Action<Diego> {
    wait(format!("{node} tells what it holds"), secs(20), move |run: &Run<Diego>| {
        Box::pin(async move {
            let member = match run.system().member(node) {
                Ok(member) => member,
                Err(error) => return Look::Never(error),
            };
            let key = json!({"key": BASE64.encode("word-0"), "serializable": true});
            let said = match member.v3("kv/range", &key, secs(2)).await {
                Ok(said) => said["kvs"][0]["value"].to_string(),
                Err(answer) => return Look::NotYet(describe(&answer)),
            };
            let answer = Answer::Values { values: [("said".to_owned(), said)].into() };
            run.saw_by_hand(node, Signal::Query { of: WORD.into(), answer });
            Look::Ready(())
        })
    })
}

async fn is_on_disk(run: &Run<Diego>, word: &str, node: &str) -> Result<()> {
    let bed = &run.system().bed;
    let has = format!("grep -aq {word} {}/snap/db", folder(bed.node(node)?).await?);
    run.wait_for(&format!("{node}'s database to have {word}"), Duration::from_secs(20), || async {
        match bed.probe_shell().run(&has).await {
            Ok((0, _)) => Look::Ready(()),
            Ok(_) => Look::NotYet("it has not".into()),
            Err(error) => Look::Never(error),
        }
    })
    .await
}
