//! `bosh upload-release URL` and `bosh upload-stemcell URL`, and what a deploy does first for a release of its manifest
//! that has a URL. Nothing is fetched: whatever a manifest names is there.

use serde::{Deserialize, Serialize};

use crate::director::error::Result;
use crate::director::job::Job;

/// What is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Artifact {
    /// A release.
    Release,
    /// A stemcell.
    Stemcell,
}

impl Artifact {
    /// Its name, as stages and descriptions have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Stemcell => "stemcell",
        }
    }
}

/// What it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// What is uploaded.
    pub artifact: Artifact,
    /// Where it is.
    pub location: String,
}

/// Does it; the result says of what.
///
/// # Errors
/// A cancel, or the database's.
pub async fn perform(job: &Job, order: Order) -> Result<String> {
    let name = order.artifact.name();
    job.log.info(format!("Downloading remote {name} from {}", order.location));
    let title = format!("Downloading remote {name}");
    job.events.stage(&title, &[], 1).track(&job.log, &title, job.checkpoint()).await?;
    Ok(format!("/{name}s"))
}
