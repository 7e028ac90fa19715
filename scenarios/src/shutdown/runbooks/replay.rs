//! Doing the lost work again.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
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
        let some = sql::psql(operator, &sql::overdue(self.age_limit)).await?;
        // What a replica finds in a table when it starts, it has in hand from then on, though
        // the row is older: it has its time, too.
        for owner in Owner::up_of(operator, &some).await? {
            tokio::time::sleep(self.age_limit.saturating_sub(owner.age)).await;
        }
        let overdue = sql::psql(operator, &sql::overdue(self.age_limit)).await?;
        if overdue.is_empty() {
            return Ok(Conclusion::NothingToDo);
        }
        if let Some(why) = objection(operator, &overdue).await? {
            return Ok(Conclusion::Refused { why });
        }
        let name = format!("replay the {} requests that are overdue", overdue.len());
        operator.step(&name, sql::psql(operator, &sql::replay(&overdue))).await?;
        match sql::count(operator, &sql::left(&overdue)).await? {
            0 => Ok(Conclusion::Done),
            some => Err(Error::failed(format!("{some} of the replayed requests are still without their effect"))),
        }
    }
}

/// Why a replay is wrong here: whoever has these rows in hand may still do them, and does
/// not look whether somebody else has. A service that keeps its intents in a table needs
/// no replay but a worker.
async fn objection(operator: &Operator<'_>, overdue: &[String]) -> Result<Option<String>> {
    if sql::count(operator, &sql::kept(overdue)).await? > 0 {
        return Ok(Some("the service keeps these intents in a table: start a replica, it will do them".into()));
    }
    for owner in Owner::up_of(operator, overdue).await? {
        if owner.has_in_hand(operator, overdue).await? {
            let name = owner.name;
            let why = format!("{name} is alive and may still have some of them in hand: find out why it is late");
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// A replica that took rows, and runs.
struct Owner {
    name: String,
    /// How long its process has run.
    age: Duration,
}

impl Owner {
    async fn up_of(operator: &Operator<'_>, ids: &[String]) -> Result<Vec<Self>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut up = Vec::new();
        for name in sql::psql(operator, &sql::owners(ids)).await? {
            let known = APPS.contains(&name.as_str()) && operator.nodes().contains(&name.as_str());
            if known && operator.is_up(&name).await? {
                let age = age_of_first_process(operator, &name).await?;
                up.push(Self { name, age });
            }
        }
        Ok(up)
    }

    /// Whether any of these rows came to it since it started: what it had in memory before
    /// that it has no more.
    async fn has_in_hand(&self, operator: &Operator<'_>, ids: &[String]) -> Result<bool> {
        Ok(sql::count(operator, &sql::taken_since(ids, &self.name, self.age)).await? > 0)
    }
}

/// How long a container's first process has run, by the kernel: the 22nd field of its
/// `stat` is its start, in hundredths of a second since the machine's (proc(5)). The times
/// of files in `/proc` are those of the first look at them.
async fn age_of_first_process(operator: &Operator<'_>, node: &str) -> Result<Duration> {
    let text = operator.must(node, &["cat", "/proc/uptime", "/proc/1/stat"]).await?;
    let uptime = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let start = after_name.split(' ').nth(19).and_then(|word| word.parse::<f64>().ok());
    let age = uptime.zip(start).map(|(uptime, start)| (uptime - start / 100.0).max(0.0));
    age.map(Duration::from_secs_f64)
        .ok_or_else(|| Error::failed(format!("{node} does not tell when its first process started: {text:?}")))
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
        let unmatched = sql::psql(operator, &sql::overdue(Duration::ZERO)).await?;
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
