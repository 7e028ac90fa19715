//! What a drill has come to, for people and machines.

use std::collections::BTreeSet;

use reenact_core::drill::Verdict;
use reenact_run::{
    campaign::{Kind, Scenario},
    drill::{Drilled, Ran},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::table;

/// So many ids are told to people.
const SOME: usize = 12;

/// A recovery on one scenario: called, and called and killed on the way.
pub struct Drill {
    /// The scenario.
    pub scenario: String,
    /// The command, as a shell reads it.
    pub command: String,
    /// What came of it where nobody killed it.
    pub plain: Drilled,
    /// After how many commands it was killed, and what came of it when it was called again.
    pub kills: Vec<(usize, Kill)>,
    /// What a person said that it was.
    pub found: Option<Found>,
    /// The folder of the first run.
    pub run_dir: std::path::PathBuf,
}

/// What a person said that it was: a diagnosis, or [`NOTHING`].
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// In their words, chosen from a list.
    pub said: String,
    /// Whether it may be said of the scenario.
    pub right: bool,
}

/// Nothing is broken.
const NOTHING: &str = "nothing";

impl Found {
    /// What a person may choose from in a system: the diagnoses of all its scenarios.
    pub fn choices<'a>(of_system: impl Iterator<Item = &'a Scenario>) -> Vec<String> {
        let all: BTreeSet<_> = of_system.flat_map(Scenario::expected).collect();
        all.into_iter().chain([NOTHING]).map(str::to_owned).collect()
    }

    /// What was said of a scenario.
    pub fn of(scenario: &Scenario, said: String) -> Self {
        let right = match scenario.kind {
            Kind::Twin => said == NOTHING,
            Kind::Incident => scenario.expected().contains(&said.as_str()),
        };
        Self { said, right }
    }
}

/// What came of one that was killed on the way.
pub enum Kill {
    /// It was, and was called again.
    Drilled(Box<Drilled>),
    /// It came to its end with fewer commands.
    Fewer,
    /// Nothing: the incident did not come alive, say.
    Nothing(String),
}

impl Drill {
    /// What is said of it in all.
    pub fn verdict(&self) -> Verdict {
        let is_bad = |kill: &Kill| matches!(kill, Kill::Drilled(drilled) if drilled.verdict != Verdict::Healed);
        match self.plain.verdict {
            Verdict::Healed if self.kills.iter().any(|(_, kill)| is_bad(kill)) => Verdict::NotKillSafe,
            verdict => verdict,
        }
    }

    /// Whether a kill has proved nothing.
    pub fn is_unproved(&self) -> bool {
        self.kills.iter().any(|(_, kill)| matches!(kill, Kill::Nothing(_)))
    }

    /// The exit code that it calls for: only what heals in each case is a success.
    pub fn exit_code(&self) -> u8 {
        match self.verdict() {
            Verdict::Healed if self.is_unproved() => 4,
            Verdict::Healed => 0,
            _ => 1,
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let kill = |(after, kill): &(usize, Kill)| match kill {
            Kill::Drilled(drilled) => json!({ "after": after, "verdict": drilled.verdict, "why": drilled.why }),
            Kill::Fewer => json!({ "after": after, "verdict": null, "why": "it ended with fewer commands" }),
            Kill::Nothing(why) => json!({ "after": after, "verdict": null, "why": why }),
        };
        let Drilled {
            found, recover_ms, recover_from_detection_ms, unavailable_ms, commands, ending, why, again, ..
        } = &self.plain;
        json!({
            "scenario": self.scenario,
            "command": self.command,
            "verdict": self.verdict(),
            "why": why,
            "ending": ending.to_string(),
            "lost": found.lost,
            "lost_count": found.lost.len(),
            "acknowledged": found.acknowledged,
            "recover_ms": recover_ms,
            "recover_from_detection_ms": recover_from_detection_ms,
            "unavailable_ms": unavailable_ms,
            "commands": commands.len(),
            "found": self.found,
            "again": again,
            "kills": self.kills.iter().map(kill).collect::<Vec<_>>(),
            "run_dir": self.run_dir,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let Drilled { found, commands, ending, why, verdict, again, .. } = &self.plain;
        let mut lines = vec![
            format!("{}: {}", self.verdict().to_string().to_uppercase(), self.command),
            format!("  on         {}", self.scenario),
            format!("  called     {verdict}: {why}"),
            format!("  ended      {ending}, after {} commands", commands.len()),
            format!("  time       {}", times(&self.plain)),
        ];
        if !found.lost.is_empty() {
            let some: Vec<_> = found.lost.iter().take(SOME).map(u64::to_string).collect();
            let more = if found.lost.len() > SOME { ", …" } else { "" };
            let (lost, all) = (found.lost.len(), found.acknowledged);
            lines.push(format!("  lost       {lost} of {all} acknowledged writes (ids {}{more})", some.join(", ")));
        }
        if let Some(done) = again {
            let said = if done.is_empty() { "nothing was changed".into() } else { done.join(", ") };
            lines.push(format!("  again      {said}"));
        }
        lines.extend(self.kills.iter().map(|(after, kill)| format!("  killed     {}", self.kill(*after, kill))));
        lines.push(format!("kept in {}", self.run_dir.display()));
        lines.join("\n")
    }

    fn kill(&self, after: usize, kill: &Kill) -> String {
        let of = |ran: &Ran| format!(" ({}$ {})", ran.node, short(&ran.text));
        let at = format!("after {after}{}", self.plain.commands.get(after - 1).map(of).unwrap_or_default());
        match kill {
            Kill::Drilled(drilled) => format!("{at}, and called again: {}: {}", drilled.verdict, drilled.why),
            Kill::Fewer => format!("{at}: it ended with fewer commands"),
            Kill::Nothing(why) => format!("{at}: nothing is proved: {why}"),
        }
    }
}

/// A shell's end, for whoever sat at it.
pub fn grade(drill: &Drill, scenario: &Scenario) -> String {
    let Drilled { touched, commands, why, verdict, found, .. } = &drill.plain;
    let (list, count) = (touched.join(", "), commands.len());
    let touched = match (scenario.kind, touched.is_empty()) {
        (Kind::Twin, true) => "nothing, which was right: nothing was broken".to_owned(),
        (Kind::Twin, false) => format!("needlessly, for nothing was broken: {list}"),
        (Kind::Incident, true) => "no server".to_owned(),
        (Kind::Incident, false) => list,
    };
    let found_it = match &drill.found {
        None => "it was not said: `found` is for that".to_owned(),
        Some(Found { said, right: true }) => format!("yes: {said}"),
        Some(Found { said, right: false }) => format!("no: it was said to be {said:?}"),
    };
    [
        format!("GRADE: {}", verdict.to_string().to_uppercase()),
        format!("  it was     {}: {}", scenario.id, scenario.story),
        format!("  found      {found_it}"),
        format!("  the end    {why}"),
        format!("  time       {}", times(&drill.plain)),
        format!("  lost       {} of {} acknowledged writes", found.lost.len(), found.acknowledged),
        format!("  touched    {touched}; {count} commands"),
        format!("kept in {}", drill.run_dir.display()),
    ]
    .join("\n")
}

/// Many drills in one table.
pub fn table(drills: &[(String, Drill)]) -> String {
    let mut table =
        table::table(&["subject", "scenario", "verdict", "lost", "healthy after", "commands", "kills healed"]);
    for (name, drill) in drills {
        let healthy = drill.plain.recover_ms.map_or_else(|| "-".into(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        let killed: Vec<_> = drill.kills.iter().filter(|(_, kill)| matches!(kill, Kill::Drilled(_))).collect();
        let is_healed = |kill: &Kill| matches!(kill, Kill::Drilled(drilled) if drilled.verdict == Verdict::Healed);
        let healed = killed.iter().filter(|(_, kill)| is_healed(kill)).count();
        let kills = if killed.is_empty() { "-".into() } else { format!("{healed} of {}", killed.len()) };
        table.add_row([
            name.clone(),
            drill.scenario.clone(),
            drill.verdict().to_string(),
            drill.plain.found.lost.len().to_string(),
            healthy,
            drill.plain.commands.len().to_string(),
            kills,
        ]);
    }
    table.to_string()
}

fn times(drilled: &Drilled) -> String {
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let unavailable = format!("clients were not served for {}", seconds(drilled.unavailable_ms));
    match (drilled.recover_ms, drilled.recover_from_detection_ms) {
        (Some(call), Some(detection)) => {
            format!(
                "healthy {} after the call, {} after the detection; {unavailable}",
                seconds(call),
                seconds(detection)
            )
        }
        _ => unavailable,
    }
}

/// The begin of a text, on its line.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let begin: String = text.chars().take(MOST).collect();
    if text.chars().count() > MOST { begin + "…" } else { begin }
}

#[cfg(test)]
mod tests {
    use reenact_core::{drill::Ending, judge::Findings};

    use super::*;

    fn drilled(verdict: Verdict, lost: &[u64]) -> Drilled {
        let found = Findings { acknowledged: 532, lost: lost.iter().copied().collect(), ..Findings::default() };
        let command = Ran { node: "n2".into(), text: "galera_new_cluster".into(), code: Some(0) };
        Drilled {
            verdict,
            why: "as it was".into(),
            ending: Ending::Success,
            found,
            recover_ms: Some(17_100),
            recover_from_detection_ms: Some(18_200),
            unavailable_ms: 30_000,
            commands: vec![command],
            killed_after: None,
            touched: Vec::new(),
            again: None,
        }
    }

    fn drill(plain: Verdict, kills: Vec<(usize, Kill)>) -> Drill {
        let (scenario, command, run_dir) = ("a::b".into(), "./heal".into(), "results/x".into());
        Drill { scenario, command, plain: drilled(plain, &[]), kills, found: None, run_dir }
    }

    #[test]
    fn one_bad_end_after_a_kill_counts_against_the_whole_and_only_where_it_heals_at_all() {
        let bad = || vec![(1, Kill::Fewer), (2, Kill::Drilled(Box::new(drilled(Verdict::FalseSuccess, &[]))))];
        let of = |plain, kills| (drill(plain, kills).verdict(), 0).0;
        assert_eq!(of(Verdict::Healed, bad()), Verdict::NotKillSafe);
        assert_eq!(of(Verdict::Harm, bad()), Verdict::Harm);
        assert_eq!(
            of(Verdict::Healed, vec![(1, Kill::Drilled(Box::new(drilled(Verdict::Healed, &[]))))]),
            Verdict::Healed
        );
    }

    #[test]
    fn only_a_heal_in_each_case_is_a_success() {
        assert_eq!(drill(Verdict::Healed, Vec::new()).exit_code(), 0);
        assert_eq!(drill(Verdict::Healed, vec![(1, Kill::Nothing("no".into()))]).exit_code(), 4);
        use Verdict::{FalseSuccess, Harm, HealedWithLoss, NotKillSafe, Refused, Stuck};
        for verdict in [HealedWithLoss, FalseSuccess, Refused, Stuck, Harm, NotKillSafe] {
            assert_eq!(drill(verdict, Vec::new()).exit_code(), 1, "{verdict}");
        }
    }

    #[test]
    fn what_a_person_said_is_graded_by_what_may_be_said_of_the_scenario() {
        let scenario = |kind| {
            let mut scenario = Scenario::told("a::b", kind);
            scenario.detector = (kind == Kind::Incident).then_some("a/broken");
            scenario.also = if kind == Kind::Incident { vec!["a/as_well"] } else { Vec::new() };
            scenario
        };
        let (incident, twin) = (scenario(Kind::Incident), scenario(Kind::Twin));
        let right = |scenario, said: &str| Found::of(scenario, said.into()).right;
        assert!(right(&incident, "a/broken") && right(&incident, "a/as_well") && right(&twin, NOTHING));
        assert!(!right(&incident, NOTHING) && !right(&incident, "a/other") && !right(&twin, "a/broken"));
        assert_eq!(Found::choices([&incident, &twin].into_iter()), ["a/as_well", "a/broken", NOTHING]);
        let mut told = drill(Verdict::Healed, Vec::new());
        assert!(grade(&told, &incident).contains("found      it was not said"));
        told.found = Some(Found::of(&incident, NOTHING.into()));
        let said = grade(&told, &incident);
        assert!(said.contains("found      no: it was said to be \"nothing\""), "{said}");
        assert_eq!(told.json()["found"], json!({ "said": "nothing", "right": false }));
    }

    #[test]
    fn what_was_lost_is_told_by_its_ids() {
        let lost: BTreeSet<u64> = (1..=187).collect();
        let mut told = drill(Verdict::HealedWithLoss, Vec::new());
        told.plain.found.lost = lost;
        assert!(told.text().contains("187 of 532 acknowledged writes (ids 1, 2,"), "{}", told.text());
        let json = told.json();
        assert_eq!((&json["lost_count"], json["lost"].as_array().map(Vec::len)), (&json!(187), Some(187)));
        assert_eq!((json["verdict"].as_str(), json["recover_ms"].as_u64()), (Some("healed_with_loss"), Some(17_100)));
    }
}
