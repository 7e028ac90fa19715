//! An IaaS that behaves otherwise: a network that fails, a CPI that retries or is slow. What
//! is written is its `behaviour.json`; healed, calls that hang go on.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Result,
    fault::{Effect, Fault, Undo},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{Director, iaas::Iaas, manifest};

/// A zone's network fails: calls into it hang, and the agents in it fall silent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubnetUnreachable {
    /// The zone, such as `z3`.
    pub(crate) az: String,
}

/// CPI calls do something else than they should. The first rule that fits a call decides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallsBehave {
    /// The rules.
    pub(crate) rules: Vec<Rule>,
}

/// What the `create_vm` calls of a zone or of an instance group do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// The call, such as `create_vm`; `drain` for the agents' drain scripts.
    pub(crate) method: String,
    /// Only those in that zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) az: Option<String>,
    /// Only those for that instance group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<String>,
    /// What they do.
    #[serde(rename = "do")]
    pub(crate) outcome: Outcome,
    /// How long they take, in milliseconds.
    pub(crate) ms: u64,
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It succeeds.
    Ok,
    /// It fails in a way that the director tries again: five times in all.
    Retry,
    /// It fails.
    Error,
    /// It never returns. Of a drain: also when the fault is healed, since the script waits
    /// for something that does not come any more.
    Hang,
}

impl CallsBehave {
    /// Every `create_vm` in z3 takes so long and succeeds.
    pub(crate) fn slow(ms: u64) -> Self {
        Self { rules: vec![Rule { az: Some("z3".into()), ..Rule::create_vm(Outcome::Ok, ms) }] }
    }

    /// Every `create_vm` of these instance groups takes so long and succeeds.
    pub(crate) fn slow_for(groups: &[&str], ms: u64) -> Self {
        let rule = |group: &&str| Rule { instance: Some((*group).into()), ..Rule::create_vm(Outcome::Ok, ms) };
        Self { rules: groups.iter().map(rule).collect() }
    }

    /// Every `create_vm` in z3 fails after that time and is tried again.
    pub(crate) fn retried(ms: u64) -> Self {
        Self { rules: vec![Rule { az: Some("z3".into()), ..Rule::create_vm(Outcome::Retry, ms) }] }
    }

    /// Every drain script in z3 takes so long.
    pub(crate) fn slow_drains(ms: u64) -> Self {
        Self {
            rules: vec![Rule {
                method: "drain".into(),
                az: Some("z3".into()),
                instance: None,
                outcome: Outcome::Ok,
                ms,
            }],
        }
    }

    /// Every drain script that begins in z3 never ends.
    pub(crate) fn drains_hang() -> Self {
        let mut hang = Self::slow_drains(0);
        hang.rules[0].outcome = Outcome::Hang;
        hang
    }

    fn written(&self) -> Value {
        json!(self.rules)
    }
}

impl Rule {
    fn create_vm(outcome: Outcome, ms: u64) -> Self {
        Self { method: "create_vm".into(), az: None, instance: None, outcome, ms }
    }
}

/// Changes how it behaves, once.
async fn change(iaas: &Iaas, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut behaviour = iaas.behaviour().await?;
    change(&mut behaviour);
    iaas.behave(&behaviour).await
}

#[async_trait]
impl Fault<Director> for SubnetUnreachable {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let (iaas, range) = (director.iaas.clone(), manifest::range(&self.az)?);
        change(&iaas, |behaviour| {
            if let Some(reachable) = behaviour["reachable"].as_array_mut() {
                reachable.retain(|one| one != range);
            }
        })
        .await?;
        Ok(Undo::by(async move {
            let again = |behaviour: &mut Value| {
                if let Some(reachable) = behaviour["reachable"].as_array_mut() {
                    reachable.push(json!(range));
                }
            };
            change(&iaas, again).await
        }))
    }

    async fn effect(&self, director: &Director) -> Result<Effect> {
        let (behaviour, range) = (director.iaas.behaviour().await?, manifest::range(&self.az)?);
        let is_lost = behaviour["reachable"].as_array().is_some_and(|all| all.iter().all(|one| one != range));
        Ok(Effect::new(is_lost, format!("the IaaS behaves as {behaviour}")))
    }
}

#[async_trait]
impl Fault<Director> for CallsBehave {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let (iaas, rules) = (director.iaas.clone(), self.written());
        change(&iaas, |behaviour| behaviour["rules"] = rules).await?;
        Ok(Undo::by(async move { change(&iaas, |behaviour| behaviour["rules"] = json!([])).await }))
    }

    async fn effect(&self, director: &Director) -> Result<Effect> {
        let behaviour = director.iaas.behaviour().await?;
        Ok(Effect::new(behaviour["rules"] == self.written(), format!("the IaaS behaves as {behaviour}")))
    }
}

impl fmt::Display for SubnetUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s network is unreachable", self.az)
    }
}

impl fmt::Display for CallsBehave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<_> = self.rules.iter().map(Rule::to_string).collect();
        f.write_str(&told.join(", "))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, az, instance, outcome, ms } = self;
        write!(f, "{method}")?;
        for place in [az, instance].into_iter().flatten() {
            write!(f, " for {place}")?;
        }
        let seconds = f64::from(u32::try_from(*ms).unwrap_or(u32::MAX)) / 1_000.0;
        match outcome {
            Outcome::Ok => write!(f, " takes {seconds} s"),
            Outcome::Retry => write!(f, " fails after {seconds} s and is tried again"),
            Outcome::Error => write!(f, " fails after {seconds} s"),
            Outcome::Hang => write!(f, " never ends"),
        }
    }
}
