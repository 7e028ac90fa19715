//! The recovery where the intents are rows.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reenact::{
    Result,
    poll::{self, Look},
    runbook::{Conclusion, Operator, Runbook},
};

use super::{ReplayReconciled, sql};

/// How long the service may take to start and to work off what it finds.
const LIMIT: Duration = Duration::from_secs(30);

/// Starts a replica of a service that keeps its intents in a table, and waits until it
/// has worked them off.
#[derive(Debug)]
pub(crate) struct StartReplica(pub(crate) &'static str);

impl fmt::Display for StartReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start {}, which finds its intents in the table", self.0)
    }
}

#[async_trait]
impl Runbook for StartReplica {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if operator.is_up(self.0).await? {
            return Ok(Conclusion::NothingToDo);
        }
        let lost = sql::count(operator, &sql::in_no_table()).await?;
        if lost > 0 {
            let why = format!("the work of {lost} rows is in no table: a start would not bring it back, replay it");
            return Ok(Conclusion::Refused { why });
        }
        start(operator, self.0).await?;
        Ok(Conclusion::Done)
    }
}

/// Starts the replica and waits until it has worked off what it finds. Clients come back
/// with it: only what was open before is waited for.
async fn start(operator: &Operator<'_>, node: &str) -> Result<()> {
    let last = sql::count(operator, sql::LAST_INTENT).await?;
    operator.step(&format!("start {node}"), operator.power_on(node)).await?;
    poll::until("every intent to be worked off", LIMIT, || async {
        match sql::count(operator, &sql::open_up_to(last)).await {
            Ok(0) => Look::Ready(()),
            Ok(some) => Look::NotYet(format!("{some} are open")),
            Err(error) => Look::NotYet(error.to_string()),
        }
    })
    .await
}

/// Starts a replica of a service that forgets its intents before it does their work: what
/// is still in the table it does, and the rest is replayed.
#[derive(Debug)]
pub(crate) struct StartAndReplay {
    /// The replica.
    pub(crate) node: &'static str,
    /// See [`ReplayReconciled`].
    pub(crate) age_limit: Duration,
}

impl fmt::Display for StartAndReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start {}, then replay what is still without its effect", self.node)
    }
}

#[async_trait]
impl Runbook for StartAndReplay {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let up = operator.is_up(self.node).await?;
        if !up {
            start(operator, self.node).await?;
        }
        match (ReplayReconciled { age_limit: self.age_limit }).run(operator).await? {
            Conclusion::NothingToDo if !up => Ok(Conclusion::Done),
            other => Ok(other),
        }
    }
}
