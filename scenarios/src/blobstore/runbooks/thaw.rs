//! The recovery of a file system that was frozen and not thawed.

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

/// `fsfreeze --unfreeze`, where a write hangs and nothing else is wrong. What waited goes on by
/// itself: nothing is restarted, and nothing that was written is lost. Whoever froze it, such as
/// a snapshot, must be done with it: the runbook cannot see that, and says so.
#[derive(Debug)]
pub(crate) struct ThawFilesystem;

impl fmt::Display for ThawFilesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("thaw the file system, once no snapshot is being taken")
    }
}

#[async_trait]
impl Runbook for ThawFilesystem {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let found = Survey::take(operator).await?;
        if let Some(why) = objection(&found) {
            return Ok(Conclusion::Refused { why });
        }
        if !found.hangs() {
            return match survey::serves_now(operator).await? {
                true => Ok(Conclusion::NothingToDo),
                false => Ok(Conclusion::Refused { why: "writes to the disk come to an end: it is not frozen".into() }),
            };
        }
        operator.step("thaw the file system", thaw(operator)).await?;
        survey::until_serving(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// Why a thaw is not what is missing.
fn objection(found: &Survey) -> Option<String> {
    if !found.is_mounted() {
        return Some(format!("nothing is mounted at {STORE}: there is nothing to thaw"));
    }
    found.errors().map(|errors| format!("{errors}: e2fsck mends that, no thaw"))
}

/// It fails with `Invalid argument` where nothing is frozen: then the device does not answer.
async fn thaw(operator: &Operator<'_>) -> Result<()> {
    operator.must(VM, &["fsfreeze", "--unfreeze", STORE]).await?;
    survey::must_be_writable(operator).await
}
