//! The report's recovery, with the checks that it lacks.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{STORE, VM},
    survey::{self, HANGS, Survey},
};

/// `mount -o remount,rw`, `bosh restart`, and a look whether a blob can be put. Only
/// where nothing but a remount made the disk read-only; and it believes a write, not
/// mount's exit code or the mount line.
#[derive(Debug)]
pub(crate) struct RemountAndRestart;

impl fmt::Display for RemountAndRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("remount the disk read-write and restart the jobs")
    }
}

#[async_trait]
impl Runbook for RemountAndRestart {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        if let Some(why) = objection(&found) {
            return Ok(Conclusion::Refused { why });
        }
        if found.write_error().is_none() && survey::serves_now(operator).await? {
            return Ok(Conclusion::NothingToDo);
        }
        if found.write_error().is_some() {
            operator.step("remount the disk read-write", remount(operator, &found)).await?;
        }
        operator.step("restart the jobs", survey::restart(operator)).await?;
        survey::until_serving(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// Why a remount is wrong here.
fn objection(found: &Survey) -> Option<String> {
    let device = found.device();
    if found.has_rescue() {
        return Some("a repair of the file system is under way: bring that one to its end".into());
    }
    if found.has_strays() {
        return Some("what was stored without the disk is being brought over: bring that to its end".into());
    }
    if !found.is_mounted() {
        return Some(format!("nothing is mounted at {STORE}: find out why before {device} is mounted"));
    }
    if let Some(unknown) = found.unknown() {
        return Some(format!("{unknown}; a remount might go on writing by structures that are wrong"));
    }
    if let Some(errors) = found.errors() {
        return Some(format!(
            "{errors}: a remount can only seem to work; copy out what is readable, unmount, run e2fsck"
        ));
    }
    if found.is_write_protected() {
        return Some(format!("{device} itself is write-protected: have that lifted first"));
    }
    if found.hangs() {
        return Some(format!("a write to {device} {HANGS}: it is frozen, or does not answer, and is not read-only"));
    }
    let full = found.write_error().filter(|error| error.contains("No space left"));
    full.map(|_| format!("{device} is full, not read-only: make room"))
}

async fn remount(operator: &Operator<'_>, found: &Survey) -> Result<()> {
    let (options, what) =
        if found.filesystem_is_read_only() { ("remount,rw", found.device()) } else { ("remount,bind,rw", STORE) };
    operator.must(VM, &["mount", "-o", options, what]).await?;
    survey::must_be_writable(operator).await
}
