//! A backup is restored over what was lost, or was not.

use reenact::{Error, Result, fault::PowerOff, incident::*, judge::Findings, probe::Moment, workload::Ack};

use super::{
    super::{
        Diego, Setup, client, report,
        runbooks::{Backup, NukeAndPave},
    },
    healthy,
    quorum::{self, asked_by_hand},
};

/// So many writes come after the backup.
const AFTER: usize = 30;

/// When the backup was taken.
#[derive(Debug, Clone, Copy)]
struct Taken(Moment);

/// What was lost, of what.
#[derive(Debug)]
pub(crate) struct Loss {
    /// Lost tasks that were acknowledged before the backup, and after it.
    pub(crate) before: usize,
    pub(crate) after: usize,
    /// All tasks that were acknowledged before the backup.
    pub(crate) of: usize,
    /// Lost applications.
    pub(crate) apps: usize,
}

/// A backup is taken; later etcd loses its quorum to a power cut that would have healed by
/// itself, and everything is wiped and restored. The loss must be as a backup of this kind
/// makes it.
pub(crate) fn nuked_and_paved(backup: Backup, is_so: fn(&Loss) -> bool) -> Act<Diego> {
    let setup = Setup::PLAIN;
    let forced = call(NukeAndPave { setup, backup, forced: true });
    let ends = harm([forced, healthy(secs(60))], &[Harm::Lost]);
    Act {
        breaks: vec![
            pause_workload(),
            taken(backup),
            resume_workload(),
            writes(AFTER, secs(30)),
            inject(PowerOff::of(&["etcd2", "etcd3"])),
            asked_by_hand(&["etcd1"]),
        ],
        fingerprints: seen(report::NO_QUORUM, secs(20)),
        detected: quorum::lost(),
        control: none("diego::etcd_quorum_lost_by_kill proves it of the same state"),
        wrong: tried([refuses(NukeAndPave { setup, backup, forced: false })]),
        ends: ends.claiming("the loss is as a backup of this kind makes it", move |run, found| {
            let loss = loss(run, found);
            Box::pin(async move {
                let loss = loss?;
                if is_so(&loss) { Ok(()) } else { Err(Error::failed(format!("{loss:?}"))) }
            })
        }),
    }
}

fn taken(backup: Backup) -> Action<Diego> {
    story("a backup is taken", move |run: &Run<Diego>| {
        Box::pin(async move {
            backup.take(&run.operator()).await?;
            run.keep(Taken(run.lab().now()));
            Ok(())
        })
    })
}

fn loss(run: &Run<Diego>, found: &Findings) -> Result<Loss> {
    let Taken(taken) = run.kept()?;
    Ok(run.ledger().read(|entries| {
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
    }))
}
