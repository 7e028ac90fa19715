//! The recovery of a service that was started without its disk.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{STORE, VM},
    survey::{self, Survey},
};

/// Stops the jobs, moves aside what they stored on the root disk, mounts the disk, brings
/// that over, and starts them.
///
/// To mount first would hide what was acknowledged meanwhile below the mount point. Where
/// both have a blob the newer one stays.
///
/// It goes by the marks that it leaves beside what it moved, so it can be run again after any
/// of its steps.
#[derive(Debug)]
pub(crate) struct MountAndBringOver;

impl fmt::Display for MountAndBringOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mount the disk, and bring over what was stored without it")
    }
}

/// By hard links, which take no room and no time; what was moved before stays beside it.
const MOVE_ASIDE: &str = "
set -e
strays=/var/vcap/data/strays store=/var/vcap/store
if mountpoint -q $store; then echo \"$store is mounted\"; exit 1; fi
mkdir -p $strays/files
rm -f $strays/brought
cp -alf $store/. $strays/files/
find $store -mindepth 1 -delete";

/// Not again once it is done: a client may have removed a blob since.
const BRING_OVER: &str = "
set -e
strays=/var/vcap/data/strays store=/var/vcap/store
[ -e $strays/files ] && [ ! -e $strays/brought ] || exit 0
mountpoint -q $store
cp -a --update $strays/files/. $store/
sync -f $store
touch $strays/brought";

const DROP: &str = "rm -rf /var/vcap/data/strays";

#[async_trait]
impl Runbook for MountAndBringOver {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        if let Some(why) = objection(&found) {
            return Ok(Conclusion::Refused { why });
        }
        if found.is_mounted() && !found.has_strays() {
            return match survey::serves_now(operator).await? {
                true => Ok(Conclusion::NothingToDo),
                false => Ok(Conclusion::Refused { why: format!("{STORE} is mounted: it has another cause") }),
            };
        }
        operator.step("stop the jobs", survey::stop(operator)).await?;
        if !found.is_mounted() {
            operator.step("move aside what was stored without the disk", script(operator, MOVE_ASIDE)).await?;
            operator.step("mount the disk", command(operator, &["agent", "mount_disk", found.device()])).await?;
        }
        survey::must_be_writable(operator).await?;
        operator.step("bring over what was stored without it", script(operator, BRING_OVER)).await?;
        operator.step("start the jobs", survey::restart(operator)).await?;
        survey::until_serving(operator).await?;
        operator.step("drop what was brought over", script(operator, DROP)).await?;
        Ok(Conclusion::Done)
    }
}

/// Why the disk cannot be mounted, or should not.
fn objection(found: &Survey) -> Option<String> {
    let device = found.device();
    if found.has_rescue() {
        return Some("a repair of the file system is under way: bring that one to its end".into());
    }
    if let Some(unknown) = found.unknown() {
        return Some(format!("{unknown}; have it checked first"));
    }
    if let Some(errors) = found.errors() {
        return Some(format!("{errors}: have the file system checked first"));
    }
    if found.is_write_protected() {
        return Some(format!("{device} is write-protected: have that lifted first"));
    }
    if let Some(place) = found.mounted_elsewhere() {
        return Some(format!("{device} is mounted at {place}: find out who uses it there"));
    }
    found.holder().map(|holder| format!("{device} is held by {holder}: have it let go first"))
}

async fn command(operator: &Operator<'_>, command: &[&str]) -> Result<()> {
    operator.must(VM, command).await.map(drop)
}

async fn script(operator: &Operator<'_>, script: &str) -> Result<()> {
    command(operator, &["bash", "-c", script]).await
}
