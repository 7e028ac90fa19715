//! The recovery of an nginx that does not start.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    survey::{self, Survey},
    workers::{self, Complaint, Holder},
};

/// Ends an nginx that monit does not know, asks nginx itself what keeps it from starting
/// (`nginx -t`), and restarts the jobs as the director does, with the configuration as it was rendered
/// and the pre-start scripts: they make the folders that monit does not.
#[derive(Debug)]
pub(crate) struct StartNginx;

impl fmt::Display for StartNginx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("put back what nginx needs to start, and restart the jobs")
    }
}

#[async_trait]
impl Runbook for StartNginx {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if survey::serves_now(operator).await? {
            return Ok(Conclusion::NothingToDo);
        }
        let found = Survey::take(operator).await?;
        if let Some(why) = objection(&found) {
            return Ok(Conclusion::Refused { why });
        }
        let (holder, complaint) = (Holder::of(operator).await?, workers::complaint(operator).await?.map(Complaint::of));
        if let Some(why) = not_missing(holder, complaint.as_ref()) {
            return Ok(Conclusion::Refused { why });
        }
        if holder.is_left_over() {
            operator.step("stop the jobs, and the nginx that monit does not know", survey::stop(operator)).await?;
        }
        operator.step("restart the jobs", survey::restart(operator)).await?;
        survey::until_serving(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// Why a start is not what is missing.
fn objection(found: &Survey) -> Option<String> {
    if found.has_rescue() || found.has_strays() {
        return Some("a recovery of the disk is under way: bring that one to its end".into());
    }
    if !found.is_mounted() {
        return Some(format!("{} is not mounted: nginx must not start without it", found.device()));
    }
    let error = found.write_error();
    error.map(|error| format!("the disk cannot be written to, see to that first: {error}"))
}

/// The same by who has its port, and by what nginx itself complains of.
fn not_missing(holder: Holder, complaint: Option<&Complaint>) -> Option<String> {
    match (holder, complaint) {
        (Holder::Known, _) => {
            Some("nginx has its master, which monit knows: that it does not serve has another cause".into())
        }
        (Holder::Orphans, None) => Some("nginx's workers hold its port without a master: end them".into()),
        (_, Some(Complaint::Other(line))) => Some(format!("nginx does not start for another cause: {line}")),
        _ => None,
    }
}
