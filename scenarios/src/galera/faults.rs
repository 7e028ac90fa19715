//! What goes wrong with a Galera node of itself.

use std::fmt;

use async_trait::async_trait;
use mysql_async::{Conn, prelude::Queryable};
use reenact::{
    Error, Result,
    fault::{Effect, Fault, OnTestbed, Undo},
    probe::Answer,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    Galera,
    node::{self, LIMIT},
};

/// How long the server may take to get the lock: it waits for what is being committed.
const LOCKED: std::time::Duration = LIMIT.saturating_mul(10);
/// "Lock wait timeout exceeded".
const TIMED_OUT: &str = "1205";

/// A session on a node takes a read lock on everything, as a backup does, and keeps it. The
/// node applies nothing more. With `gcs.sync_donor` it makes all the others wait for it, as a
/// node does whose applier stands still: no write of the cluster comes to its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadLockHeld {
    /// The node.
    pub(crate) node: String,
}

impl fmt::Display for ReadLockHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a session on {} holds a read lock on everything", self.node)
    }
}

#[async_trait]
impl Fault<Galera> for ReadLockHeld {
    async fn inject(&self, system: &Galera) -> Result<Undo> {
        let ip = system.bed().node(&self.node)?.ip();
        let unlocked = |why: String| Error::inconclusive(format!("{} takes no read lock: {why}", self.node));
        let mut session = node::connect(ip).await.map_err(|answer| unlocked(node::describe(&answer)))?;
        let lock = async {
            set_sync_donor(&mut session, true).await?;
            session.query_drop("FLUSH TABLES WITH READ LOCK").await
        };
        let locked = timeout(LOCKED, lock).await.map_err(|_| unlocked(format!("not within {LOCKED:.0?}")))?;
        locked.map_err(|error| unlocked(error.to_string()))?;
        Ok(Undo::by(async move {
            // A session that was ended, or whose server was, holds nothing any more.
            let _ = session.disconnect().await;
            if let Ok(mut conn) = node::connect(ip).await {
                let _ = timeout(LIMIT, set_sync_donor(&mut conn, false)).await;
            }
            Ok(())
        }))
    }

    /// A delete of nothing, for which the server may not wait: it needs no vote of the others,
    /// only that nobody has locked everything.
    async fn effect(&self, system: &Galera) -> Result<Effect> {
        let said = match node::connect(system.bed().node(&self.node)?.ip()).await {
            Ok(mut conn) => delete_nothing(&mut conn).await,
            Err(answer) => answer,
        };
        let locked = matches!(&said, Answer::Error { code, .. } if code == TIMED_OUT);
        Ok(Effect::new(locked, format!("a delete that must not wait: {}", node::describe(&said))))
    }
}

async fn set_sync_donor(conn: &mut Conn, on: bool) -> mysql_async::Result<()> {
    let word = if on { "yes" } else { "no" };
    conn.query_drop(format!("SET GLOBAL wsrep_provider_options = 'gcs.sync_donor={word}'")).await
}

async fn delete_nothing(conn: &mut Conn) -> Answer {
    let work = async {
        conn.query_drop("SET SESSION lock_wait_timeout = 0").await?;
        conn.query_drop("DELETE FROM reenact.canary WHERE 1 = 0").await
    };
    match timeout(LIMIT, work).await {
        Ok(Ok(())) => Answer::from_iter([("deleted", "nothing")]),
        Ok(Err(error)) => node::answer(&error),
        Err(_) => Answer::Hung { during: "query".into() },
    }
}
