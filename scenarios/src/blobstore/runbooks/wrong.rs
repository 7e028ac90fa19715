//! Wrong: what does harm, and what only seems to help.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::VM,
    repair,
    survey::{self, Survey},
};

/// `bosh restart`: the pre-start fails again, since nobody made the disk writable.
#[derive(Debug)]
pub(crate) struct Restart;

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("restart the jobs, and nothing else")
    }
}

#[async_trait]
impl Runbook for Restart {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("restart the jobs", operator.run(VM, &["director", "restart"])).await?;
        Ok(Conclusion::Done)
    }
}

/// The report's `mount -o remount,rw` after an error of the file system's own, forced
/// past mount(8) and believed. mount(8) fails there with a misleading message; mount(2)
/// says 0 and the mount line says rw, and neither means anything.
#[derive(Debug)]
pub(crate) struct BelieveRemount;

impl fmt::Display for BelieveRemount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("remount read-write, and believe the exit code")
    }
}

/// mount(2) with MS_REMOUNT alone, by the kernel's number for it.
const REMOUNT: &str = "
mount -o remount,rw /dev/sdd1 2>/dev/null && exit
case $(uname -m) in x86_64) mount=165 ;; *) mount=40 ;; esac
exec perl -e 'exit(syscall($ARGV[0] + 0, @ARGV[1 .. 3], 32, $ARGV[4]) == 0 ? 0 : 1)' $mount none /var/vcap/store ext4 ''";

#[async_trait]
impl Runbook for BelieveRemount {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("remount the disk read-write", operator.must(VM, &["bash", "-c", REMOUNT])).await?;
        Ok(Conclusion::Done)
    }
}

/// Unmounts and checks at once, as the manuals say. What was acknowledged in the last
/// seconds was never on the disk.
#[derive(Debug)]
pub(crate) struct CheckWithoutCopy;

impl fmt::Display for CheckWithoutCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("check the file system without copying the blobs out first")
    }
}

#[async_trait]
impl Runbook for CheckWithoutCopy {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        let device = found.device();
        operator.step("stop the jobs", operator.must(VM, &["agent", "stop"])).await?;
        operator.step("unmount the disk", operator.must(VM, &["agent", "unmount_disk", device])).await?;
        operator.step("check the file system", repair::check(operator, device)).await?;
        operator.step("mount the disk", operator.must(VM, &["agent", "mount_disk", device])).await?;
        operator.step("start the jobs", survey::restart(operator)).await?;
        survey::until_serving(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// `bosh cck`, which mounts the disk again where it is missing. What was stored without it is
/// hidden below the mount point then.
#[derive(Debug)]
pub(crate) struct Reattach;

impl fmt::Display for Reattach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reattach the disk, and nothing else")
    }
}

#[async_trait]
impl Runbook for Reattach {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("reattach the disk", operator.must(VM, &["director", "cck"])).await?;
        survey::until_serving(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// `monit restart`, again and again. It runs no pre-start, and reads no log.
#[derive(Debug)]
pub(crate) struct MonitRestart;

/// How often it is tried.
const TIMES: usize = 3;

impl fmt::Display for MonitRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "have monit restart nginx, {TIMES} times")
    }
}

#[async_trait]
impl Runbook for MonitRestart {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        for _ in 0..TIMES {
            operator.step("restart nginx", operator.run(VM, &["monit", "restart", "blobstore_nginx"])).await?;
        }
        Ok(Conclusion::Done)
    }
}
