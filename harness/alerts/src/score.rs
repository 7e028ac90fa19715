//! Scores rules against recordings: as many at once as there are processors.

mod judge;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Mutex,
    thread,
};

use reenact_core::{Error, Result};

use crate::{
    Promtool,
    plan::{self, Asked, Batch, Seen},
    recording::Recording,
    rules::Rules,
    verdict::Scored,
};

/// Labels that a user's Prometheus gives to what it scrapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relabel {
    /// To the targets of this job as it was recorded; `None`: to all.
    pub job: Option<String>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
}

impl std::str::FromStr for Relabel {
    type Err = String;

    /// Reads `mysql:job=prod-db,cluster=x`, or `cluster=x` for all.
    fn from_str(text: &str) -> Result<Self, String> {
        let help = "write JOB:LABEL=VALUE,…, such as mysql:job=prod-db,cluster=x, or LABEL=VALUE,… for all jobs";
        let (job, rest) = match text.split_once(':') {
            Some((job, rest)) if !job.contains('=') => (Some(job.to_owned()), rest),
            _ => (None, text),
        };
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').ok_or(help)?;
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let is_right =
                !name.is_empty() && name.chars().all(is_name) && !name.starts_with(|l: char| l.is_ascii_digit());
            if is_right { Ok((name.to_owned(), value.to_owned())) } else { Err(help) }
        };
        Ok(Self { job, labels: rest.split(',').map(pair).collect::<Result<_, _>>()? })
    }
}

/// How it is scored.
#[derive(Debug, Clone)]
pub struct Options {
    /// From one scrape of a production's target to the next, and from one evaluation to the next
    /// where a group says nothing else.
    pub interval_ms: u64,
    /// The labels of the user's own.
    pub relabel: Vec<Relabel>,
    /// How many alignments of the scrapes are tried.
    pub seeds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { interval_ms: 15_000, relabel: Vec::new(), seeds: 5 }
    }
}

/// Scores all alerts against each of the recordings, in their order.
///
/// # Errors
/// The first one of reading a recording or of running promtool.
pub fn score(rules: &Rules, recordings: &[PathBuf], options: &Options, promtool: &Promtool) -> Result<Vec<Scored>> {
    let next = Mutex::new(0..recordings.len());
    let done = Mutex::new(Vec::new());
    let work = || {
        while let Some(at) = next.lock().ok().and_then(|mut next| next.next()) {
            let path = &recordings[at];
            let scored = Recording::read(path, &options.relabel).and_then(|recording| {
                let scored = one(rules, &recording, options, promtool)?;
                Ok(Scored { recording: path.clone(), ..scored })
            });
            if let Ok(mut done) = done.lock() {
                done.push((at, scored));
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(recordings.len());
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().map_err(|_| Error::Bug("a scoring thread panicked".into()))?;
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, scored)| scored).collect()
}

/// Scores all alerts against one recording.
pub(crate) fn one(rules: &Rules, recording: &Recording, options: &Options, promtool: &Promtool) -> Result<Scored> {
    let metrics = recording.metrics();
    let is_asked = |number: usize| {
        let through = rules.recorded_for(number).into_iter().chain([number]);
        let mut reads = through.map(|at| &rules.rules[at].reads);
        reads.any(|reads| {
            let names = |selector: &crate::promql::Selector| metrics.iter().any(|metric| selector.names(metric));
            reads.may_be_true_of_nothing() || reads.selectors.iter().any(names)
        })
    };
    let asked = rules.alerts().map(|(number, _)| number);
    let asked = asked.filter(|at| judge::unscorable(rules, *at).is_none() && is_asked(*at));
    let asked: Vec<_> = asked.map(|at| Asked::whether(rules, at)).collect();
    let is_known: BTreeSet<_> = asked.iter().filter(|asked| asked.is_of_rules()).map(|asked| asked.rule).collect();
    let (mut seen, mut failed) = ask(rules, recording, asked, options, promtool)?;
    // What is never true need not be shown for as long as it would have to wait.
    let waits = |(at, seen): (&usize, &Vec<Seen>)| {
        let is_open = rules.alert(*at).for_ms > 0 || !is_known.contains(at);
        let is_true = is_open && seen.iter().any(Seen::is_ever_true);
        is_true.then(|| Asked::when(rules, *at, seen.iter().any(|seen| seen.is_true_while_steady)))
    };
    let waiting = seen.iter().filter_map(waits).collect();
    let (longer, more) = ask(rules, recording, waiting, options, promtool)?;
    seen.extend(longer);
    failed.extend(more);
    Ok(judge::scored(rules, recording, &seen, &failed))
}

/// What each rule did, and which could not be evaluated.
type Answers = (BTreeMap<usize, Vec<Seen>>, BTreeMap<usize, String>);

/// Asks promtool; one rule that cannot be evaluated would stop all, and is asked no more then.
fn ask(
    rules: &Rules,
    recording: &Recording,
    mut asked: Vec<Asked>,
    options: &Options,
    promtool: &Promtool,
) -> Result<Answers> {
    let mut failed = BTreeMap::new();
    loop {
        if asked.is_empty() {
            return Ok((BTreeMap::new(), failed));
        }
        let folder = tempfile::tempdir().map_err(Error::file("create", std::env::temp_dir()))?;
        let batches = Batch::all(rules, &asked, recording, options);
        let files = plan::written(folder.path(), rules, recording, &batches, options)?;
        let said = promtool.ask(&files)?;
        if said.failed.is_empty() {
            return Ok((plan::seen(&said, recording, &batches, options), failed));
        }
        let uses = |at: usize, name: &str| {
            at.to_string() == name || rules.recorded_for(at).iter().any(|at| rules.rules[*at].alert.name == name)
        };
        let broken: BTreeSet<usize> =
            asked.iter().map(|asked| asked.rule).filter(|at| said.failed.keys().any(|name| uses(*at, name))).collect();
        if broken.is_empty() {
            return Err(Error::Bug(format!("promtool names rules that are none: {:?}", said.failed)));
        }
        for at in &broken {
            let why = said.failed.iter().find(|(name, _)| uses(*at, name)).map(|(_, why)| why.clone());
            failed.insert(*at, why.unwrap_or_default());
        }
        asked.retain(|asked| !broken.contains(&asked.rule));
    }
}

#[cfg(test)]
mod tests;
