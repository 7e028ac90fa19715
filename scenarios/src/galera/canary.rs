//! A small write on a table of its own, to see whether writes come to their end.
//!
//! It is no part of the workload: the ledger does not know it, and nobody compares its table.

use std::{net::Ipv4Addr, time::Duration};

use mysql_async::{Conn, prelude::Queryable};
use reenact::probe::{Answer, Tried};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, timeout},
};

use super::node::{self, LIMIT};

/// How its write begins, by which the server's list of processes shows it.
const WRITE: &str = "INSERT INTO reenact.canary (writer, beat)";

/// One who writes to a node, one write at a time: one that hangs is waited for, however often
/// it is looked at, so that it takes one of the server's connections and no more.
pub(super) struct Canary {
    writer: String,
    ip: Ipv4Addr,
    conn: Option<Conn>,
    pending: Option<Pending>,
}

/// What became of a write, with its connection.
type Ended = Result<(Conn, mysql_async::Result<()>), JoinError>;

/// A write under way.
struct Pending {
    began: Instant,
    /// Its connection, as the server counts them.
    id: u32,
    /// In a set so that it ends with this.
    write: JoinSet<(Conn, mysql_async::Result<()>)>,
}

impl Canary {
    /// For a node; each writer has a row of its own.
    pub(super) fn new(ip: Ipv4Addr, writer: impl Into<String>) -> Self {
        Self { writer: writer.into(), ip, conn: None, pending: None }
    }

    /// Writes, or waits on for the write under way. The answer is a [`Tried`], or what else
    /// the server says.
    pub(super) async fn look(&mut self) -> Answer {
        let is_old = self.conn.is_some();
        let answer = self.look_once().await;
        // A connection that broke since the last look says nothing of the server now.
        if is_old && matches!(&answer, Answer::Error { code, .. } if code == "client") {
            return self.look_once().await;
        }
        answer
    }

    async fn look_once(&mut self) -> Answer {
        let mut pending = match self.pending.take() {
            Some(pending) => pending,
            None => match self.begin().await {
                Ok(pending) => pending,
                Err(answer) => return answer,
            },
        };
        if let Ok(Some(ended)) = timeout(LIMIT, pending.write.join_next()).await {
            return self.ended(ended, pending.began);
        }
        // Its own connection does not tell whether its server is still there.
        let waits_for = waits_for(self.ip, pending.id).await;
        if let Some(ended) = pending.write.try_join_next() {
            return self.ended(ended, pending.began);
        }
        match waits_for {
            Ok(Some(waits_for)) => {
                let tried = Tried { done: false, ms: age(pending.began), waits_for };
                self.pending = Some(pending);
                Answer::of(&tried)
            }
            Ok(None) => lost("the server knows the write no more".into()),
            Err(answer) => answer,
        }
    }

    async fn begin(&mut self) -> Result<Pending, Answer> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => node::connect(self.ip).await?,
        };
        let (id, mut write) = (conn.id(), JoinSet::new());
        let sql = format!("{WRITE} VALUES ('{}', 1) ON DUPLICATE KEY UPDATE beat = beat + 1", self.writer);
        write.spawn(async move {
            let done = conn.query_drop(sql).await;
            (conn, done)
        });
        Ok(Pending { began: Instant::now(), id, write })
    }

    fn ended(&mut self, ended: Ended, began: Instant) -> Answer {
        match ended {
            Ok((conn, Ok(()))) => {
                self.conn = Some(conn);
                Answer::of(&Tried { done: true, ms: age(began), waits_for: String::new() })
            }
            Ok((_, Err(error))) => node::answer(&error),
            Err(error) => lost(error.to_string()),
        }
    }
}

/// Whether an answer is that of a write that is done.
pub(super) fn is_done(answer: &Answer) -> bool {
    answer.read::<Tried>().is_ok_and(|tried| tried.done)
}

/// What came of a write, in a few words.
pub(super) fn describe(answer: &Answer) -> String {
    match answer.read::<Tried>() {
        Ok(Tried { done: true, ms, .. }) => format!("a write took {ms} ms"),
        Ok(Tried { ms, waits_for, .. }) => format!("a write hangs for {:.1?} ({waits_for})", Duration::from_millis(ms)),
        Err(_) => format!("a write: {}", node::describe(answer)),
    }
}

fn age(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn lost(text: String) -> Answer {
    Answer::Error { code: "client".into(), text }
}

/// What a server says that the write on this connection waits for; `None`: it has no such write.
async fn waits_for(ip: Ipv4Addr, id: u32) -> Result<Option<String>, Answer> {
    let sql = format!(
        "SELECT COALESCE(STATE, '') FROM information_schema.PROCESSLIST WHERE ID = {id} AND INFO LIKE '{WRITE}%'"
    );
    Ok(node::column(ip, &sql).await?.pop())
}
