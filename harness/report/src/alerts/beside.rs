//! A user's rules beside our detectors: what each of them said in one run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use reenact_alerts::{FILE, Options, Promtool, Rules, Scored};
use reenact_core::{Error, Result, file};
use reenact_run::campaign::RunResult;

/// Its name in a run's folder.
const KEPT: &str = "alerts.json";

/// What the rules did in one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Beside {
    /// The name of each row's rule.
    pub names: Vec<String>,
    /// The rows.
    pub scored: Scored,
}

impl Beside {
    /// What was kept in a run's folder; `None` if no rules were scored.
    pub(crate) fn read(run: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(run.join(KEPT)).ok()?).ok()
    }

    pub(crate) fn name(&self, rule: usize) -> String {
        let at = self.scored.rows.iter().position(|row| row.rule == rule);
        at.and_then(|at| self.names.get(at)).cloned().unwrap_or_default()
    }
}

/// Scores rules against the metrics of each run, and keeps what they did in the runs' folders.
/// Gives the runs that have no metrics.
///
/// # Errors
/// As [`reenact_alerts::score`]; [`Error::File`] if it cannot be kept.
pub fn keep_beside<'r>(results: &'r [RunResult], rules: &Rules, promtool: &Promtool) -> Result<Vec<&'r RunResult>> {
    let (with, without): (Vec<_>, Vec<_>) = results.iter().partition(|result| result.run_dir.join(FILE).is_file());
    let recordings: Vec<PathBuf> = with.iter().map(|result| result.run_dir.join(FILE)).collect();
    let all = reenact_alerts::score(rules, &recordings, &Options::default(), promtool)?;
    for (result, scored) in with.into_iter().zip(all) {
        let names = scored.rows.iter().map(|row| rules.alert(row.rule).name.clone()).collect();
        let text = serde_json::to_vec(&Beside { names, scored });
        let text = text.map_err(|error| Error::Bug(format!("the scores of rules: {error}")))?;
        file::write_whole(&result.run_dir.join(KEPT), text)?;
    }
    Ok(without)
}
