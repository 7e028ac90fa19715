//! The disk: the report's fault, a deploy that moves the blobs to a disk that is too small; a
//! start of the jobs without it; and one that cannot be mounted.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, RemountReadOnly, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Blobstore, DISK, STORE, VM};

/// A deploy with a persistent disk that cannot hold the blobs. The agent stops the
/// jobs, mounts the old disk back read-only, copies, fails, and nobody makes it
/// writable again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MigrationFails {
    /// The new disk, such as `/dev/sde1`.
    pub(crate) disk: String,
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
pub(crate) struct Unmounted {}

impl fmt::Display for Unmounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the persistent disk unmounted, and the jobs started without it")
    }
}

/// In the director's turn, as each of its tasks: it gives them one after another. Not where the file
/// system has stopped at an error: what was acknowledged just before is in memory only, would go with
/// the mount, and nobody could bring it back.
const START_WITHOUT_DISK: &str = "
exec 9>/run/director.lock && flock 9
if grep ' /var/vcap/store ' /proc/self/mountinfo | grep -qE '[ ,](emergency_ro|shutdown)'; then
  echo 'its file system has stopped at an error, and has blobs in memory only'; exit 1
fi
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

    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let [root, store] = devices(system).await?;
        Ok(Effect::new(root == store, format!("/ lies on device {root}, {STORE} on {store}")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// The numbers of the devices that the root and the store lie on: two, where the disk is
/// mounted.
async fn devices(system: &Blobstore) -> Result<[String; 2]> {
    let bed = system.bed();
    let pid = match bed.node(VM)?.state().await?.pid {
        0 => return Err(Error::inconclusive(format!("{VM} is down: nothing is mounted there"))),
        pid => pid,
    };
    let said = bed.shell().must(&format!("stat -c %d /proc/{pid}/root/ /proc/{pid}/root{STORE}")).await?;
    let numbers: Vec<_> = said.split_whitespace().map(str::to_owned).collect();
    numbers.try_into().map_err(|_| Error::inconclusive(format!("the devices of / and {STORE} are {said:?}")))
}

/// The persistent disk is unmounted, and another process claims the device, as multipathd or
/// LVM does that takes a disk for its own: nobody can mount it until that process lets it go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiskHeld {}

impl fmt::Display for DiskHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the persistent disk unmounted and held by another process")
    }
}

/// The kernel gives a block device to one user with `O_EXCL` at a time; a mount is one.
const HOLD: &str = r#"
exec 9>/run/director.lock && flock 9
disk=$(director disk)
(agent stop && agent unmount_disk "$disk") 2>&1 9>&- || exit 1
rm -f /run/disk-held
setsid -f perl -e 'use Fcntl; sysopen(my $disk, $ARGV[0], O_RDWR | O_EXCL) or exit 1;
  $0 = "multipathd"; open(my $mark, ">", "/run/disk-held") or exit 1; sleep' "$disk" >/dev/null 2>&1 </dev/null 9>&-
timeout 5 bash -c 'until [ -e /run/disk-held ]; do sleep 0.05; done'"#;

#[async_trait]
impl Fault<Blobstore> for DiskHeld {
    async fn inject(&self, system: &Blobstore) -> Result<Undo> {
        let vm = system.bed().node(VM)?.clone();
        let held = vm.exec(&["bash", "-c", HOLD]).await?;
        if held.code != 0 {
            return Err(Error::inconclusive(format!("the disk was not taken: {}", held.text.trim())));
        }
        // One that has died meanwhile holds nothing: the effect's end tells.
        Ok(Undo::by(async move { vm.exec(&["pkill", "-f", "^multipathd"]).await.map(drop) }))
    }

    /// Another claim, from outside of the node, is refused; and it is not a mount's.
    async fn effect(&self, system: &Blobstore) -> Result<Effect> {
        let bed = system.bed();
        let kernel = &bed.node(VM)?.device(DISK)?.kernel;
        let claim =
            format!("perl -e 'use Fcntl; sysopen(my $d, \"/dev/{kernel}\", O_RDONLY | O_EXCL) or die \"$!\\n\"'");
        let (code, said) = bed.shell().run(&claim).await?;
        let [root, store] = devices(system).await?;
        let mounted = if root == store { "nothing is mounted" } else { "it is mounted" };
        let claimed = if code == 0 { "granted" } else { said.trim() };
        Ok(Effect::new(code != 0 && root == store, format!("a claim of {kernel}: {claimed}; {mounted}")))
    }
}
