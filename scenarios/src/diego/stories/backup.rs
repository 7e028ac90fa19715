//! A backup is restored over what was lost, or was not.

use std::time::Duration;

use reenact::{Error, Result, fault::PowerOff, judge::Findings, probe::Moment, stage::Lab, wait::Look, workload::Ack};

use super::super::{
    Setup, client,
    detectors::QUORUM_LOST,
    recipe,
    runbooks::{Backup, NukeAndPave},
};

/// So many writes come after the backup.
const AFTER: usize = 30;

/// What was lost, of what.
#[derive(Debug)]
pub(in super::super) struct Loss {
    /// Lost tasks that were acknowledged before the backup, and after it.
    pub(in super::super) before: usize,
    pub(in super::super) after: usize,
    /// All tasks that were acknowledged before the backup.
    pub(in super::super) of: usize,
    /// Lost applications.
    pub(in super::super) apps: usize,
}

/// A backup is taken; later etcd loses its quorum to a power cut that would have healed by
/// itself, and everything is wiped and restored.
pub(in super::super) async fn nuked_and_paved(lab: &Lab, backup: Backup) -> Result<Loss> {
    let setup = Setup::PLAIN;
    let steady = recipe::steady(lab, setup).await?;
    steady.workload().pause();
    steady.workload().idle().await?;
    backup.take(&steady.operator()).await?;
    let taken = lab.now();
    steady.workload().resume();
    steady.writes(AFTER, Duration::from_secs(30)).await?;
    let broken = steady.inject(PowerOff::of(&["etcd2", "etcd3"])).await?;
    let broken = broken.detect(QUORUM_LOST, Duration::from_secs(30)).await?;
    broken.must_refuse(&NukeAndPave { setup, backup, forced: false }).await?;
    broken.force(&NukeAndPave { setup, backup, forced: true }).await?;
    let what = "every application to be desired again, and all to be healthy";
    broken.wait_for(what, Duration::from_secs(60), || healthy(&broken)).await?;
    let lab = broken.lab().clone();
    let found = broken.harmed().await?;
    Ok(loss(&lab, &found, taken))
}

async fn healthy<P>(stage: &reenact::stage::Stage<super::super::Diego, P>) -> Look<()> {
    reenact::stage::System::healthy(stage.system()).await
}

fn loss(lab: &Lab, found: &Findings, taken: Moment) -> Loss {
    lab.ledger().read(|entries| {
        let mut loss = Loss { before: 0, after: 0, of: 0, apps: 0 };
        for entry in entries.iter().filter(|entry| entry.ack == Ack::Ok) {
            let (is_lost, is_old) = (found.lost.contains(&entry.id), entry.to < taken);
            if !client::is_task(entry.id) {
                loss.apps += usize::from(is_lost);
                continue;
            }
            loss.of += usize::from(is_old);
            loss.before += usize::from(is_lost && is_old);
            loss.after += usize::from(is_lost && !is_old);
        }
        loss
    })
}

/// Holds what a backup must lose, and what it must not.
pub(in super::super) fn must(holds: bool, loss: &Loss) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::failed(format!("another loss than a backup of this kind makes: {loss:?}"))) }
}
