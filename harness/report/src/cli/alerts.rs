//! `reenact alerts`: would these rules have noticed?

mod promtool;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{rescore::note, say};
use crate::alerts::{self, Scores};
use reenact_alerts::{Exported, Options, Promtool, Relabel, Rules};
use reenact_core::{Error, Result};
use reenact_run::campaign;

/// Where the recordings of this repository are, from its root.
const SHIPPED: &str = "tests/metrics";
/// Up to so many scenarios are told rule by rule.
const DETAILED: usize = 3;
const HELP: &str = "record some: `reenact run --metrics PATTERN`, or name a folder with --runs";

#[derive(Args)]
pub(super) struct Alerts {
    /// Files of Prometheus rules, and parts of scenarios' ids: a word that names no file is such a
    /// part
    #[arg(required = true, value_name = "RULES.yml… [PATTERN…]")]
    words: Vec<String>,

    /// Folders of recordings and of runs with metrics, in the place of what is shipped and of the
    /// runs in --results
    #[arg(long, value_name = "DIR")]
    runs: Vec<PathBuf>,

    /// What your Prometheus calls what was recorded: mysql:job=prod-db,cluster=x for one job,
    /// cluster=x for all
    #[arg(long = "label", value_name = "[JOB:]LABEL=VALUE,…")]
    labels: Vec<Relabel>,

    /// How often your Prometheus scrapes and evaluates
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = interval)]
    interval: Duration,

    /// Whatever could not be scored fails: exit code 4
    #[arg(long)]
    require: bool,

    /// Look for rules that would notice what none of yours does
    #[arg(long)]
    offer: bool,

    /// Print one JSON object per rule and scenario, a line each
    #[arg(long)]
    json: bool,

    /// Write a page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write JUnit too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Write a test for promtool of each incident that is noticed
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let campaign::Span(time) = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?.try_into()?;
    if time < Duration::from_secs(1) || time > Duration::from_secs(300) {
        return Err("give a time from 1s to 5m".into());
    }
    Ok(time)
}

/// Reads rules, and holds that Prometheus takes them.
///
/// # Errors
/// [`Error::Usage`] with promtool's words if it does not; [`Error::Environment`] if there is no
/// promtool.
pub(super) async fn read(files: &[PathBuf], results: &Path) -> Result<(Rules, Promtool)> {
    let promtool = match Promtool::on_path() {
        Some(promtool) => promtool,
        None => promtool::from_image(results).await?,
    };
    promtool.check(files)?;
    let rules = Rules::read(files)?;
    if rules.alerts().next().is_none() {
        return Err(Error::usage("these files hold no alert", "give files with `alert:` rules"));
    }
    Ok((rules, promtool))
}

impl Alerts {
    pub(super) async fn execute(self, results: &Path) -> Result<u8> {
        let (files, patterns) = self.sorted()?;
        let recordings = self.recordings(results, &patterns)?;
        let (rules, promtool) = read(&files, results).await?;
        let interval_ms = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        let options = Options { interval_ms, relabel: self.labels.clone(), ..Options::default() };
        let all = reenact_alerts::score(&rules, &recordings, &options, &promtool)?;
        let mut scores = Scores { rules, all, offers: Vec::new() };
        if self.offer {
            scores.offers = reenact_alerts::offers(&scores.unnoticed(), &scores.all, &options, &promtool)?;
        }
        self.tell(&scores);
        self.keep(&scores)?;
        if let Some(folder) = &self.export {
            let exported = reenact_alerts::export(folder, &scores.rules, &scores.all, &options, &promtool)?;
            tell_exported(&exported);
        }
        Ok(scores.exit_code(self.require))
    }

    /// The words that are files, and those that are patterns.
    fn sorted(&self) -> Result<(Vec<PathBuf>, Vec<&str>)> {
        let (mut files, mut patterns) = (Vec::new(), Vec::new());
        for word in &self.words {
            let path = Path::new(word);
            let is_rules =
                path.extension().is_some_and(|end| ["yml", "yaml", "json", "rules"].iter().any(|e| end == *e));
            match path.is_file() {
                true => files.push(path.to_owned()),
                false if is_rules => {
                    return Err(Error::usage(format!("there is no file {word}"), "name a file of rules"));
                }
                false => patterns.push(word.as_str()),
            }
        }
        if files.is_empty() {
            return Err(Error::usage("there is no file of rules among the words", "name one or more, then patterns"));
        }
        Ok((files, patterns))
    }

    /// The newest recording of each scenario, by its id.
    fn recordings(&self, results: &Path, patterns: &[&str]) -> Result<Vec<PathBuf>> {
        let mut newest: BTreeMap<String, (std::time::SystemTime, PathBuf)> = BTreeMap::new();
        for folder in self.folders(results) {
            for path in reenact_alerts::within(&folder)? {
                let id = match reenact_alerts::scenario(&path) {
                    Ok(head) => head.scenario,
                    Err(error) => {
                        note(&format!("left out {}: {error}", path.display()));
                        continue;
                    }
                };
                let when = fs::metadata(&path).and_then(|data| data.modified()).map_err(Error::file("read", &path))?;
                let known = newest.entry(id).or_insert_with(|| (when, path.clone()));
                if when > known.0 {
                    *known = (when, path);
                }
            }
        }
        let is_wanted = |id: &str| patterns.is_empty() || patterns.iter().any(|pattern| id.contains(pattern));
        if newest.is_empty() {
            return Err(Error::environment("there is no recording of metrics", HELP));
        }
        let wanted: Vec<_> = newest.iter().filter(|(id, _)| is_wanted(id)).map(|(_, (_, path))| path.clone()).collect();
        if wanted.is_empty() {
            let near: Vec<_> =
                patterns.iter().flat_map(|text| campaign::nearest(text, newest.keys().map(String::as_str))).collect();
            let help = if near.is_empty() { HELP.to_owned() } else { format!("did you mean {}?", near.join(" or ")) };
            return Err(Error::usage(format!("no recording is of {}", patterns.join(" or ")), help));
        }
        Ok(wanted)
    }

    fn folders(&self, results: &Path) -> Vec<PathBuf> {
        if !self.runs.is_empty() {
            return self.runs.clone();
        }
        // Of the present folder, else of where this program was built.
        let here = PathBuf::from(SHIPPED);
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(SHIPPED);
        let shipped = [here, built].into_iter().find(|folder| folder.is_dir());
        shipped.into_iter().chain(results.is_dir().then(|| results.to_owned())).collect()
    }

    fn tell(&self, scores: &Scores) {
        if self.json {
            scores.json().for_each(|row| say(crate::to_json(&row)));
            return;
        }
        if scores.all.len() <= DETAILED {
            say(alerts::details(scores));
        }
        say(alerts::summary(scores));
        let unnoticed = scores.unnoticed().len();
        if unnoticed > 0 && !self.offer {
            note("with --offer it looks for rules that notice what none of these does");
        }
    }

    fn keep(&self, scores: &Scores) -> Result<()> {
        if let Some(path) = &self.junit {
            fs::write(path, alerts::junit(scores, self.require)?).map_err(Error::file("write", path))?;
        }
        if let Some(path) = &self.html {
            fs::write(path, crate::html::alerts(scores)).map_err(Error::file("write", path))?;
        }
        Ok(())
    }
}

fn tell_exported(all: &[Exported]) {
    for Exported { scenario, file } in all {
        match file {
            Ok(path) => note(&format!("{scenario}: {}", path.display())),
            Err(why) => note(&format!("{scenario}: no test: {why}")),
        }
    }
}
