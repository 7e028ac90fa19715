//! What the blobstore's incidents have in common.

use std::time::Duration;

use reenact::{
    Error, Result,
    probe::{Answer, Observation, Signal},
    runbook::Runbook,
    stage::{
        Fingerprint, Lab, Stage, latest, logged,
        phase::{Detected, Steady},
    },
    wait::{self, Look},
    workload::Traffic,
};

use super::{Blobstore, DISK, PRE_START, STORE, Setup, VM, others::Others};

/// How long a steady blobstore is watched for false alarms.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// Some 50 blobs a second: 16 KiB each, they leave most of the disk free.
const TRAFFIC: Traffic = Traffic { clients: 3, think: (Duration::from_millis(40), Duration::from_millis(80)) };

/// A healthy blobstore under load, over which no detector says a word.
pub(super) async fn steady(lab: &Lab, setup: Setup) -> Result<Stage<Blobstore, Steady>> {
    let blobstore = Blobstore::deploy(lab, setup).await?;
    Stage::begin(lab, blobstore, TRAFFIC).await?.quiet(QUIET).await
}

/// An operator's command that must fail here, as it did in the report.
pub(super) async fn fails<P>(stage: &Stage<Blobstore, P>, command: &[&str]) -> Result<()> {
    let output = stage.operator().run(VM, command).await?;
    if output.code == 0 {
        return Err(Error::inconclusive(format!("`{}` succeeded, so this is another incident", command.join(" "))));
    }
    Ok(())
}

/// Pauses the workload and has all that it put on the disk itself: what is on its way to
/// a disk that goes is lost to every recovery.
pub(super) async fn sync(stage: &Stage<Blobstore, Steady>) -> Result<()> {
    stage.workload().pause();
    stage.workload().idle().await?;
    stage.operator().must(VM, &["sync"]).await.map(drop)
}

/// Holds what other tools' rules say of this state: see the table in the docs.
pub(super) async fn others_say<P>(stage: &Stage<Blobstore, P>, expected: Others) -> Result<()> {
    others(stage, |said| said == expected).await
}

/// The same for the rules that look at mounts, where the kernel's log is uncertain.
pub(super) async fn others_say_of_mounts<P>(stage: &Stage<Blobstore, P>, expected: bool) -> Result<()> {
    others(stage, |said| said.statfs_flag == expected && said.ro_option == expected).await
}

/// The kernel's log and the next look at the mounts come within a moment.
async fn others<P>(stage: &Stage<Blobstore, P>, as_expected: impl Fn(Others) -> bool) -> Result<()> {
    let said = wait::until("other tools' rules to say what the docs' table has", Duration::from_secs(3), || async {
        let said = stage.lab().stream().read(|seen| Others::of(seen, VM, STORE));
        if as_expected(said) { Look::Ready(said) } else { Look::NotYet(format!("they say {said:?}")) }
    });
    stage.lab().note("others", format!("{:?}", said.await?));
    Ok(())
}

/// The right runbook heals it, and finds nothing more to do afterwards.
pub(super) async fn healed_by(runbook: &dyn Runbook, broken: Stage<Blobstore, Detected>) -> Result<()> {
    let healed = broken.recover(runbook, Duration::from_secs(60)).await?;
    healed.stays_healthy(QUIET).await?.again(runbook).await?.finish().await
}

/// The marks of the report.
pub(super) const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "response-too-long",
        report: "Error: Response exceeded maximum allowed length",
        shows: |seen| logged(seen, &["Error: Response exceeded maximum allowed length"]),
    },
    Fingerprint {
        id: "updating-instance",
        report: "Task 54620 | 07:57:13 | Updating instance nfs_server: nfs_server/709f8037-… (0) (canary)",
        shows: |seen| logged(seen, &["Task 54620 | ", "Updating instance nfs_server: nfs_server/709f8037-"]),
    },
    Fingerprint {
        id: "pre-start-failed",
        report: "Error: Action Failed get_task: Task 13331b15-… result: 1 of 4 pre-start scripts failed. Failed Jobs: \
                 blobstore. Successful Jobs: bpm, syslog_forwarder, bosh-dns.",
        shows: |seen| logged(seen, &["Task 54620 | ", "Error: Action Failed get_task: Task ", PRE_START_FAILED]),
    },
    Fingerprint {
        id: "pre-start-trace",
        report: "+ setup_blobstore_directories … + mkdir -p /var/vcap/store/shared/tmp/uploads … + chown vcap:vcap \
                 /var/vcap/store/shared",
        shows: |seen| {
            pre_start_said(seen, "+ setup_blobstore_directories")
                && pre_start_said(seen, "+ mkdir -p /var/vcap/store/shared/tmp/uploads")
                && pre_start_said(seen, "+ chown vcap:vcap /var/vcap/store/shared")
        },
    },
    Fingerprint {
        id: "chown-refused",
        report: "chown: changing ownership of '/var/vcap/store/shared': Read-only file system",
        shows: |seen| {
            pre_start_said(seen, "chown: changing ownership of '/var/vcap/store/shared': Read-only file system")
        },
    },
    Fingerprint {
        id: "mounted-ro",
        report: "/dev/sdd1 /var/vcap/store ext4 ro,relatime,data=ordered 0 0",
        shows: |seen| {
            let ro = latest(seen, |signal| match signal {
                Signal::Mounts { table } => table.iter().find(|mount| mount.path == STORE).map(|mount| {
                    mount.source == DISK
                        && mount.filesystem == "ext4"
                        && mount.has("ro")
                        && mount.has("relatime")
                        && mount.filesystem_has("ro")
                }),
                _ => None,
            });
            ro.get(VM) == Some(&true)
        },
    },
    Fingerprint {
        id: "restart-and-cck-fail-alike",
        report: "`bosh cck` and `bosh restart` end with the same error",
        shows: |seen| {
            let failures = seen.iter().filter(|o| o.is_log_with(&["L Error: ", PRE_START_FAILED]));
            logged(seen, &["Applying problem resolutions"]) && failures.count() >= 3
        },
    },
    Fingerprint {
        id: "monit-sees-nothing",
        report: "monit shows none of the blobstore's processes",
        shows: |seen| {
            let known = latest(seen, |signal| match signal {
                Signal::Query { of, answer: Answer::Values { values } } if of == "monit:summary" => Some(values.len()),
                _ => None,
            });
            known.get(VM) == Some(&1)
        },
    },
    Fingerprint {
        id: "push-fails",
        report: "`cf push` and the backup of droplets fail",
        shows: |seen| {
            let refused = latest(seen, |signal| match signal {
                Signal::Query { of, answer } if of == "http:roundtrip" => Some(*answer == Answer::Refused),
                _ => None,
            });
            refused.get(VM) == Some(&true)
        },
    },
];

const PRE_START_FAILED: &str = "1 of 4 pre-start scripts failed. Failed Jobs: blobstore. Successful Jobs: bpm, \
                                syslog_forwarder, bosh-dns.";

/// Whether the pre-start script wrote that line to its standard error.
fn pre_start_said(seen: &[Observation], line: &str) -> bool {
    seen.iter().any(|observation| {
        matches!(&observation.signal, Signal::File { path, content: Some(text) }
            if path == PRE_START && text.lines().any(|one| one == line))
    })
}
