//! The report's whole night: Consul and etcd fail in turn, and each is blamed for another.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::{PowerOff, PowerOn},
    scenario,
    stage::{Lab, Stage, System, phase::Detected},
};

use super::super::{
    Diego, Setup, client,
    detectors::{APPS_MISSING, CONSUL_QUORUM_LOST, MEMBER_CORRUPT, QUORUM_LOST},
    faults::{Damage, What},
    recipe,
    runbooks::{BringServersBack, RestartVms, WipeAll},
    stories::{
        consul::{LOST_LOCK, NOBODY_LISTENS},
        night,
    },
};

scenario! {
    Scenario {
        id: "diego::whole_night",
        story: "Consul loses its quorum, the BBS its lock, and nobody listens. Consul's machines are switched on, and \
                once the dead session has ended a BBS leads again. Then the logs of two members of etcd are damaged: \
                pings are answered, and every list fails. The recipe's first step makes the last readable member go \
                dark, and the BBSes take the lock in turn and die of their migration. The second step, to wipe etcd, \
                brings it back: the applications come from the Cloud Controller, and the tasks are gone for good.",
        source: "report 003, steps 1 and 2; measured facts: end to end",
        faults: &[
            "consul2 and consul3 lose power",
            "etcd2 and etcd3 lose power, a bit of each one's log flips, they boot",
            "the VMs are restarted, in the report's order",
            "etcd is wiped",
        ],
        detector: Some(CONSUL_QUORUM_LOST),
        // etcd's turn comes later; and just wiped it desires nothing, until nsync has passed.
        also: &[MEMBER_CORRUPT, QUORUM_LOST, APPS_MISSING],
        runbooks: &[
            "right: switch Consul's machines on",
            "useless: restart the VMs of Consul, etcd and the BBS, in that order",
            "harmful: wipe every member of etcd",
        ],
        fingerprints: &[LOST_LOCK, NOBODY_LISTENS],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// The lock is given up as soon as Consul has no leader, as in 2016.
const SETUP: Setup = Setup { strict: true, ..Setup::PLAIN };

const SOON: Duration = Duration::from_secs(60);

async fn run(lab: Lab) -> Result<()> {
    let steady = recipe::steady(&lab, SETUP).await?;
    let broken = steady.inject(PowerOff::of(&["consul2", "consul3"])).await?;
    let broken = broken.fingerprints(&[LOST_LOCK, NOBODY_LISTENS], SOON).await?;
    let broken = broken.detect(CONSUL_QUORUM_LOST, SOON).await?;
    broken.force(&BringServersBack).await?;
    broken.wait_for("a BBS to lead, and all to be healthy", SOON, || broken.system().healthy()).await?;
    let broken = etcd_fails(broken.falls_silent(Duration::from_secs(15)).await?).await?;
    night::pings_and_does_not_list(&broken).await?;
    broken.must_refuse(&RestartVms { setup: SETUP, forced: false }).await?;
    broken.force(&RestartVms { setup: SETUP, forced: true }).await?;
    night::went_dark(&broken, "etcd1").await?;
    night::takes_the_lock_in_vain(&broken).await?;
    broken.force(&WipeAll { setup: SETUP, forced: true }).await?;
    broken.wait_for("every application to be desired again", SOON, || broken.system().healthy()).await?;
    let found = broken.harmed().await?;
    match found.lost.iter().filter(|id| !client::is_task(**id)).count() {
        0 if !found.lost.is_empty() => Ok(()),
        apps => Err(Error::failed(format!("tasks should be lost and no application, but {apps} are: {found}"))),
    }
}

/// The logs of two members are damaged while they are off.
async fn etcd_fails(mut stage: Stage<Diego, Detected>) -> Result<Stage<Diego, Detected>> {
    stage.strike(PowerOff::of(&["etcd2", "etcd3"])).await?;
    for node in ["etcd2", "etcd3"] {
        stage.strike(Damage::new(node, What::LogBit)).await?;
    }
    stage.strike(PowerOn::of(&["etcd2", "etcd3"])).await?;
    stage.then_detects(MEMBER_CORRUPT, SOON).await
}
