//! From the fault to its detection.

use std::time::Duration;

use super::{
    Stage, System,
    phase::{Detected, Faulted},
};
use reenact_core::{
    Error, Result,
    fingerprint::Fingerprint,
    wait::{self, Look},
};
use reenact_testbed::fault::Fault;

impl<S: System> Stage<S, Faulted> {
    /// Injects a further fault of the story.
    ///
    /// # Errors
    /// As [`Stage::strike`].
    pub async fn inject(mut self, fault: impl Fault<S>) -> Result<Self> {
        self.strike(fault).await?;
        Ok(self)
    }

    /// Heals every fault in force: what stays broken now is the incident itself.
    ///
    /// # Errors
    /// As [`Stage::mend`].
    pub async fn heal(mut self) -> Result<Self> {
        self.mend().await?;
        Ok(self)
    }

    /// Waits until every fingerprint of the report was seen.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] with those that were not: this is another incident
    /// than the reported one.
    pub async fn fingerprints(self, prints: &[Fingerprint], limit: Duration) -> Result<Self> {
        let lab = &self.run.lab;
        lab.phase("wait: the report's fingerprints");
        let from = self.run.story_from.unwrap_or_default();
        let mut missing = Vec::new();
        let _ = wait::until("the report's fingerprints", limit, || {
            missing = lab.stream().read(|seen| {
                let since = &seen[seen.partition_point(|observation| observation.at < from)..];
                prints.iter().filter(|print| !(print.shows)(since)).map(|print| print.id).collect::<Vec<_>>()
            });
            let look = if missing.is_empty() { Look::Ready(()) } else { Look::NotYet(missing.join(", ")) };
            async { look }
        })
        .await;
        let (seen, total) = (prints.len() - missing.len(), prints.len());
        lab.note("fingerprints", format!("{seen} of {total} seen; missing: [{}]", missing.join(", ")));
        let missed = missing.iter().map(|&id| id.to_owned()).collect();
        lab.score(|score| score.fingerprints = crate::score::Fingerprints { seen, total, missed });
        if missing.is_empty() {
            return Ok(self);
        }
        let missing = missing.join(", ");
        Err(Error::inconclusive(format!("{seen} of {total} fingerprints of the report; missing: {missing}")))
    }

    /// Waits until the incident's detector fires, and holds that no other one did
    /// but those whose diagnosis is true as well.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not within `limit` from the effect, or another
    /// one did.
    pub async fn detect(self, detector: &str, limit: Duration) -> Result<Stage<S, Detected>> {
        let (lab, effect_at) = (&self.run.lab, self.run.effect_at);
        lab.phase(format!("wait: {detector} fires"));
        let left = limit.saturating_sub(lab.now().since(effect_at));
        let episode = wait::until(&format!("the detector {detector}"), left, || async {
            let fired = lab.episodes().into_iter().find(|episode| episode.detector == detector && episode.to.is_none());
            fired.map_or_else(|| Look::NotYet("it is silent".into()), Look::Ready)
        })
        .await?;
        let took = episode.from.since(effect_at);
        lab.note("detected", format!("{detector} after {took:.1?}: {}", episode.evidence.join("; ")));
        lab.score(|score| score.detect_ms = Some(took.as_millis() as u64));
        lab.no_false_alarm(lab.expected())?;
        Ok(self.turn())
    }
}
