//! Doing the lost work again.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    runbook::{Conclusion, Operator, Runbook},
};

use super::{super::APPS, sql};

/// Holds intent against effect, and does again exactly what is without its effect, each
/// at most once. Rows that are younger than the limit may still be done by whoever has
/// them in hand and are left alone.
#[derive(Debug)]
pub(crate) struct ReplayReconciled {
    /// When a row is overdue: above the work's time, the queue's and the grace.
    pub(crate) age_limit: Duration,
}

impl fmt::Display for ReplayReconciled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("replay what is without its effect, each at most once")
    }
}

#[async_trait]
impl Runbook for ReplayReconciled {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let overdue = sql::reconcile(operator, self.age_limit).await?;
        if overdue.is_empty() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = objection(operator, &overdue).await? {
            return Ok(Conclusion::Refused { why });
        }
        let name = format!("replay the {} requests that are overdue", overdue.len());
        operator.step(&name, sql::psql(operator, &sql::replay(&overdue))).await?;
        sql::all_are_done(operator, &overdue).await?;
        Ok(Conclusion::Done)
    }
}

/// Why a replay is wrong here: whoever has these rows in hand may still do them, and does
/// not look whether somebody else has. A service that keeps its intents in a table needs
/// no replay but a worker.
async fn objection(operator: &Operator<'_>, overdue: &[String]) -> Result<Option<String>> {
    let ids = overdue.join(", ");
    let kept = format!("SELECT count(*) FROM intents WHERE done_at IS NULL AND request_id IN ({ids})");
    if sql::psql(operator, &kept).await? != ["0"] {
        return Ok(Some("the service keeps these intents in a table: start a replica, it will do them".into()));
    }
    let owners = format!("SELECT DISTINCT instance FROM requests WHERE id IN ({ids})");
    for owner in sql::psql(operator, &owners).await? {
        let known = APPS.contains(&owner.as_str()) && operator.nodes().contains(&owner.as_str());
        if known && operator.is_up(&owner).await? && has_in_hand(operator, &owner, &ids).await? {
            let why = format!("{owner} is alive and may still have some of them in hand: find out why it is late");
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// Whether any of these rows came to a replica since it started: what it had in memory
/// before that it has no more.
async fn has_in_hand(operator: &Operator<'_>, owner: &str, ids: &str) -> Result<bool> {
    let started = operator.must(owner, &["stat", "-c", "%Y", "/proc/1"]).await?;
    let since = format!(
        "SELECT count(*) FROM requests WHERE id IN ({ids}) AND instance = '{owner}' \
         AND created_at >= to_timestamp({started})"
    );
    Ok(sql::psql(operator, &since).await? != ["0"])
}

/// Wrong: does again whatever has no flag at this moment, without looking at its age or
/// whether it was done meanwhile.
#[derive(Debug)]
pub(crate) struct ReplayBlindly;

impl fmt::Display for ReplayBlindly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("replay all that has no flag now, twice to be sure")
    }
}

#[async_trait]
impl Runbook for ReplayBlindly {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let unmatched = sql::reconcile(operator, Duration::ZERO).await?;
        if unmatched.is_empty() {
            return Ok(Conclusion::NothingToDo);
        }
        let blind = sql::execute(&format!("id IN ({})", unmatched.join(", ")));
        for time in ["first", "second"] {
            operator.step(&format!("replay, the {time} time"), sql::psql(operator, &blind)).await?;
        }
        Ok(Conclusion::Done)
    }
}

/// Wrong: does all of today's requests again, to be on the safe side.
#[derive(Debug)]
pub(crate) struct ReplayEverything;

impl fmt::Display for ReplayEverything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("replay every request")
    }
}

#[async_trait]
impl Runbook for ReplayEverything {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        operator.step("replay everything", sql::psql(operator, &sql::execute("true"))).await?;
        Ok(Conclusion::Done)
    }
}
