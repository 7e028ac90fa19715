//! A test for promtool of each incident that the rules notice: small enough for the rules' own
//! repository, whose pipeline then fails when a rule is broken that the incident needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Component, Path, PathBuf},
};

use reenact_core::{Error, Result};

use crate::{
    Promtool,
    axis::{Axis, Drawn, Parts},
    duration::{self, shown},
    plan::Batch,
    recording::Recording,
    rules::Rules,
    score::Options,
    verdict::{Scored, Verdict},
};

/// What became of an incident's test.
#[derive(Debug)]
pub struct Exported {
    /// The incident.
    pub scenario: String,
    /// The test's file, or why there is none.
    pub file: Result<PathBuf, String>,
}

/// Writes a test for each incident that is noticed, and holds that promtool passes it.
///
/// # Errors
/// [`Error::File`] if one cannot be written; those of [`Recording::read`] and of promtool.
pub fn export(
    folder: &Path,
    rules: &Rules,
    all: &[Scored],
    options: &Options,
    promtool: &Promtool,
) -> Result<Vec<Exported>> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let noticed = all.iter().filter(|scored| !scored.is_twin && scored.count(Verdict::Detected) > 0);
    noticed.map(|scored| one(folder, rules, scored, options, promtool)).collect()
}

fn one(folder: &Path, rules: &Rules, scored: &Scored, options: &Options, promtool: &Promtool) -> Result<Exported> {
    let recording = Recording::read(&scored.recording, &options.relabel)?;
    let test = Test::of(folder, rules, scored, &recording, options)?;
    let path = folder.join(format!("{}.test.yml", scored.scenario.replace("::", ".")));
    let keep = |text: String| fs::write(&path, text).map_err(Error::file("write", &path));
    keep(test.text(&[test.question()]))?;
    let said = promtool.ask(std::slice::from_ref(&path))?;
    let first: BTreeMap<String, u64> = said
        .got
        .get("first")
        .into_iter()
        .flatten()
        .filter_map(|(labels, at)| Some((labels.get("alertname")?.clone(), (*at * 1e3) as u64)))
        .collect();
    keep(test.text(&test.expectations(&first)))?;
    let failed = match (said.failed.is_empty(), first.is_empty()) {
        (false, _) => Some(format!("{:?}", said.failed)),
        (true, true) => Some("no rule fires where all groups are evaluated at one interval".into()),
        (true, false) => promtool.passes(&path)?,
    };
    let file = match failed {
        None => Ok(path),
        Some(why) => {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            Err(why)
        }
    };
    Ok(Exported { scenario: scored.scenario.clone(), file })
}

/// An incident's test, but for what is expected.
struct Test<'t> {
    scored: &'t Scored,
    rule_files: Vec<PathBuf>,
    names: BTreeSet<&'t str>,
    axis: Axis,
    series: Vec<Drawn>,
}

/// An expression, when it is evaluated in milliseconds, and its samples.
struct Query {
    expr: String,
    at: u64,
    samples: Vec<(String, i64)>,
}

impl<'t> Test<'t> {
    fn of(
        folder: &Path,
        rules: &'t Rules,
        scored: &'t Scored,
        recording: &Recording,
        options: &Options,
    ) -> Result<Self> {
        let noticed = scored.rows.iter().filter(|row| row.verdict == Verdict::Detected);
        let alerts: Vec<_> = noticed.map(|row| row.rule).collect();
        let batch = Batch::whole(rules, &alerts, options);
        let axis = batch.axis(Parts::of(recording), options, 0);
        let series = batch.series(rules, recording, &axis);
        let rule_files = rules.files.iter().map(|file| relative(folder, file)).collect::<Result<_>>()?;
        let names = alerts.iter().map(|at| rules.alert(*at).name.as_str()).collect();
        Ok(Self { scored, rule_files, names, axis, series })
    }

    /// Asks when each alert fires for the first time.
    fn question(&self) -> Query {
        let names: Vec<_> = self.names.iter().copied().collect();
        let (end, step) = (self.axis.steps() as u64 * self.axis.interval_ms, duration::written(self.axis.interval_ms));
        let after = end - self.axis.onset_clock().unsigned_abs() / self.axis.interval_ms * self.axis.interval_ms;
        let range = duration::written(after - self.axis.interval_ms / 2);
        let firing = format!("ALERTS{{alertname=~\"{}\",alertstate=\"firing\"}}", names.join("|"));
        let expr = format!("min by (alertname) (min_over_time(timestamp({firing})[{range}:{step}]))");
        Query { expr, at: end, samples: vec![("{id=\"first\"}".into(), -1)] }
    }

    /// Silent while all is well, firing from the first moment on at which they do.
    fn expectations(&self, first: &BTreeMap<String, u64>) -> Vec<Query> {
        let firing =
            |name: &str| format!("group by (alertname) (ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}})");
        let healthy = (self.axis.onset_clock().unsigned_abs() - 1) / self.axis.interval_ms * self.axis.interval_ms;
        let silent = first.keys().map(|name| Query { expr: firing(name), at: healthy, samples: Vec::new() });
        let fires = first.iter().map(|(name, at)| {
            let samples = vec![(format!("{{alertname=\"{name}\"}}"), 1)];
            Query { expr: firing(name), at: *at, samples }
        });
        silent.chain(fires).collect()
    }

    fn text(&self, queries: &[Query]) -> String {
        let mut text = String::new();
        let onset = shown(self.axis.onset_clock().unsigned_abs() / 1000 * 1000);
        let (scenario, names) = (&self.scored.scenario, self.names.iter().copied().collect::<Vec<_>>().join(", "));
        let _ = writeln!(text, "# {scenario}: recorded by reenact; the incident begins at {onset}.");
        let _ = writeln!(text, "# It needs {names}. Run it: promtool test rules FILE");
        let _ = writeln!(text, "rule_files:");
        for file in &self.rule_files {
            let _ = writeln!(text, "- {}", quoted(&file.display().to_string()));
        }
        let interval = duration::written(self.axis.interval_ms);
        let _ = writeln!(text, "evaluation_interval: {interval}\ntests:\n- interval: {interval}\n  input_series:");
        for Drawn { series, values } in &self.series {
            let _ = writeln!(text, "  - series: {}\n    values: {}", quoted(series), quoted(values));
        }
        let _ = writeln!(text, "  promql_expr_test:");
        for Query { expr, at, samples } in queries {
            let _ = writeln!(text, "  - expr: {}\n    eval_time: {}", quoted(expr), duration::written(*at));
            for (labels, value) in samples {
                let _ = writeln!(text, "    exp_samples: [{{labels: {}, value: {value}}}]", quoted(labels));
            }
        }
        text
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The way from a folder to a file.
fn relative(folder: &Path, file: &Path) -> Result<PathBuf> {
    let whole = |path: &Path| path.canonicalize().map_err(Error::file("find", path));
    let (from, to) = (whole(folder)?, whole(file)?);
    let same = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(same).map(|_| Component::ParentDir);
    Ok(up.chain(to.components().skip(same)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, gauge, kept, promtool};

    const RULES: &str =
        "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: x == 0, for: 5m}\n  - {alert: Never, expr: x == 7}\n";

    #[test]
    fn the_test_passes_and_fails_when_the_rule_is_broken() {
        let Some(promtool) = promtool() else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("it's mine.yml");
        fs::write(&file, RULES).expect("rules");
        let lines = Story::default().one(|now| Ok(vec![gauge("x", f64::from(u8::from(now.since < 1)))]));
        let path = kept(folder.path(), &lines);
        let (rules, options) = (Rules::read(std::slice::from_ref(&file)).expect("rules"), Options::default());
        let all = crate::score(&rules, &[path], &options, &promtool).expect("scored");
        let exported = export(&folder.path().join("tests"), &rules, &all, &options, &promtool).expect("exported");
        let test = exported[0].file.as_ref().expect("it passes");
        assert_eq!(promtool.passes(test).expect("it runs"), None);
        assert!(fs::metadata(test).expect("a file").len() < 2000);
        for broken in ["x == 2", "x >= 0"] {
            fs::write(&file, RULES.replace("x == 0", broken)).expect("rules");
            assert!(promtool.passes(test).expect("it runs").is_some(), "{broken}");
        }
    }
}
