//! The recovery of a file system that stopped at an error.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{STORE, VM},
    survey::{self, Survey},
};

/// Stops the jobs, copies out what can still be read, unmounts, checks, mounts, puts
/// back what the check lost, and starts the jobs.
///
/// The copy is what matters: blobs that were acknowledged seconds before the error are
/// whole in the page cache and nowhere else, and unmounting drops that (measured: 50 of
/// 50 wrong after e2fsck, none with the copy).
///
/// It goes by the marks that it leaves beside the copy, so it can be run again after any
/// of its steps.
#[derive(Debug)]
pub(crate) struct RepairFilesystem;

impl fmt::Display for RepairFilesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("copy out the blobs, check the file system, put back what the check lost")
    }
}

/// A copy is complete with the mark `copied`, and of no more use once it is `restored`: what is
/// written from then on may be in memory only when the file system meets the next error. cp
/// goes on after a file that it cannot read: whatever can be had is had.
const COPY: &str = "
set -e
rescue=/var/vcap/data/rescue
[ ! -e $rescue/copied ] || [ -e $rescue/restored ] || exit 0
rm -rf $rescue && mkdir -p $rescue/blobs
cp -a /var/vcap/store/shared/blobs/. $rescue/blobs/ 2>$rescue/unreadable || true
wc -l <$rescue/unreadable
sync -f $rescue
touch $rescue/copied";

/// What differs from the copy, or is missing, is put back from it; not what was
/// written since the jobs run again, hence the mark `restored`.
const PUT_BACK: &str = "
set -e
rescue=/var/vcap/data/rescue store=/var/vcap/store/shared/blobs
[ ! -e $rescue/restored ] || exit 0
mkdir -p $store
chown vcap:vcap /var/vcap/store/shared $store
cd $rescue/blobs
find . -type d -print0 >$rescue/folders
(cd $store && xargs -0 mkdir -p <$rescue/folders && xargs -0 chown vcap:vcap <$rescue/folders)
count=0
while IFS= read -r file; do
  cp -a \"$file\" \"$store/$file\"
  count=$((count + 1))
done < <(find . -type f -print0 | xargs -0 -r sha256sum | (cd $store && sha256sum --check --quiet 2>/dev/null) |
  sed -n 's/: FAILED.*//p')
sync -f $store
touch $rescue/restored
echo \"put back $count\"";

const DROP: &str = "rm -rf /var/vcap/data/rescue";

/// e2fsck's exit code holds 4 or more where errors are left or it could not run.
const ERRORS_LEFT: i64 = 4;

#[async_trait]
impl Runbook for RepairFilesystem {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        if let Some(why) = objection(&found) {
            return Ok(Conclusion::Refused { why });
        }
        if found.errors().is_none() && !found.has_rescue() {
            return match (found.write_error(), survey::serves_now(operator).await?) {
                (None, true) => Ok(Conclusion::NothingToDo),
                _ => {
                    Ok(Conclusion::Refused { why: "the file system has found no error: a check mends nothing".into() })
                }
            };
        }
        let device = found.device();
        operator.step("stop the jobs", survey::stop(operator)).await?;
        if found.is_mounted() {
            operator.step("copy out what can be read", command(operator, &["bash", "-c", COPY])).await?;
            operator.step("unmount the disk", command(operator, &["agent", "unmount_disk", device])).await?;
        }
        operator.step("check the file system", check(operator, device)).await?;
        operator.step("mount the disk", command(operator, &["agent", "mount_disk", device])).await?;
        operator.step("put back what the check lost", command(operator, &["bash", "-c", PUT_BACK])).await?;
        operator.step("start the jobs", survey::restart(operator)).await?;
        survey::until_serving(operator).await?;
        operator.step("drop the copy", command(operator, &["bash", "-c", DROP])).await?;
        Ok(Conclusion::Done)
    }
}

/// Why a check is wrong here.
fn objection(found: &Survey) -> Option<String> {
    let device = found.device();
    if found.is_write_protected() {
        return Some(format!("{device} is write-protected: nothing can be mended on it"));
    }
    if found.has_strays() {
        return Some("what was stored without the disk is being brought over: bring that to its end".into());
    }
    if !found.is_mounted() && !found.has_rescue() {
        return Some(format!("nothing is mounted at {STORE}, and no copy was made: find out why first"));
    }
    if let Some(unknown) = found.unknown() {
        return Some(format!("{unknown}; e2fsck is not for it"));
    }
    match found.missing_bytes() {
        0 => None,
        bytes => Some(format!(
            "{device} is {bytes} bytes smaller than its file system: have it given back, else the check cuts off \
             what lies beyond"
        )),
    }
}

async fn command(operator: &Operator<'_>, command: &[&str]) -> Result<()> {
    operator.must(VM, command).await.map(drop)
}

/// Checks and mends the unmounted file system.
pub(super) async fn check(operator: &Operator<'_>, device: &str) -> Result<()> {
    let checked = operator.run(VM, &["e2fsck", "-fy", device]).await?;
    if checked.code < ERRORS_LEFT {
        return Ok(());
    }
    Err(Error::failed(format!("e2fsck left errors on {device} ({}): {}", checked.code, checked.text.trim())))
}
