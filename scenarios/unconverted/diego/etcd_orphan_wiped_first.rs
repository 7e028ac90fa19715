//! The report's steps in its own order, on an orphan: the wipe comes before the killall.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{MEMBER_WIPED, ORPHAN, QUORUM_LOST},
    recipe,
    runbooks::{KillallEtcd, ReplaceMember, WipeThenKillall},
    stories::{members, orphan},
};

scenario! {
    Scenario {
        id: "diego::etcd_orphan_wiped_first",
        story: "An etcd runs that its supervisor does not know. monit stops nothing, so its data are wiped under it, \
                and it goes on with deleted files. Only then is it killed: the next one starts empty, under an id of \
                which the leader knows what it had, and panics at each start.",
        source: "report 003, steps 2 and 4; measured facts (d): wiping before killall",
        faults: &["an orphan, as in etcd_orphan", "wrong runbook, forced: wipe its data, then killall etcd"],
        detector: Some(ORPHAN),
        // While the peers are down nobody has a leader; and then the wipe shows.
        also: &[QUORUM_LOST, MEMBER_WIPED],
        runbooks: &[
            "harmful: wipe, then killall",
            "refuses: killall, where no orphan is left",
            "right: remove the member, add it again",
        ],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let (setup, node) = (Setup::PLAIN, orphan::ORPHANED);
    let broken = orphan::orphaned(&lab, setup).await?;
    let mut broken = broken.detect(ORPHAN, Duration::from_secs(60)).await?;
    members::follows(&broken, node).await?;
    broken.force(&WipeThenKillall { node, forced: true }).await?;
    broken.effect_begins();
    let broken = broken.then_detects(MEMBER_WIPED, Duration::from_secs(40)).await?;
    broken.must_refuse(&KillallEtcd { setup }).await?;
    recipe::healed_by(&ReplaceMember { setup, node }, broken, Duration::from_secs(60)).await
}
