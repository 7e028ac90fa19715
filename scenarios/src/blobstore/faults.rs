//! Faults of the VM's own: the report's, a deploy that moves the blobs to a disk that is too
//! small; a start of the jobs without the disk; and what keeps nginx from starting.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, RemountReadOnly, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Blobstore, STORE, VM, runbooks::TEST};

/// A deploy with a persistent disk that cannot hold the blobs. The agent stops the
/// jobs, mounts the old disk back read-only, copies, fails, and nobody makes it
/// writable again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MigrationFails {
    /// The new disk, such as `/dev/sde1`.
    pub(super) disk: String,
}

impl fmt::Display for MigrationFails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a migration of the blobs to {}, which is too small", self.disk)
    }
}

#[async_trait]
impl Fault<Blobstore> for MigrationFails {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let deployed = system.bed().node(VM)?.exec(&["director", "deploy", &self.disk]).await?;
        if deployed.code == 0 {
            return Err(Error::inconclusive("the deploy went through: the blobs fitted on the new disk"));
        }
        Ok(Undo::none())
    }

    /// What it leaves is what a remount leaves, and is looked at as that.
    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        RemountReadOnly { node: VM.into() }.effect(system).await
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// The persistent disk is unmounted, and the jobs are started all the same: what a migration
/// leaves that cannot mount the disk again, and a re-provisioning that forgets to. The
/// pre-start script makes its folders anew, on the root disk.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unmounted {}

impl fmt::Display for Unmounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the persistent disk unmounted, and the jobs started without it")
    }
}

/// In the director's turn, as each of its tasks: it gives them one after another.
const START_WITHOUT_DISK: &str = "
exec 9>/run/director.lock && flock 9
(agent stop && agent unmount_disk \"$(director disk)\" && agent run_pre_starts && agent start) 2>&1 9>&-";

#[async_trait]
impl Fault<Blobstore> for Unmounted {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let started = system.bed().node(VM)?.exec(&["bash", "-c", START_WITHOUT_DISK]).await?;
        if started.code != 0 {
            let said = started.text.lines().last().unwrap_or_default();
            return Err(Error::inconclusive(format!("the jobs were not started without the disk: {said}")));
        }
        Ok(Undo::none())
    }

    /// A mount point lies on another device than the root.
    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let bed = system.bed();
        let pid = match bed.node(VM)?.state().await?.pid {
            0 => return Err(Error::inconclusive(format!("{VM} is down: nothing is mounted there"))),
            pid => pid,
        };
        let said = bed.shell().must(&format!("stat -c %d /proc/{pid}/root/ /proc/{pid}/root{STORE}")).await?;
        let [root, store] = said.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(Error::inconclusive(format!("the devices of / and {STORE} are {said:?}")));
        };
        Ok(Effect::new(root == store, format!("/ lies on device {root}, {STORE} on {store}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A configuration with a value that nginx does not take, as a deploy renders it from a wrong
/// property. nginx reads it at its next start.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigurationBroken {}

impl fmt::Display for ConfigurationBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in nginx's configuration that nginx does not take")
    }
}

const BREAK: &str = "sed -i 's/worker_connections 256;/worker_connections 256k;/' \
    /var/vcap/jobs/blobstore/config/nginx.conf";

#[async_trait]
impl Fault<Blobstore> for ConfigurationBroken {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let broken = system.bed().node(VM)?.exec(&["bash", "-c", BREAK]).await?;
        match broken.code {
            0 => Ok(Undo::none()),
            _ => Err(Error::inconclusive(format!("the configuration was not changed: {}", broken.text.trim()))),
        }
    }

    /// nginx's own test of it, which starts nothing.
    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let tested = system.bed().node(VM)?.exec(&["bash", "-c", TEST]).await?;
        let line = tested.text.lines().find(|line| line.contains("[emerg]")).unwrap_or("it is taken");
        Ok(Effect::new(line.contains(" in /var/vcap/jobs/blobstore/config/nginx.conf:"), format!("nginx -t: {line}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// nginx is gone, and with it the folder of its pid file: what a crash of the VM leaves, where
/// that folder is in memory and monit starts nginx without the pre-start scripts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RunFolderGone {}

impl fmt::Display for RunFolderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nginx and the folder of its pid file gone")
    }
}

#[async_trait]
impl Fault<Blobstore> for RunFolderGone {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let script = "rm -rf /var/vcap/sys/run/blobstore; pkill -KILL -x nginx";
        let gone = system.bed().node(VM)?.exec(&["bash", "-c", script]).await?;
        match gone.code {
            0 => Ok(Undo::none()),
            _ => Err(Error::inconclusive("no nginx ran that could be killed")),
        }
    }

    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let bed = system.bed();
        let folder = bed.node(VM)?.reach("/var/vcap/sys/run/blobstore").await?;
        let code = bed.shell().run(&format!("[ -d {folder} ]")).await?.0;
        Ok(Effect::new(code != 0, if code == 0 { "the folder is there" } else { "there is no such folder" }))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
