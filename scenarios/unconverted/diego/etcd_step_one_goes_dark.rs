//! The report's first step, where members can still be read: nothing can be any more.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, fault::Partition, runbook::Conclusion, scenario, stage::Lab};

use super::super::{
    BBSES, ETCDS, Setup,
    detectors::{CONSUL_QUORUM_LOST, ORPHAN, QUORUM_LOST},
    recipe,
    runbooks::{KillallEtcd, RestartVms},
    stories::quorum,
};

scenario! {
    Scenario {
        id: "diego::etcd_step_one_goes_dark",
        story: "No member of etcd sees another, and each can still be read. The report's first step restarts the VMs of \
                Consul, etcd and the BBS: a member that starts without a quorum takes its clients' connections and \
                answers none, so that nothing can be read any more, and the BBSes pass the lock to and fro, for each \
                ends at its migration. Their supervisors give each start up after ten seconds, and with it etcd itself: when the \
                network is back there is a quorum of members that nobody owns. Nothing is lost.",
        source: "report 003, step 1; measured facts (b): the recipe's step 1 makes it worse; (d): orphans; end to end",
        faults: &["etcd1, etcd2 and etcd3 are cut off from each other"],
        detector: Some(QUORUM_LOST),
        // Consul's servers restart all at once, and have no leader for seconds. What is left
        // of the starts that were given up is orphans.
        also: &[CONSUL_QUORUM_LOST, ORPHAN],
        runbooks: &[
            "right: mend the network, then killall etcd where its supervisor does not know it",
            "refuses: restart the VMs of Consul, etcd and the BBS, in that order",
            "harmful: the same, forced: every member goes dark",
        ],
        fingerprints: quorum::PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// Restarts of machines, and starts that are given up after 10 s.
const LIMIT: Duration = Duration::from_secs(60);

async fn run(lab: Lab) -> Result<()> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(&lab, setup).await?;
    let broken = steady.inject(Partition::shatter(&ETCDS)).await?;
    let broken = quorum::shown(broken, &ETCDS, quorum::PRINTS).await?;
    broken.must_refuse(&RestartVms { setup, forced: false }).await?;
    match broken.force(&RestartVms { setup, forced: true }).await? {
        Conclusion::Done => {}
        other => return Err(Error::failed(format!("the restart as written should be done, but: {other:?}"))),
    }
    quorum::dark(&broken, LIMIT).await?;
    quorum::logs(&broken, &BBSES, &["migration-manager.failed"], LIMIT).await?;
    quorum::logs(&broken, &ETCDS, &[":7001: bind: address already in use"], LIMIT).await?;
    let mut broken = broken.still_detects(QUORUM_LOST)?.heal().await?;
    broken.effect_begins();
    let broken = broken.then_detects(ORPHAN, Duration::from_secs(30)).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    recipe::healed_by(&KillallEtcd { setup }, broken, LIMIT).await
}
