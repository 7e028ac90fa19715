//! The words: what a rule did in an incident, or in a look-alike.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A rule's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// An incident: it fires, however the scrapes fall.
    Detected,
    /// An incident: it is true for a while, and does not fire each time.
    Pending,
    /// An incident: it has its series, and is not true.
    NeverTrue,
    /// An incident: series that it needs were never there.
    NoSeries,
    /// An incident: its series were there while all was healthy, and are gone now.
    Blind,
    /// An incident: it fires before anything has happened; that it fires afterwards says nothing.
    FiresWhileHealthy,
    /// A look-alike: it is not true for a moment.
    Silent,
    /// A look-alike: it is true, not long enough.
    WouldPage,
    /// A look-alike: it fires.
    FalseAlarm,
    /// Either: nothing can be said.
    NotScored,
}

impl Verdict {
    /// Its name, as machines read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Pending => "pending",
            Self::NeverTrue => "never_true",
            Self::NoSeries => "no_series",
            Self::Blind => "blind",
            Self::FiresWhileHealthy => "fires_while_healthy",
            Self::Silent => "silent",
            Self::WouldPage => "would_page",
            Self::FalseAlarm => "false_alarm",
            Self::NotScored => "not_scored",
        }
    }

    /// As people read it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Pending => "pending",
            Self::NeverTrue => "never true",
            Self::NoSeries => "NO SERIES",
            Self::Blind => "BLIND",
            Self::FiresWhileHealthy => "fires while healthy",
            Self::Silent => "silent",
            Self::WouldPage => "would page",
            Self::FalseAlarm => "FALSE ALARM",
            Self::NotScored => "not scored",
        }
    }
}

/// When a rule first was in a state and when it last was, in seconds of production after the
/// onset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spell {
    /// The first moment.
    pub from: f64,
    /// The last moment that was evaluated.
    pub to: f64,
    /// Whether it goes on after it, as far as is known.
    #[serde(default)]
    pub goes_on: bool,
}

/// One rule in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The rule's number.
    pub rule: usize,
    /// The word.
    pub verdict: Verdict,
    /// How long after the onset it fires, in seconds of production: the shortest and the longest
    /// over all alignments of the scrapes.
    pub after_s: Option<[f64; 2]>,
    /// Why, where the word does not say it all.
    pub reason: String,
    /// When it is pending, with the first alignment.
    pub pending: Option<Spell>,
    /// When it fires, with the first alignment.
    pub firing: Option<Spell>,
}

/// All rules in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The scenario's id.
    pub scenario: String,
    /// A benign look-alike.
    pub is_twin: bool,
    /// Where it was recorded.
    pub recording: PathBuf,
    /// When the first fault was injected, in milliseconds since the run began.
    pub onset_ms: u64,
    /// How many seconds of production pass in a second of the run.
    pub pace: f64,
    /// How long after the onset the detector has fired or the disturbance stands, in seconds of
    /// production.
    pub broken_s: f64,
    /// For how long that was recorded, in seconds of production.
    pub held_s: f64,
    /// For how long the control has proved that nothing changes, in seconds of production.
    pub lasts_s: Option<u64>,
    /// A row for each alert.
    pub rows: Vec<Row>,
}

impl Scored {
    /// The rules that notice it, the soonest first.
    pub fn alarms(&self) -> Vec<&Row> {
        let is = |row: &&Row| matches!(row.verdict, Verdict::Detected | Verdict::FalseAlarm);
        let mut alarms: Vec<_> = self.rows.iter().filter(is).collect();
        let when = |row: &Row| row.after_s.map_or(f64::INFINITY, |[from, _]| from);
        alarms.sort_by(|a, b| when(a).total_cmp(&when(b)).then(a.rule.cmp(&b.rule)));
        alarms
    }

    /// How many rules have this word.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// As it should be: an incident that is noticed, a look-alike without an alarm.
    pub fn is_good(&self) -> bool {
        self.alarms().is_empty() == self.is_twin
    }
}
