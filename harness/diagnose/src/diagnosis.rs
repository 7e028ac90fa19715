//! A case, shown to the detectors.
//!
//! Detectors measure time by what they see. A case of one look has none, so what was seen last is
//! held still after it, second by second. A detector that fires within [`BRIEF`] needs no more than
//! that what was seen was no slip; one that fires later waits because healthy systems look the same
//! for a while, and all that can be said is that it is so *if this lasts*.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use reenact_core::{
    detect::{Board, DetectorEntry, Verdict},
    probe::{Answer, Moment, Observation, Signal},
};
use serde::Serialize;

use crate::{
    case::{Case, Dated, Implied, Look},
    system::System,
};

/// How long what was seen last is held still: longer than any detector of seconds measures.
const HORIZON: Duration = Duration::from_secs(90);

/// A hold that is no longer is there for looks that tell of different moments. Measured on cuts of
/// look-alikes: none of them is taken for an incident by a detector that fires so soon, and some
/// are by those that wait longer.
const BRIEF: Duration = Duration::from_secs(2);

/// Between two looks at what is held.
const STEP: Duration = Duration::from_secs(1);

/// Looks that are no further apart are one stretch: what both saw was so in between.
const STRETCH: Duration = Duration::from_secs(15);

/// The case begins so long before its first look: nothing in it is only being set up.
const BEFORE: Duration = Duration::from_secs(3600);

/// Lines of longer ago are not shown.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Who reads a log reads it so long after its last line, at least: what is final by then still is.
const READ_LATER: Duration = Duration::from_secs(60);

/// Where a log stands in for a look.
const BY_LOG: &str = "by what the logs said last: nobody looked";

/// What is said of one detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It fires.
    Fired,
    /// It fires if what was seen last goes on for some time.
    IfItLasts,
    /// It lacks signals.
    Unknown,
    /// It sees what it needs, and there is nothing to report.
    Quiet,
}

/// What a detector says of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Its id.
    pub detector: &'static str,
    /// Its word.
    pub verdict: Word,
    /// The node that its evidence begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What was seen, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// When the oldest line of its evidence was logged, else when it was first seen: it is so
    /// since then at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// For how many seconds more what was seen last must go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts_s: Option<u64>,
    /// Why it cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The command that would tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
}

/// What all detectors of a system say of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// When it was last looked at.
    pub at: Timestamp,
    /// For how many seconds looks were taken.
    pub looked_for_s: f64,
    /// By rank: what fires first, what may, what is unknown, what is quiet.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// The findings with this word.
    pub fn of(&self, word: Word) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.verdict == word)
    }

    /// 1 a diagnosis, 4 cannot tell, 0 nothing found. Where nothing fires, a detector that cannot
    /// tell is not outvoted by those that can.
    pub fn exit_code(&self) -> u8 {
        let any = |word| self.of(word).next().is_some();
        match (any(Word::Fired), any(Word::IfItLasts) || any(Word::Unknown)) {
            (true, _) => 1,
            (false, true) => 4,
            (false, false) => 0,
        }
    }
}

/// Shows the case to the system's detectors. `None`: there is nothing in it.
pub fn diagnose(case: &Case, system: &System) -> Option<Diagnosis> {
    let at = case.at()?;
    let entries: Vec<_> = system.detectors();
    let mut show = Show::new(&entries, case, at);
    show.past_and_looks(case);
    let mut fires = show.hold(case);
    if case.implied.iter().any(|told| told.is_final) {
        let mut show = Show::new(&entries, case, at);
        show.past_and_looks(case);
        fires.extend(show.hold_what_is_final(case));
    }
    let mut findings = show.findings(case, system, &fires);
    if !case.implied.is_empty() {
        let looked = diagnose(&Case { implied: Vec::new(), ..case.clone() }, system)?;
        let is_told = |finding: &Finding| matches!(finding.verdict, Word::Fired | Word::IfItLasts);
        let by_looks: Vec<_> = looked.findings.iter().filter(|told| is_told(told)).map(|told| told.detector).collect();
        let by_logs = findings.iter_mut().filter(|told| is_told(told) && !by_looks.contains(&told.detector));
        by_logs.for_each(|told| told.evidence.push(BY_LOG.to_owned()));
    }
    Some(Diagnosis { at, looked_for_s: looked_for(case).as_secs_f64(), findings })
}

/// When a detector first fires, counted from the last look, and what it says.
struct Fires {
    after: Duration,
    /// Whether nothing needs to last for it but what is final.
    is_certain: bool,
    evidence: Vec<String>,
    at: Moment,
}

/// What is shown at a time.
enum Shown<'c> {
    Event(&'c Dated),
    Look(&'c Look),
    Implied(&'c Implied),
}

struct Show {
    board: Board,
    /// The moment zero.
    zero: Timestamp,
    /// The last look.
    last: Timestamp,
}

impl Show {
    fn new(entries: &[&'static DetectorEntry], case: &Case, last: Timestamp) -> Self {
        let first = case.looks.first().map_or(last, |look| look.at);
        let oldest = case.past.first().map_or(first, |dated| dated.at.min(first));
        let earliest = last.checked_sub(signed(OLDEST)).unwrap_or(last);
        let zero = oldest.max(earliest).checked_sub(signed(BEFORE)).unwrap_or(oldest);
        Self { board: Board::new(entries.iter().copied()), zero, last }
    }

    fn moment(&self, at: Timestamp) -> Moment {
        Moment(u64::try_from(at.duration_since(self.zero).as_millis()).unwrap_or(0))
    }

    fn time(&self, at: Moment) -> Timestamp {
        self.zero.checked_add(signed(Duration::from_millis(at.0))).unwrap_or(self.last)
    }

    fn see(&mut self, at: Timestamp, node: &str, signal: &Signal) {
        self.board.observe(&Observation { at: self.moment(at), wall: at, node: node.into(), signal: signal.clone() });
    }

    /// Shows a look, as it was or held still.
    fn look(&mut self, at: Timestamp, look: &Look) {
        for (node, signal) in &look.seen {
            match at == look.at {
                true => self.see(at, node, signal),
                false => self.see(at, node, &later_by_its_clock(signal, at.duration_since(look.at))),
            }
        }
    }

    fn past_and_looks(&mut self, case: &Case) {
        for (node, prior) in &case.priors {
            self.see(self.zero, node, &Signal::told(prior));
        }
        let past = case.past.iter().map(|dated| (dated.at, Shown::Event(dated)));
        let looks = case.looks.iter().map(|look| (look.at, Shown::Look(look)));
        let between = case.looks.windows(2).filter(|pair| apart(&pair[0], &pair[1]) <= STRETCH);
        let between = between.flat_map(|pair| {
            let look = &pair[0];
            steps(apart(look, &pair[1])).map(|step| (later(look.at, step), Shown::Look(look)))
        });
        let implied = case.implied.iter().flat_map(|told| self.lasts(told).map(move |at| (at, Shown::Implied(told))));
        let mut all: Vec<_> =
            past.chain(looks).chain(between).chain(implied).filter(|(at, _)| *at >= self.zero).collect();
        all.sort_by_key(|(at, _)| *at);
        for (at, shown) in all {
            match shown {
                Shown::Event(Dated { node, signal, .. }) => self.see(at, node, signal),
                Shown::Look(look) => self.look(at, look),
                Shown::Implied(told) => self.see(at, &told.node, &told.signal),
            }
        }
    }

    /// The times at which what a log tells of is shown: from its beginning, or from so long before the
    /// end as a detector may measure, to the end of the log, or of all of them if it is final.
    fn lasts(&self, told: &Implied) -> impl Iterator<Item = Timestamp> + use<> {
        let last = told.until.filter(|_| !told.is_final).unwrap_or(self.last).min(self.last);
        let lasted = told.since.map_or(Duration::ZERO, |since| {
            Duration::try_from(last.duration_since(since)).unwrap_or_default().min(HORIZON)
        });
        let from = last.checked_sub(signed(lasted)).unwrap_or(last);
        [Duration::ZERO].into_iter().chain(steps(lasted)).map(move |step| later(from, step)).chain([last])
    }

    /// Holds the last look still, and notes when each detector first fires.
    fn hold(&mut self, case: &Case) -> BTreeMap<&'static str, Fires> {
        let mut fires = BTreeMap::new();
        self.note(Duration::ZERO, false, &mut fires);
        let Some(look) = case.looks.last() else { return fires };
        let last = self.last;
        for step in steps(HORIZON) {
            self.look(later(last, step), look);
            case.implied.iter().for_each(|told| self.see(later(last, step), &told.node, &told.signal));
            self.note(step, false, &mut fires);
        }
        fires
    }

    /// Holds what is final still, and nothing else, for as long as anybody takes to read a log.
    fn hold_what_is_final(&mut self, case: &Case) -> BTreeMap<&'static str, Fires> {
        let mut fires = BTreeMap::new();
        let last = self.last;
        for step in steps(READ_LATER) {
            let told = case.implied.iter().filter(|told| told.is_final);
            told.for_each(|told| self.see(later(last, step), &told.node, &told.signal));
            self.note(step, true, &mut fires);
        }
        fires
    }

    fn note(&self, after: Duration, is_certain: bool, fires: &mut BTreeMap<&'static str, Fires>) {
        for (id, verdict) in self.board.verdicts() {
            if let Verdict::Fired { evidence, at } = verdict {
                let fired = || Fires { after, is_certain, evidence: evidence.clone(), at: *at };
                fires.entry(id).or_insert_with(fired);
            }
        }
    }

    fn findings(&self, case: &Case, system: &System, fires: &BTreeMap<&'static str, Fires>) -> Vec<Finding> {
        let verdicts: BTreeMap<_, _> = self.board.verdicts().collect();
        let mut all: Vec<_> = self
            .board
            .holds()
            .map(|(id, hold)| match (fires.get(id), verdicts.get(id)) {
                (Some(fires), _) => self.fired(case, id, hold, fires),
                (None, Some(Verdict::Unknown { why })) => unknown(id, system, why.clone()),
                _ => system.missing(case, id).map_or_else(|| quiet(id), |why| unknown(id, system, why)),
            })
            .collect();
        all.sort_by_key(|finding| rank(finding.verdict));
        all
    }

    fn fired(&self, case: &Case, id: &'static str, hold: Duration, fires: &Fires) -> Finding {
        let enough = if hold <= BRIEF { hold + STEP } else { STEP };
        let enough = enough.max(case.lasted);
        let verdict = if fires.is_certain || fires.after <= enough { Word::Fired } else { Word::IfItLasts };
        let nodes = case.nodes();
        let node = fires.evidence.iter().find_map(|line| line.split_once(": ").map(|(name, _)| name));
        let node = node.filter(|name| nodes.contains(name)).map(str::to_owned);
        let logged = case.past.iter().filter(|dated| is_cited(dated, &fires.evidence)).map(|dated| dated.at).min();
        let seen = self.time(fires.at).min(self.last);
        Finding {
            node,
            since: Some(logged.unwrap_or(seen)),
            lasts_s: (!fires.after.is_zero()).then_some(fires.after.as_secs()),
            evidence: fires.evidence.clone(),
            ..blank(id, verdict)
        }
    }
}

/// For how long looks were taken without a gap, up to the last one.
fn looked_for(case: &Case) -> Duration {
    let pairs = case.looks.windows(2).rev().map(|pair| apart(&pair[0], &pair[1]));
    pairs.take_while(|gap| *gap <= STRETCH).sum()
}

/// Whether a line of the evidence is this line of a log, or the end of it.
fn is_cited(dated: &Dated, evidence: &[String]) -> bool {
    let (Signal::Log { line } | Signal::Kernel { line }) = &dated.signal else { return false };
    let line = line.trim_end();
    evidence.iter().any(|said| {
        let rest = said.strip_prefix(dated.node.as_str()).and_then(|rest| rest.strip_prefix(": "));
        let quoted = rest.and_then(|rest| rest.split_once(": ")).map(|(_, quoted)| quoted);
        quoted.is_some_and(|quoted| quoted.len() >= 12 && line.ends_with(quoted))
    })
}

/// What an answer would be so much later, were nothing to change but the clock by which it was
/// made.
fn later_by_its_clock(signal: &Signal, by: SignedDuration) -> Signal {
    let mut signal = signal.clone();
    if let Signal::Query { answer: Answer::Values { values }, .. } = &mut signal
        && let Some(now) = values.get_mut("now_ms")
        && let Ok(ms) = now.parse::<i128>()
    {
        *now = (ms + by.as_millis()).to_string();
    }
    signal
}

fn blank(detector: &'static str, verdict: Word) -> Finding {
    Finding { detector, verdict, node: None, evidence: Vec::new(), since: None, lasts_s: None, why: None, ask: None }
}

fn quiet(detector: &'static str) -> Finding {
    blank(detector, Word::Quiet)
}

fn unknown(detector: &'static str, system: &System, why: String) -> Finding {
    let ask = system.command_for(&why);
    Finding { why: Some(why), ask, ..blank(detector, Word::Unknown) }
}

fn rank(word: Word) -> u8 {
    match word {
        Word::Fired => 0,
        Word::IfItLasts => 1,
        Word::Unknown => 2,
        Word::Quiet => 3,
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(signed(by)).unwrap_or(at)
}

fn apart(one: &Look, next: &Look) -> Duration {
    Duration::try_from(next.at.duration_since(one.at)).unwrap_or_default()
}

/// One step, two steps, … up to that length.
fn steps(length: Duration) -> impl Iterator<Item = Duration> {
    (1..).map(|count| STEP * count).take_while(move |step| *step < length)
}

#[cfg(test)]
mod tests;
