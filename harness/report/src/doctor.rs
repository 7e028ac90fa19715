//! What this machine can do: tried, not guessed.

use std::{collections::HashMap, path::Path, sync::Arc};

use serde::Serialize;

use reenact_core::Result;
use reenact_testbed::{
    CAPABILITIES, Disk, NodeSpec, Session, Testbed,
    fault::{self, DiskFull, FilesystemError, Partition},
};

/// Below this much free memory three database nodes may be killed for want of it.
const MEMORY_MIB: u64 = 2048;
/// The images take about 1 GiB.
const SPACE_MIB: u64 = 4096;

/// The first line of the kernel's log comes at once.
const LOG_LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What for.
    pub name: &'static str,
    /// Whether it can.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// What a person can do about it.
    pub help: Option<String>,
}

impl Check {
    fn of(name: &'static str, tried: Result<String>) -> Self {
        match tried {
            Ok(detail) => Self { name, ok: true, detail, help: None },
            Err(reenact_core::Error::Environment { what, help }) => {
                Self { name, ok: false, detail: what, help: Some(help) }
            }
            Err(error @ reenact_core::Error::File { .. }) => {
                let help = Some("set --results to a folder that can be written".into());
                Self { name, ok: false, detail: error.to_string(), help }
            }
            Err(error) => Self { name, ok: false, detail: error.to_string(), help: None },
        }
    }
}

/// Tries everything, in order; stops early where the rest depends on what is missing.
pub async fn examine(results: &Path) -> Vec<Check> {
    let mut checks = vec![Check::of("memory", memory())];
    let session = match Session::open(results, HashMap::new(), false).await {
        Ok(session) => session,
        Err(error) => {
            let missing = if matches!(error, reenact_core::Error::File { .. }) { "results" } else { "daemon" };
            checks.push(Check::of(missing, Err(error)));
            return checks;
        }
    };
    checks.push(Check::of("daemon", daemon(&session).await));
    checks.push(Check::of("space", space(session.results())));
    checks.push(Check::of("images", session.image("helper").await));
    if checks.iter().all(|check| check.ok) {
        checks.extend(try_faults(&session).await);
        checks.extend(try_disks(&session).await);
    }
    if let Err(error) = session.close().await {
        checks.push(Check::of("clean-up", Err(error)));
    }
    checks
}

/// Makes a small testbed and tries each kind of fault on it.
async fn try_faults(session: &Arc<Session>) -> Vec<Check> {
    let made = async {
        let image = session.image("helper").await?;
        let disk = Disk::volume("/data", 1);
        let spec = |name| NodeSpec { name, image: image.clone(), disks: vec![disk], ..NodeSpec::default() };
        Testbed::create(session, "doctor", &["n1", "n2"], |_| vec![spec("n1"), spec("n2")]).await
    };
    let bed = match made.await {
        Ok(bed) => bed,
        Err(error) => return vec![Check::of("testbed", Err(error))],
    };
    let partition = async {
        let active = fault::inject(&bed, Partition::between(&["n1"], &["n2"]), false).await?;
        let detail = format!("in force after {:.1?}: {}", active.took, active.proof);
        active.heal(&bed).await.map(|_| detail)
    };
    let disk = async {
        let active = fault::inject(&bed, DiskFull { node: "n1".into() }, false).await?;
        let detail = active.proof.clone();
        active.heal(&bed).await.map(|_| detail)
    };
    let made = format!("its nodes are reached from here, its helper runs with {}", CAPABILITIES.join(", "));
    let mut checks = vec![Check::of("testbed", Ok(made))];
    checks.push(Check::of("partition", partition.await));
    checks.push(Check::of("disk full", disk.await));
    checks
}

/// Makes a machine that mounts a block device by itself, and tries what only some
/// scenarios need. Where it fails, all others still run.
async fn try_disks(session: &Arc<Session>) -> Vec<Check> {
    let made = async {
        let image = session.image("helper").await?;
        let disks = vec![Disk::device("/dev/sdd1", "/data", 8)];
        let spec = NodeSpec { name: "n1", image, disks, ..NodeSpec::default() };
        let bed = Testbed::create(session, "doctor-disks", &["n1"], |_| vec![spec]).await?;
        let mount = "mkfs.ext4 -q /dev/sdd1 && mkdir /data && mount -o errors=remount-ro /dev/sdd1 /data";
        let mounted = bed.node("n1")?.exec(&["sh", "-c", mount]).await?;
        match mounted.code {
            0 => Ok(bed),
            _ => Err(reenact_core::Error::environment(
                format!("a container with SYS_ADMIN and its own block device cannot mount it: {}", mounted.text.trim()),
                "the daemon must allow --cap-add SYS_ADMIN with apparmor=unconfined, the kernel must have ext4",
            )),
        }
    };
    let bed = match made.await {
        Ok(bed) => bed,
        Err(error) => return vec![Check::of("block devices", Err(error))],
    };
    let devices = bed.node("n1").map(|node| node.devices().iter().map(|d| d.kernel.clone()).collect::<Vec<_>>());
    let mut checks = vec![Check::of("block devices", devices.map(|names| format!("ext4 on {}", names.join(", "))))];
    let log = bed.follow(&["follow-kernel-log"]);
    let error = async {
        let active = fault::inject(&bed, FilesystemError { node: "n1".into() }, false).await?;
        Ok(format!("in force after {:.1?}: {}", active.took, active.proof))
    };
    let kernel_log = async {
        let mut lines = log.await?;
        let first = tokio::time::timeout(LOG_LIMIT, lines.next()).await;
        match first.unwrap_or_else(|_| Ok("nothing".into()))?.as_str() {
            "following" => Ok("can be followed".to_owned()),
            said => Err(reenact_core::Error::environment(
                format!("the kernel's log cannot be read: {said}"),
                "the daemon must allow --cap-add SYSLOG and access to /dev/kmsg",
            )),
        }
    };
    checks.push(Check::of("kernel log", kernel_log.await));
    checks.push(Check::of("file system error", error.await));
    checks
}

async fn daemon(session: &Session) -> Result<String> {
    let version = session.docker().version().await.map_err(reenact_core::Error::docker("tell its version"))?;
    let text = |value: Option<String>| value.unwrap_or_else(|| "?".into());
    let (engine, api) = (text(version.version), text(version.api_version));
    Ok(format!("Docker {engine} (API {api}) on {} {}", text(version.os), text(version.kernel_version)))
}

fn memory() -> Result<String> {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: u64 = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default();
    enough("memory", kib / 1024, MEMORY_MIB, "stop something, or run fewer scenarios at once with --jobs 1")
}

fn space(folder: &Path) -> Result<String> {
    let stat = rustix::fs::statvfs(folder).map_err(|error| {
        reenact_core::Error::environment(format!("cannot tell the free space: {error}"), "look at --results")
    })?;
    enough("disk", stat.f_bavail * stat.f_frsize / 1024 / 1024, SPACE_MIB, "make room, or set --results")
}

fn enough(what: &str, mebibytes: u64, needed: u64, help: &str) -> Result<String> {
    if mebibytes >= needed {
        return Ok(format!("{mebibytes} MiB of {what} are free"));
    }
    Err(reenact_core::Error::environment(format!("{mebibytes} MiB of {what} are free, {needed} are needed"), help))
}
