//! The recovery of a lock that is held for nobody.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{
    super::{
        BBSES, CONSULS,
        bbs::Bbs,
        consul::{Agent, LOCK, LOCK_FLAGS, Lock},
        http::Http,
    },
    consul::{self, START},
    survey::LIMIT,
    vm,
};
use crate::answer::describe;

/// What Consul may take to end a session after twice its time to live, and a BBS to have
/// the lock then.
const MORE: Duration = Duration::from_secs(10);

/// How long Consul may take to tell its leader and the key, on a loaded machine.
const AT_MOST: Duration = Duration::from_secs(10);

/// Destroys the session that holds the lock, or deletes a key that is no lock's: but only
/// where it ends in no other way, and nobody leads by it.
#[derive(Debug)]
pub(crate) struct FreeLock;

impl fmt::Display for FreeLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("free the BBS's lock of a session that never ends, or of a key that is no lock's")
    }
}

/// What is in the way.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    /// A key that no BBS will touch.
    Key,
    /// A session that does not end by itself.
    Session(String),
    /// A session that ends unless it is renewed.
    Mortal(Duration),
    /// Nothing: whoever waits can have it.
    Nothing,
}

impl Obstacle {
    fn of(lock: Option<Lock>) -> Self {
        match lock {
            None => Self::Nothing,
            Some(lock) if lock.flags != LOCK_FLAGS => Self::Key,
            Some(lock) if lock.session.is_empty() => Self::Nothing,
            Some(lock) if lock.ttl_ms == 0 => Self::Session(lock.session),
            Some(lock) => Self::Mortal(Duration::from_millis(lock.ttl_ms)),
        }
    }
}

#[async_trait]
impl Runbook for FreeLock {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let agent = consul::agent(operator, CONSULS[0])?;
        match consul::until_led(operator, CONSULS[0], AT_MOST).await {
            Err(Error::Failed(why)) => return Ok(Conclusion::Refused { why: format!("{why}: that comes first") }),
            led => led?,
        }
        let lock = agent
            .lock_now(AT_MOST)
            .await
            .map_err(|answer| Error::failed(format!("the lock: {}", describe(&answer))))?;
        if let Some(leading) = leading(operator).await? {
            return Ok(match lock {
                Some(lock) if lock.holder == leading => Conclusion::NothingToDo,
                _ => Conclusion::Refused { why: format!("{leading} leads: end it first") },
            });
        }
        match Obstacle::of(lock) {
            Obstacle::Key => operator.step("delete the key", delete_key(operator)).await?,
            Obstacle::Session(id) => operator.step("destroy the session", destroy(operator, &id)).await?,
            Obstacle::Mortal(ttl) => return ends(operator, &agent, ttl).await,
            Obstacle::Nothing => {}
        }
        operator.step("wait until a BBS leads", until_led(operator, START)).await?;
        Ok(Conclusion::Done)
    }
}

/// The BBS that answers, if one does.
async fn leading(operator: &Operator<'_>) -> Result<Option<&'static str>> {
    for node in BBSES {
        if Bbs::new(operator.ip(node)?, &Http::new()).ping(LIMIT).await.is_ok() {
            return Ok(Some(node));
        }
    }
    Ok(None)
}

async fn until_led(operator: &Operator<'_>, limit: Duration) -> Result<()> {
    poll::until("a BBS to lead", limit, || async {
        match leading(operator).await {
            Ok(Some(_)) => Look::Ready(()),
            Ok(None) => Look::NotYet("none does".into()),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// A session with a time to live ends by itself, or somebody renews it: who does lives.
async fn ends(operator: &Operator<'_>, agent: &Agent, ttl: Duration) -> Result<Conclusion> {
    let limit = 2 * ttl + MORE;
    match operator.step("wait until its session ends, and a BBS leads", until_led(operator, limit)).await {
        Ok(()) => Ok(Conclusion::Done),
        Err(Error::Failed(_)) => {
            let holder = agent.lock(LIMIT).await.ok().flatten().unwrap_or_default().holder;
            Ok(Conclusion::Refused { why: format!("somebody renews the session: its holder {holder:?} lives") })
        }
        Err(error) => Err(error),
    }
}

/// Only as it was found: with another index it is another's. One that is gone is no matter:
/// a server's copy may show it for a moment longer.
async fn delete_key(operator: &Operator<'_>) -> Result<()> {
    let url = format!("http://127.0.0.1:8500/v1/kv/{LOCK}");
    let script = format!(
        r#"said=$(curl -sS -m 10 -w '\n%{{http_code}}' '{url}') || exit
        case ${{said##*$'\n'}} in 404) exit 0 ;; 200) ;; *) echo "$said"; exit 1 ;; esac
        index=$(sed -n 's/.*"ModifyIndex": *\([0-9]*\).*/\1/p' <<<"$said")
        curl -sS -m 10 -f -X DELETE "{url}?cas=${{index:?}}" | grep true"#
    );
    vm::shell(operator, CONSULS[0], &script).await.map(drop)
}

async fn destroy(operator: &Operator<'_>, id: &str) -> Result<()> {
    let url = format!("http://127.0.0.1:8500/v1/session/destroy/{id}");
    vm::shell(operator, CONSULS[0], &format!("curl -sS -m 10 -f -X PUT {url}")).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_by_itself_is_let_be() {
        let lock =
            |flags, session: &str, ttl_ms| Some(Lock { flags, session: session.into(), ttl_ms, ..Lock::default() });
        assert_eq!(Obstacle::of(None), Obstacle::Nothing);
        assert_eq!(Obstacle::of(lock(LOCK_FLAGS, "", 0)), Obstacle::Nothing);
        assert_eq!(Obstacle::of(lock(LOCK_FLAGS, "s", 5000)), Obstacle::Mortal(Duration::from_secs(5)));
        assert_eq!(Obstacle::of(lock(LOCK_FLAGS, "s", 0)), Obstacle::Session("s".into()));
        assert_eq!(Obstacle::of(lock(0, "", 0)), Obstacle::Key);
    }
}
