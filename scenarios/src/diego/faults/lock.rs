//! What goes wrong with the BBS's lock.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    testbed::Testbed,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{
    CONSULS, Diego, Setup,
    consul::{Agent, LOCK, LOCK_FLAGS},
    http::Http,
};
use crate::answer::describe;

/// Who took the key, by its value: a machine that is no more.
const GONE: &str = "bbs-of-old";

/// For how long Consul gives a key to nobody after its holder's session was destroyed,
/// unless the maker of the session asked for less: real time's is 15 s.
const LOCK_DELAY: Duration = Duration::from_millis(15_000 / Setup::SCALE as u64);

/// The BBS's key is taken away from who holds it, for somebody who is gone. Nothing takes it
/// back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockTaken {
    /// How.
    pub(crate) by: Taker,
}

/// How a key may be held for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Taker {
    /// By a session without a time to live and without checks.
    ImmortalSession,
    /// As a plain key, with the flags of no lock.
    PlainKey,
}

impl fmt::Display for LockTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.by {
            Taker::ImmortalSession => "the BBS's key is held by a session that never ends",
            Taker::PlainKey => "the BBS's key is there as a plain one",
        })
    }
}

/// The process of a BBS stands still until this is healed. (The engine's fault goes by a word
/// of the command line, and who follows the BBS's log has that too.)
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BbsFrozen {
    /// Its machine.
    pub(crate) node: String,
}

impl BbsFrozen {
    async fn pid(&self, bed: &Testbed) -> Result<u32> {
        let all = bed.node(&self.node)?.processes().await?;
        let found = all.into_iter().find(|process| process.command.trim() == "bbs");
        let none = || Error::inconclusive(format!("no BBS runs on {}", self.node));
        found.map(|process| process.pid).ok_or_else(none)
    }
}

impl fmt::Display for BbsFrozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the BBS on {} is frozen", self.node)
    }
}

#[async_trait]
impl Fault<Diego> for BbsFrozen {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let pid = self.pid(bed).await?;
        bed.shell().must(&format!("kill -STOP {pid}")).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.shell().run(&format!("kill -CONT {pid}")).await.map(drop) }))
    }

    /// The kernel's word on the process. Thawed it may be gone.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let Ok(pid) = self.pid(bed).await else { return Ok(Effect::new(false, "no BBS runs")) };
        let (_, said) = bed.shell().run(&format!("grep ^State: /proc/{pid}/status")).await?;
        Ok(Effect::new(said.contains("T (stopped)"), format!("process {pid}: {}", said.trim())))
    }
}

fn untaken(what: &str) -> impl Fn(reenact::probe::Answer) -> Error {
    move |answer| Error::inconclusive(format!("{what}: {}", describe(&answer)))
}

#[async_trait]
impl Fault<Diego> for LockTaken {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let agent = Agent::new(bed.node(CONSULS[0])?.ip(), &Http::new());
        let value = json!({"id": GONE, "url": "http://203.0.113.7:8889"});
        let taken = match self.by {
            Taker::ImmortalSession => {
                let delay = format!("{}ms", LOCK_DELAY.as_millis());
                let session = json!({"Name": GONE, "Behavior": "delete", "LockDelay": delay, "Checks": []});
                let session = agent.create_session(&session).await.map_err(untaken("a session"))?;
                agent.replace_lock("lock", LOCK_FLAGS, &session, &value).await
            }
            Taker::PlainKey => agent.replace_lock("set", 0, "", &value).await,
        };
        taken.map_err(untaken("the key"))?;
        Ok(Undo::none())
    }

    /// The key and all sessions, as a server's own commands show them.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let script = format!("consul kv get -detailed {LOCK}; curl -sS -m 5 http://127.0.0.1:8500/v1/session/list");
        let said = bed.node(CONSULS[0])?.exec(&["bash", "-c", &script]).await?.text;
        let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
        let sessions = said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or(Value::Null);
        let holder = sessions.as_array().into_iter().flatten().find(|session| session["ID"] == field("Session"));
        let (is_gone, flags) = (field("Value").contains(GONE), field("Flags"));
        let holds = is_gone
            && match self.by {
                Taker::ImmortalSession => holder.is_some_and(|session| session["TTL"] == "" && session["Name"] == GONE),
                Taker::PlainKey => holder.is_none() && flags == "0",
            };
        let seen = format!("the key: {}, flags {flags}, held by {}", field("Value"), holder.unwrap_or(&Value::Null));
        Ok(Effect::new(holds, seen))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}
