//! Which part of a campaign is this machine's: said by hand, or told by the engine that
//! started the task.

use std::{fmt, str::FromStr};

use reenact_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A part of a campaign: shard `number` of `of`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

/// A shard as it is asked for: `2/4`, or `auto` and `auto/4`, which leave the number to the
/// environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// This one.
    Given(Shard),
    /// The one that the environment tells.
    Auto {
        /// Of how many; else the environment tells that too.
        of: Option<u32>,
    },
}

/// How an engine tells a task which one it is.
struct Teller {
    /// Who does.
    engine: &'static str,
    /// The variable that holds the task's number.
    number: &'static str,
    /// The first task's number.
    first: u32,
    /// The variable that holds how many there are.
    total: Option<&'static str>,
}

/// Whoever is found first tells.
const TELLERS: [Teller; 6] = [
    Teller { engine: "the environment", number: "REENACT_SHARD", first: 1, total: Some("REENACT_SHARDS") },
    Teller { engine: "GitLab", number: "CI_NODE_INDEX", first: 1, total: Some("CI_NODE_TOTAL") },
    Teller { engine: "CircleCI", number: "CIRCLE_NODE_INDEX", first: 0, total: Some("CIRCLE_NODE_TOTAL") },
    Teller {
        engine: "Buildkite",
        number: "BUILDKITE_PARALLEL_JOB",
        first: 0,
        total: Some("BUILDKITE_PARALLEL_JOB_COUNT"),
    },
    Teller { engine: "a Kubernetes Indexed Job", number: "JOB_COMPLETION_INDEX", first: 0, total: None },
    Teller { engine: "a Swarm job", number: SLOT, first: 0, total: None },
];

/// A Swarm service has it of `--env SLOT={{.Task.Slot}}`.
const SLOT: &str = "SLOT";
/// How many letters and digits a Swarm node's id has.
const NODE_ID: usize = 25;

impl Shard {
    /// All of it, on one machine.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    fn new(number: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&number).then_some(Self { number, of })
    }

    /// Whether the thing with that index, from 0, is this shard's: every Nth one is.
    pub fn has(self, index: u64) -> bool {
        index % u64::from(self.of) == u64::from(self.number - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Asked {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let asked = match text.split_once('/') {
            None if text == "auto" => Some(Self::Auto { of: None }),
            Some(("auto", of)) => of.parse().ok().filter(|of| *of > 0).map(|of| Self::Auto { of: Some(of) }),
            Some((number, of)) => {
                let numbers = number.parse().ok().zip(of.parse().ok());
                numbers.and_then(|(number, of)| Shard::new(number, of)).map(Self::Given)
            }
            None => None,
        };
        asked.ok_or("write K/N with K from 1 to N, such as 2/4, or auto, or auto/N")
    }
}

impl Asked {
    /// The shard, with the environment's variables as `told` has them.
    ///
    /// # Errors
    /// [`Error::Usage`] if the environment tells none, or one that cannot be.
    pub fn shard(self, told: impl Fn(&str) -> Option<String>) -> Result<Shard> {
        let of = match self {
            Self::Given(shard) => return Ok(shard),
            Self::Auto { of } => of,
        };
        let found = TELLERS.iter().find_map(|teller| Some((teller, told(teller.number)?)));
        let (teller, text) = found.ok_or_else(nobody_tells)?;
        let index = teller.index(&text)?;
        let total = teller.total.and_then(|name| Some((name, told(name)?)));
        let total = total.map(|(name, text)| number(name, &text)).transpose()?;
        let of = match (of, total) {
            (Some(of), Some(total)) if of != total => {
                let what = format!("--shard auto/{of}, and {} tells of {total}", teller.engine);
                return Err(Error::usage(what, "write --shard auto: the number of shards is told"));
            }
            (of, total) => of.or(total).ok_or_else(|| teller.no_total())?,
        };
        index.checked_add(1).and_then(|number| Shard::new(number, of)).ok_or_else(|| {
            let last = i64::from(of) - 1 + i64::from(teller.first);
            let help = format!("of {of} shards, {} numbers them from {} to {last}", teller.engine, teller.first);
            Error::usage(format!("{}={text}", teller.number), help)
        })
    }
}

impl Teller {
    /// The task's place, from 0.
    fn index(&self, text: &str) -> Result<u32> {
        // Docker 20.10 takes the slot 0 for none, and gives the node's id in its place.
        if self.number == SLOT && is_node_id(text) {
            return Ok(0);
        }
        let number = number(self.number, text)?;
        number.checked_sub(self.first).ok_or_else(|| {
            let help = format!("{} numbers its tasks from {}", self.engine, self.first);
            Error::usage(format!("{}={text}", self.number), help)
        })
    }

    fn no_total(&self) -> Error {
        let what = format!("{} tells a task its number, and not how many there are", self.engine);
        Error::usage(what, "write --shard auto/N, with the number of tasks for N")
    }
}

fn number(name: &str, text: &str) -> Result<u32> {
    text.trim().parse().map_err(|_| Error::usage(format!("{name}={text}"), "a whole number is needed there"))
}

fn is_node_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() == NODE_ID && text.bytes().all(is_part)
}

fn nobody_tells() -> Error {
    let names: Vec<_> = TELLERS.iter().map(|teller| teller.number).collect();
    Error::usage(
        "--shard auto, and the environment tells no shard",
        format!(
            "set one of {}; REENACT_SHARD=K counts from 1, and REENACT_SHARDS=N says of how many",
            names.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, variables: &[(&str, &str)]) -> Result<Shard, String> {
        let told =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let asked: Asked = text.parse().map_err(str::to_owned)?;
        asked.shard(told).map_err(|error| {
            assert_eq!(error.exit_code(), 2, "{error}");
            error.to_string()
        })
    }

    const NODE: &str = "mhew7kohz31yrlbkk9xplcmvy";

    #[test]
    fn a_shard_is_told_by_hand_or_by_the_engine() {
        for (text, variables, number, of) in [
            ("2/4", &[][..], 2, 4),
            ("2/4", &[("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "9")], 2, 4),
            ("auto", &[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")], 1, 3),
            ("auto/3", &[("CI_NODE_INDEX", "3"), ("CI_NODE_TOTAL", "3")], 3, 3),
            ("auto", &[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "3")], 1, 3),
            ("auto", &[("BUILDKITE_PARALLEL_JOB", "2"), ("BUILDKITE_PARALLEL_JOB_COUNT", "3")], 3, 3),
            ("auto/8", &[("JOB_COMPLETION_INDEX", "0")], 1, 8),
            ("auto/8", &[("JOB_COMPLETION_INDEX", "7")], 8, 8),
            ("auto/8", &[("SLOT", "0")], 1, 8),
            ("auto/8", &[("SLOT", "7")], 8, 8),
            ("auto/8", &[("SLOT", NODE)], 1, 8),
            ("auto/4", &[("REENACT_SHARD", "4")], 4, 4),
            ("auto", &[("REENACT_SHARD", "4"), ("REENACT_SHARDS", "4"), ("SLOT", "1")], 4, 4),
        ] {
            assert_eq!(asked(text, variables), Ok(Shard { number, of }), "{text} {variables:?}");
        }
    }

    #[test]
    fn what_is_no_shard_is_told_with_what_would_be_one() {
        for (text, variables, words) in [
            ("0/4", &[][..], "K from 1 to N"),
            ("5/4", &[], "K from 1 to N"),
            ("auto/0", &[], "auto/N"),
            ("auto/x", &[], "auto/N"),
            ("self", &[], "auto/N"),
            ("auto", &[], "REENACT_SHARD, CI_NODE_INDEX"),
            ("auto/4", &[], "tells no shard"),
            ("auto", &[("SLOT", "1")], "--shard auto/N"),
            ("auto", &[("JOB_COMPLETION_INDEX", "1")], "--shard auto/N"),
            ("auto", &[("REENACT_SHARD", "1")], "--shard auto/N"),
            ("auto/8", &[("SLOT", "8")], "from 0 to 7"),
            ("auto/8", &[("SLOT", "4294967295")], "from 0 to 7"),
            ("auto/8", &[("SLOT", "")], "a whole number"),
            ("auto/8", &[("SLOT", "{{.Task.Slot}}")], "a whole number"),
            ("auto/8", &[("JOB_COMPLETION_INDEX", NODE)], "a whole number"),
            ("auto/8", &[("JOB_COMPLETION_INDEX", "-1")], "a whole number"),
            ("auto", &[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "3")], "from 1"),
            ("auto", &[("CI_NODE_INDEX", "4"), ("CI_NODE_TOTAL", "3")], "from 1 to 3"),
            ("auto", &[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "many")], "CI_NODE_TOTAL=many"),
            ("auto/4", &[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")], "tells of 3"),
            ("auto", &[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "0")], "CI_NODE_INDEX=1"),
        ] {
            let why = asked(text, variables).expect_err(text);
            assert!(why.contains(words), "no {words:?} in: {why}");
        }
    }
}
