//! What is known of a session as a whole.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::text::quoted;
use reenact_run::campaign::RunResult;

/// Which command the runs came from.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Scenarios by name.
    #[default]
    Run,
    /// The plan in this file.
    Replay(PathBuf),
    /// The system that this file describes.
    Try(PathBuf),
}

/// What is known of a session as a whole.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The session's id.
    pub session: String,
    /// The version of reenact.
    pub version: String,
    /// When it began, by the wall clock.
    pub began: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Which command it was.
    pub how: How,
    /// Also the controls, the wrong runbooks, and kills after each step.
    pub full: bool,
    /// The faults were left out.
    #[serde(alias = "sham")]
    pub no_fault: bool,
    /// Images that were put in the place of ours, by name.
    pub images: BTreeMap<String, String>,
}

impl About {
    /// A session that ends now. Its id begins with the time at which it began.
    pub fn ending(session: &str, how: How) -> Self {
        let began = began(session);
        let took_ms = began.map(|began| Timestamp::now().duration_since(began).as_millis());
        Self {
            session: session.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            began,
            took_ms: took_ms.and_then(|took| u64::try_from(took).ok()).unwrap_or_default(),
            how,
            ..Self::default()
        }
    }

    /// The command that plays one run again.
    pub(super) fn replay(&self, result: &RunResult) -> String {
        let file = |path: &Path| quoted(&path.display().to_string()).into_owned();
        let mut words = vec!["reenact".to_owned()];
        // A random schedule is kept as a plan, and has no name that `run` would know.
        let plan = result.run_dir.join("plan.toml");
        match &self.how {
            How::Run if plan.exists() => return format!("reenact replay {}", file(&plan)),
            How::Run => words.extend(["run".into(), quoted(&result.id).into_owned()]),
            How::Replay(plan) => words.extend(["replay".into(), file(plan)]),
            How::Try(subject) => words.extend(["try".into(), file(subject)]),
        }
        // A plan has its seed within.
        if !matches!(self.how, How::Replay(_)) {
            words.push(format!("--seed {}", result.seed));
        }
        let flags = [(self.full, "--full"), (self.no_fault, "--no-fault")];
        words.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.to_owned()));
        words.extend(self.images.iter().map(|(name, image)| format!("--image {}", quoted(&format!("{name}={image}")))));
        words.join(" ")
    }
}

/// The time in a session's id.
fn began(session: &str) -> Option<Timestamp> {
    let (time, _) = session.split_once('-')?;
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read_from_the_id() {
        let began = began("20261120T201924Z-7285ab04").expect("a time");
        assert_eq!(began.to_string(), "2026-11-20T20:19:24Z");
        assert_eq!(About::ending("no-time", How::Run).began, None);
    }
}
