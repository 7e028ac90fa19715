//! A drill: a recovery that somebody brings, in the operator's place. What is said of it comes
//! from the judge and from the system itself, never from the recovery's own words.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    judge::Findings,
    probe::Moment,
    workload::{Ack, Entry},
};

/// Clients without an acknowledged write for longer than this were not served.
const GAP: Duration = Duration::from_secs(1);

/// What is said of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every node serves, and no acknowledged write is missing.
    Healed,
    /// Every node serves, and acknowledged writes are missing on all of them.
    HealedWithLoss,
    /// It claims success, and the system is not healthy.
    FalseSuccess,
    /// It refuses by an exit code that was stated, and nothing has changed.
    Refused,
    /// It has ended, or was ended, and the system is as broken as before or otherwise.
    Stuck,
    /// It did harm: nodes that differ, writes lost where somebody serves, effects twice.
    Harm,
    /// It heals, but not where it was killed on the way and called again.
    NotKillSafe,
}

/// For people.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healed => "healed",
            Self::HealedWithLoss => "healed with loss",
            Self::FalseSuccess => "false success",
            Self::Refused => "refused",
            Self::Stuck => "stuck",
            Self::Harm => "harm",
            Self::NotKillSafe => "not kill-safe",
        })
    }
}

/// How a call of a recovery ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With exit code 0: it claims success.
    Success,
    /// With an exit code of which its owner has said that it means: I do not dare.
    Refused(i32),
    /// Not at all: it goes on, on the nodes, and claims nothing.
    GoesOn,
    /// With another exit code; one above 128 is a signal's.
    Failed(i32),
    /// It was still at it at the limit, and was killed.
    Late,
    /// It was killed on purpose, after so many commands.
    Killed(usize),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("exit code 0"),
            Self::GoesOn => f.write_str("it goes on, on the nodes"),
            Self::Refused(code) => write!(f, "exit code {code}, a refusal"),
            Self::Failed(126) => f.write_str("exit code 126 (not executable?)"),
            Self::Failed(127) => f.write_str("exit code 127 (command not found?)"),
            Self::Failed(code) => write!(f, "exit code {code}"),
            Self::Late => f.write_str("killed at the limit"),
            Self::Killed(after) => write!(f, "killed after command {after}"),
        }
    }
}

/// What is known once a recovery has ended, and the system had its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How its last call ended.
    pub ending: Ending,
    /// Why the system is not healthy; `None`: every node serves.
    pub unhealthy: Option<String>,
    /// What the judge found: on all nodes where the system is healthy, else on those that can
    /// be asked, and only what was not so before the call.
    pub found: Findings,
    /// Where it refused: what changed all the same, such as a server that was restarted.
    pub changed: Vec<String>,
}

impl Facts {
    /// The verdict, and why.
    pub fn verdict(&self) -> (Verdict, String) {
        let (found, lost) = (&self.found, self.found.lost.len());
        // What is lost is read no more, either: that is the same loss.
        let misread = found.misread.difference(&found.lost).copied().collect();
        let beside_loss = Findings { lost: BTreeSet::new(), misread, ..found.clone() };
        match &self.unhealthy {
            None if !beside_loss.is_clean() => (Verdict::Harm, format!("every node serves, and {found}")),
            None if lost > 0 => (Verdict::HealedWithLoss, format!("every node serves, and {found}")),
            None => (Verdict::Healed, format!("every node serves; {found}")),
            Some(why) if !found.is_clean() => (Verdict::Harm, format!("{found}, on those who serve; {why}")),
            Some(why) => self.unharmed(why),
        }
    }

    /// Of a system that is not healthy, and holds what it should.
    fn unharmed(&self, why: &str) -> (Verdict, String) {
        match &self.ending {
            Ending::Success => (Verdict::FalseSuccess, format!("it claims success; {why}")),
            Ending::Refused(code) if self.changed.is_empty() => {
                (Verdict::Refused, format!("it refused (exit code {code}), and nothing has changed"))
            }
            Ending::Refused(code) => {
                let changed = self.changed.join(", ");
                (Verdict::Stuck, format!("it refused (exit code {code}), but {changed}; {why}"))
            }
            other => (Verdict::Stuck, format!("{other}; {why}")),
        }
    }
}

/// For how long clients were not served between two moments: gaps of over a second between
/// acknowledged writes.
pub fn unavailable(entries: &[Entry], from: Moment, to: Moment) -> Duration {
    let acknowledged = entries.iter().filter(|entry| entry.ack == Ack::Ok && entry.to >= from && entry.to <= to);
    let mut moments: Vec<_> = acknowledged.map(|entry| entry.to).chain([from, to]).collect();
    moments.sort_unstable();
    let gaps = moments.windows(2).map(|pair| pair[1].since(pair[0]));
    gaps.filter(|gap| *gap > GAP).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(ending: Ending, unhealthy: Option<&str>, lost: &[u64]) -> Facts {
        let found = Findings { acknowledged: 9, lost: lost.iter().copied().collect(), ..Findings::default() };
        Facts { ending, unhealthy: unhealthy.map(str::to_owned), found, changed: Vec::new() }
    }

    #[test]
    fn what_it_claims_counts_only_against_it() {
        let says = |ending, unhealthy, lost: &[u64]| facts(ending, unhealthy, lost).verdict().0;
        let broken = Some("n1 is down");
        for (ending, down) in [
            (Ending::Success, Verdict::FalseSuccess),
            (Ending::Refused(3), Verdict::Refused),
            (Ending::Failed(1), Verdict::Stuck),
            (Ending::Late, Verdict::Stuck),
            (Ending::GoesOn, Verdict::Stuck),
        ] {
            assert_eq!(says(ending.clone(), None, &[]), Verdict::Healed, "{ending}");
            assert_eq!(says(ending.clone(), None, &[7]), Verdict::HealedWithLoss, "{ending}");
            assert_eq!(says(ending.clone(), broken, &[]), down, "{ending}");
            assert_eq!(says(ending.clone(), broken, &[7]), Verdict::Harm, "{ending}");
        }
    }

    #[test]
    fn what_is_lost_and_therefore_not_read_is_one_loss() {
        let mut loss = facts(Ending::Success, None, &[7]);
        loss.found.misread.insert(7);
        assert_eq!(loss.verdict().0, Verdict::HealedWithLoss);
        loss.found.misread.insert(8);
        assert_eq!(loss.verdict().0, Verdict::Harm);
    }

    #[test]
    fn nodes_that_differ_are_harm_however_well_they_look() {
        let mut split = facts(Ending::Success, None, &[7]);
        split.found.divergent.insert(7);
        assert_eq!(split.verdict().0, Verdict::Harm);
        let twice = Findings { repeated: BTreeSet::from([1]), ..Findings::default() };
        assert_eq!(Facts { found: twice, ..facts(Ending::Success, None, &[]) }.verdict().0, Verdict::Harm);
    }

    #[test]
    fn who_refuses_and_changes_something_does_not_refuse() {
        let restarted = vec!["n2: mariadbd was restarted".to_owned()];
        let facts = Facts { changed: restarted, ..facts(Ending::Refused(3), Some("n1 is down"), &[]) };
        let (verdict, why) = facts.verdict();
        assert_eq!(verdict, Verdict::Stuck);
        assert!(why.contains("n2: mariadbd was restarted"), "{why}");
    }

    #[test]
    fn clients_are_not_served_in_gaps_of_over_a_second_and_writes_that_failed_fill_none() {
        let entry = |at: u64, ack: Ack| Entry {
            id: at,
            client: 0,
            value: 0,
            node: "n1".into(),
            from: Moment(at),
            to: Moment(at),
            ack,
        };
        let failed = || Ack::Failed { why: String::new() };
        let all = [
            entry(500, Ack::Ok),
            entry(1000, Ack::Ok),
            entry(3000, failed()),
            entry(6000, Ack::Ok),
            entry(6900, Ack::Ok),
        ];
        assert_eq!(unavailable(&all, Moment(900), Moment(7000)), Duration::from_secs(5));
        assert_eq!(unavailable(&all, Moment(900), Moment(9000)), Duration::from_millis(7100));
        assert_eq!(unavailable(&[], Moment(0), Moment(2500)), Duration::from_millis(2500));
    }
}
