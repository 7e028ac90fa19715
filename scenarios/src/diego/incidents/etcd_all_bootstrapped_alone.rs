//! All three members found clusters of their own: three leaders, three truths.

use std::sync::Arc;

use reenact::{
    Error,
    fault::{Partition, PowerOff, PowerOn},
    incident::*,
};

use super::super::{
    Diego, ETCDS, Setup,
    detectors::{ORPHAN, QUORUM_LOST, SPLIT_CLUSTER},
    faults::Wiped,
    report::{FOUNDS_ALONE, THREE_LEADERS},
    runbooks::{ChooseCluster, RebuildFromSurvivor, ReplaceMember},
    stories::{data, healthy, members},
};

const SETUP: Setup = Setup::PLAIN;

/// Who holds most keys, and another one.
#[derive(Debug, Clone, Copy)]
struct Holders {
    most: &'static str,
    fewer: &'static str,
}

reenact::incident!(
    Diego,
    Incident {
        id: "diego::etcd_all_bootstrapped_alone",
        story: "All etcd machines lose their disks while they are cut off from each other, as in a wipe of all under a \
                failing network. Each one's script finds nobody and founds a cluster. Three healthy leaders take \
                writes, each its own. One of them must be chosen, by somebody who knows what it costs: what was \
                there before is lost, but for the applications, which the Cloud Controller has.",
        source: "report 003, step 2; measured facts (c): all three self-bootstrapped",
        setup: SETUP,
        acts: vec![
            Act {
                breaks: two_found_clusters(),
                fingerprints: seen(&[FOUNDS_ALONE], secs(40)),
                // With all of them off nobody has a leader.
                detected: by(SPLIT_CLUSTER, secs(40)).also(&[QUORUM_LOST, ORPHAN]),
                control: none("the third one's return is the next act"),
                wrong: none("the third one's return is the next act"),
                ends: goes_on(),
            },
            Act {
                breaks: vec![
                    data::is_desired_on("etcd2"),
                    inject(PowerOn::of(&["etcd1"])),
                    members::found_their_own(&ETCDS),
                    heal("cut"),
                ],
                fingerprints: seen(&[THREE_LEADERS], secs(20)),
                detected: by(SPLIT_CLUSTER, secs(40)).then([members::all_say_healthy(), who_holds_most()]),
                control: stays_broken(secs(15)),
                wrong: tried([
                    refuses(ChooseCluster { setup: SETUP, keep: None }),
                    refuses(Procedure::chosen("keep the cluster of one that has fewer keys", |run| {
                        let keep = Some(run.kept::<Holders>()?.fewer);
                        Ok(Arc::new(ChooseCluster { setup: SETUP, keep }))
                    })),
                    refuses(ReplaceMember { setup: SETUP, node: "etcd2" }),
                    refuses(RebuildFromSurvivor { setup: SETUP, from: None }),
                ]),
                ends: harm([call(keep_the_most()), healthy(secs(60))], &[Harm::Lost]),
            },
        ],
    }
);

/// One founds a cluster and is off again; then the other two do. The BBS writes to the one that
/// answers, and to another one when that is away.
fn two_found_clusters() -> Vec<Action<Diego>> {
    let mut story = vec![inject_as("cut", Partition::shatter(&ETCDS)), inject(PowerOff::of(&ETCDS))];
    story.extend(ETCDS.map(|node| inject(Wiped { node: node.into() })));
    story.extend([
        inject(PowerOn::of(&["etcd1"])),
        data::is_desired_on("etcd1"),
        inject(PowerOff::of(&["etcd1"])),
        inject(PowerOn::of(&["etcd2", "etcd3"])),
    ]);
    story
}

fn who_holds_most() -> Action<Diego> {
    story("an operator counts the keys of each", |run: &Run<Diego>| {
        Box::pin(async move {
            let most = members::holds_most(run.system()).await.map_err(Error::inconclusive)?;
            run.keep(Holders { most, fewer: if most == "etcd1" { "etcd2" } else { "etcd1" } });
            Ok(())
        })
    })
}

/// What the operator decides in the end.
fn keep_the_most() -> Procedure<Diego> {
    Procedure::chosen("keep the cluster of the one that has most keys, and make the others its members", |run| {
        let keep = Some(run.kept::<Holders>()?.most);
        Ok(Arc::new(ChooseCluster { setup: SETUP, keep }))
    })
}
