//! How the fake IaaS behaves: `behaviour.json` in its directory, read anew at every call, so that a test can change it
//! while a call is in flight.
//!
//! ```json
//! { "reachable": ["10.0.1.0/24"],
//!   "unreachable": "hang",
//!   "rules": [{ "method": "create_vm", "subnet": "10.0.3.0/24", "do": "retry", "ms": 200 }],
//!   "ip_conflict": "error",
//!   "ms": 20, "boot_ms": 0 }
//! ```
//! The first rule that fits decides; with none, an address outside `reachable` (when that is given) does what
//! `unreachable` says and its agents stay silent: the report's subnet that cannot be reached. Without a file all is well.

use std::net::Ipv4Addr;
use std::path::Path;

use serde::Deserialize;

use crate::director::cloud::Range;
use crate::director::error::{During as _, Result};

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The subnets that there are; `None`: every subnet.
    pub reachable: Option<Vec<Range>>,
    /// What a call into any other subnet does.
    pub unreachable: Option<Act>,
    /// Special cases.
    pub rules: Vec<Rule>,
    /// What becomes of a `create_vm` whose address another VM has.
    pub ip_conflict: Conflict,
    /// How long a call takes that no rule says it of, in real milliseconds; 20 without a file.
    pub ms: u64,
    /// From a VM's making to its agent's first answer, in real milliseconds.
    pub boot_ms: u64,
}

/// What to do with the calls that fit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `create_vm`, `delete_vm`, …; `agent` for an agent's answers, `drain` for its drain script. `None`: any.
    #[serde(default)]
    pub method: Option<String>,
    /// The instance's availability zone.
    #[serde(default)]
    pub az: Option<String>,
    /// Where the VM's address is in.
    #[serde(default)]
    pub subnet: Option<Range>,
    /// The VM's address.
    #[serde(default)]
    pub ip: Option<Ipv4Addr>,
    /// `web` or `web/<uuid>`.
    #[serde(default)]
    pub instance: Option<String>,
    /// What happens.
    #[serde(rename = "do")]
    pub act: Act,
    /// How long it takes, in real milliseconds.
    #[serde(default)]
    pub ms: Option<u64>,
    /// What an error says.
    #[serde(default)]
    pub message: Option<String>,
}

/// What a call does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Succeeds, after its time. A slow call is this with a large `ms`.
    #[default]
    Ok,
    /// Never returns, unless the behaviour is changed meanwhile.
    Hang,
    /// Fails in a way that the director tries again: five times in all.
    Retry,
    /// Fails.
    Error,
}

/// What becomes of a second VM with the same address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// It isn't made.
    #[default]
    Error,
    /// Both are there.
    Allow,
}

/// What the IaaS knows of the VM that a call is about.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// Its address.
    pub ip: Option<Ipv4Addr>,
    /// Its zone.
    pub az: Option<String>,
    /// `web/<uuid>`
    pub instance: Option<String>,
}

/// What one call does, and how long it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What it does.
    pub act: Act,
    /// Its time.
    pub ms: u64,
    /// What an error says.
    pub message: String,
}

impl Behaviour {
    /// Reads the file; without one, all is well.
    ///
    /// # Errors
    /// When it is there and no behaviour.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).during(|| format!("{} is no behaviour", path.display())),
            Err(_) => Ok(Self { ms: 20, ..Self::default() }),
        }
    }

    /// What a call of `method` about `subject` does.
    pub fn decide(&self, method: &str, subject: &Subject) -> Decision {
        let decision = |act, ms: Option<u64>, message: Option<&String>| Decision {
            act,
            ms: ms.unwrap_or(self.ms),
            message: message.cloned().unwrap_or_else(|| format!("the IaaS refuses {method}")),
        };
        if let Some(rule) = self.rules.iter().find(|rule| rule.fits(method, subject)) {
            return decision(rule.act, rule.ms, rule.message.as_ref());
        }
        let outside = match (&self.reachable, subject.ip) {
            (Some(subnets), Some(ip)) => !subnets.iter().any(|subnet| subnet.contains(&ip)),
            _ => false,
        };
        let act = if outside && enters_the_network(method) { self.unreachable.unwrap_or(Act::Hang) } else { Act::Ok };
        decision(act, None, None)
    }
}

/// Whether the call needs the VM's network: the others only ask the IaaS about what it has.
fn enters_the_network(method: &str) -> bool {
    matches!(method, "create_vm" | "agent" | "reboot_vm")
}

impl Rule {
    fn fits(&self, method: &str, subject: &Subject) -> bool {
        let instance = |wanted: &String| {
            subject.instance.as_deref().is_some_and(|name| {
                name == wanted || name.split('/').next() == Some(wanted) || name.split('/').nth(1) == Some(wanted)
            })
        };
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.az.as_ref().is_none_or(|wanted| subject.az.as_ref() == Some(wanted))
            && self.ip.is_none_or(|wanted| subject.ip == Some(wanted))
            && self.subnet.is_none_or(|wanted| subject.ip.is_some_and(|ip| wanted.contains(&ip)))
            && self.instance.as_ref().is_none_or(instance)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn subject(ip: &str, az: &str) -> Subject {
        Subject { ip: ip.parse().ok(), az: Some(az.to_owned()), instance: Some("web/u1".to_owned()) }
    }

    fn behaviour(text: &str) -> Behaviour {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_unreachable_subnet_hangs_what_enters_it_and_nothing_else() {
        let behaviour = behaviour(r#"{"reachable": ["10.0.1.0/24"]}"#);
        assert_eq!(behaviour.decide("create_vm", &subject("10.0.1.9", "z1")).act, Act::Ok);
        assert_eq!(behaviour.decide("create_vm", &subject("10.0.9.9", "z1")).act, Act::Hang);
        assert_eq!(behaviour.decide("agent", &subject("10.0.9.9", "z1")).act, Act::Hang);
        assert_eq!(behaviour.decide("delete_vm", &subject("10.0.9.9", "z1")).act, Act::Ok);
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let text = r#"{"reachable": [], "rules": [{"method": "create_vm", "az": "z2", "do": "retry", "ms": 7},
            {"instance": "web", "do": "error", "message": "no"}]}"#;
        let behaviour = behaviour(text);
        let decided = behaviour.decide("create_vm", &subject("10.0.1.9", "z2"));
        assert_eq!((decided.act, decided.ms), (Act::Retry, 7));
        assert_eq!(behaviour.decide("has_vm", &subject("10.0.1.9", "z2")).message, "no");
        assert_eq!(behaviour.decide("agent", &Subject::default()).act, Act::Ok);
    }

    #[test]
    fn a_misspelt_behaviour_is_refused() {
        assert!(serde_json::from_str::<Behaviour>(r#"{"reachabel": []}"#).is_err());
    }
}
