//! The right recovery where writes hang for a node that applies nothing more.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use reenact::{
    Error, Result,
    poll::{self, Look},
    probe::Answer,
    runbook::{Conclusion, Operator, Runbook},
};
use tokio::time::timeout;

use super::{
    super::{
        canary::{self, Canary},
        node,
    },
    survey::{self, START, Survey},
};

/// Who holds a read lock on everything. Only the plugin `metadata_lock_info` tells, where
/// there is no performance schema.
/// The lock of a state transfer's donor is the server's own, of no user, and is left alone.
const HOLDERS: &str = "SELECT DISTINCT CAST(p.ID AS CHAR) FROM information_schema.METADATA_LOCK_INFO l \
                       JOIN information_schema.PROCESSLIST p ON p.ID = l.THREAD_ID \
                       WHERE l.LOCK_MODE LIKE 'MDL_BACKUP_FTWRL%' \
                       AND p.USER NOT IN ('system user', 'unauthenticated user')";

/// How long writes may take to go through again: the queue of the node that held them up is
/// applied within a second here.
const FLOWS: Duration = Duration::from_secs(20);

/// Ends the session that holds a read lock on everything, such as that of a backup whose
/// client is gone, and sees that every node takes a write again. Refuses where no user's
/// session holds one. A state transfer may be under way: it, too, can wait for the lock.
#[derive(Debug)]
pub(crate) struct EndReadLock;

impl fmt::Display for EndReadLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("end the session that holds a read lock on everything")
    }
}

#[async_trait]
impl Runbook for EndReadLock {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        if let Some(why) = Survey::take(operator).await?.lacks_machines() {
            return Ok(Conclusion::Refused { why });
        }
        let holders = match holders(operator).await? {
            Ok(holders) => holders,
            Err(why) => return Ok(Conclusion::Refused { why }),
        };
        if holders.is_empty() {
            return Ok(match all_write(operator).await {
                Ok(()) => Conclusion::NothingToDo,
                Err(Error::Failed(why)) => {
                    let why = format!("no session holds a read lock on everything, so it is something else: {why}");
                    Conclusion::Refused { why }
                }
                Err(error) => return Err(error),
            });
        }
        for (node, id) in holders {
            operator.step(&format!("end session {id} on {node}"), end(operator, node, &id)).await?;
        }
        let nodes = operator.nodes();
        survey::until_serving(operator, &nodes, nodes.len(), START).await?;
        all_write(operator).await?;
        Ok(Conclusion::Done)
    }
}

/// The sessions that hold such a lock, with their nodes; or why that cannot be told.
async fn holders<'a>(operator: &'a Operator<'_>) -> Result<Result<Vec<(&'a str, String)>, String>> {
    let mut all = Vec::new();
    for node in operator.nodes() {
        match node::column(operator.ip(node)?, HOLDERS).await {
            Ok(ids) => all.extend(ids.into_iter().map(|id| (node, id))),
            // It is down or still joins: no session is there that could hold anything.
            Err(Answer::Refused) => {}
            Err(Answer::Error { text, .. }) => {
                return Ok(Err(format!("{node} does not tell who holds a lock: {text}")));
            }
            Err(answer) => {
                return Ok(Err(format!("{node} does not tell who holds a lock: {}", node::describe(&answer))));
            }
        }
    }
    Ok(Ok(all))
}

async fn end(operator: &Operator<'_>, node: &str, id: &str) -> Result<()> {
    let unended = |why: String| Error::failed(format!("session {id} on {node} cannot be ended: {why}"));
    let mut conn = node::connect(operator.ip(node)?).await.map_err(|answer| unended(node::describe(&answer)))?;
    match timeout(node::LIMIT, conn.query_drop(format!("KILL {id}"))).await {
        Ok(ended) => ended.map_err(|error| unended(error.to_string())),
        Err(_) => Err(unended("no answer".into())),
    }
}

/// Waits until every node takes a write.
async fn all_write(operator: &Operator<'_>) -> Result<()> {
    for name in operator.nodes() {
        let canary = tokio::sync::Mutex::new(Canary::new(operator.ip(name)?, format!("runbook on {name}")));
        poll::until(&format!("{name} to take a write"), FLOWS, || async {
            match canary.lock().await.look().await {
                done if canary::is_done(&done) => Look::Ready(()),
                answer => Look::NotYet(canary::describe(&answer)),
            }
        })
        .await?;
    }
    Ok(())
}
