//! The deployment's lock: when it is renewed, runs out, and is listed.

use std::time::SystemTime;

use reenact::{Error, incident::*, poll::Look};
use serde_json::Value;

use super::{
    super::{
        Director, Pace,
        api::{Api, Trouble},
        manifest::{PAASTA, PAASTA_LOCK},
    },
    SOON, rows_say,
};

/// How long a lock still lives.
const LEFT: &str = "expired_at - now() AT TIME ZONE 'UTC'";

/// Waits for the moment after the deployment's lock was renewed: it is then left for two
/// renewals.
pub(in super::super) fn renewed(pace: Pace) -> Action<Director> {
    let fresh = pace.production(215).as_secs_f64();
    let sql = format!("SELECT {LEFT} > interval '{fresh} seconds' FROM locks WHERE name = '{PAASTA_LOCK}'");
    rows_say("the lock is renewed", sql, "t", SOON)
}

/// Waits until the deployment's lock, which nobody renews, lives for so many seconds of
/// production at the most. The row is still there: what it names is told by it.
pub(in super::super) fn lock_is_left(pace: Pace, seconds: u64) -> Action<Director> {
    let left = pace.production(seconds).as_secs_f64();
    let sql = format!("SELECT {LEFT} < interval '{left} seconds' FROM locks WHERE name = '{PAASTA_LOCK}'");
    rows_say("the lock runs out", sql, "t", pace.production(241) + SOON)
}

/// Waits until no lock lives for longer than so many seconds of production without a
/// renewal.
pub(in super::super) fn locks_run_out(seconds: u64) -> Action<Director> {
    wait(format!("no lock lives for more than {seconds} s of production"), SOON, move |run: &Run<Director>| {
        Box::pin(async move {
            let limit = run.system().setup.pace.production(seconds);
            match run.system().database.locks_left().await {
                Ok(left) if left <= limit => Look::Ready(()),
                Ok(left) => Look::NotYet(format!("one lives for another {left:.1?}")),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
    })
}

/// Claims that the deployment's lock has a row: else this was no look-alike.
pub(in super::super) fn lock_is_left_behind() -> Action<Director> {
    story("the dead task's lock is left behind", |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().database.lock(PAASTA_LOCK).await? {
                Some(_) => Ok(()),
                None => Err(Error::inconclusive("the dead task left no lock, so this was no look-alike")),
            }
        })
    })
}

/// Waits until each of these locks has a row, all at once.
pub(in super::super) fn locks_at_once(locks: &'static [&'static str]) -> Action<Director> {
    wait(format!("{} locks at once", locks.len()), SOON, move |run: &Run<Director>| {
        Box::pin(async move {
            for lock in locks {
                match run.system().database.lock(lock).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Look::NotYet(format!("there is no {lock}")),
                    Err(error) => return Look::NotYet(error.to_string()),
                }
            }
            Look::Ready(())
        })
    })
}

/// Claims that the lock's row names that task: it was taken over, not inserted anew.
pub(in super::super) fn lock_names(task: u64) -> Action<Director> {
    story(format!("`bosh locks` names task {task}"), move |run: &Run<Director>| {
        Box::pin(async move {
            let named = run.system().database.lock(PAASTA_LOCK).await?.map(|row| row.task_id);
            match named == Some(task.to_string()) {
                true => Ok(()),
                false => Err(Error::inconclusive(format!("the lock's row names {named:?}: it was not taken over"))),
            }
        })
    })
}

/// Waits for `bosh locks` to list the deployment's lock, and with a time that has passed.
pub(in super::super) fn lists_an_expired_lock() -> Action<Director> {
    wait("an expired lock is listed", SOON, |run: &Run<Director>| {
        Box::pin(async move {
            match listed(&run.system().api).await {
                Ok(Some(left)) if left < 0.0 => Look::Ready(()),
                Ok(Some(left)) => Look::NotYet(format!("it lives for another {left:.1} s")),
                Ok(None) => Look::Never(Error::inconclusive("the director was back too late: the row is not listed")),
                Err(why) => Look::NotYet(why),
            }
        })
    })
}

/// Waits for `bosh locks` to list the deployment's lock no more.
pub(in super::super) fn lists_no_lock() -> Action<Director> {
    wait("no lock is listed", SOON, |run: &Run<Director>| {
        Box::pin(async move {
            match listed(&run.system().api).await {
                Ok(None) => Look::Ready(()),
                Ok(Some(left)) => Look::NotYet(format!("it is listed with {left:.1} s left")),
                Err(why) => Look::NotYet(why),
            }
        })
    })
}

/// How many seconds the deployment's lock has left, as `GET /locks` lists it.
async fn listed(api: &Api) -> Result<Option<f64>, String> {
    let reply = api.ask("GET", "/locks", None).await.map_err(Trouble::why)?;
    let locks: Value = serde_json::from_str(&reply.body).map_err(|error| error.to_string())?;
    let its = |lock: &&Value| lock["resource"][0] == PAASTA;
    let Some(lock) = locks.as_array().ok_or(reply.body)?.iter().find(its) else { return Ok(None) };
    let expires: f64 = lock["timeout"].as_str().and_then(|text| text.parse().ok()).ok_or("a lock has no timeout")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Some(expires - now.as_secs_f64()))
}
