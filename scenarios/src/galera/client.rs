//! The workload's client: one INSERT a write, with an honest word on its fate, and now and then a
//! SELECT of one of them.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use mysql_async::{Conn, prelude::Queryable};
use reenact::{
    probe::Answer,
    testbed::Node,
    workload::{Ack, Client, Seen, Write},
};

use super::node;

/// "WSREP has not yet prepared node for application use": refused before anything
/// was done.
const NOT_PREPARED: &str = "1047";

/// Before it reads, the node applies all that the group had ordered by then.
const SYNC: &str = "SET SESSION wsrep_sync_wait = 1";

/// Writes to one node over one connection.
pub(super) struct Writer {
    node: String,
    ip: Ipv4Addr,
    conn: Option<Conn>,
}

impl Writer {
    pub(super) fn new(node: &Node) -> Self {
        Self { node: node.name().into(), ip: node.ip(), conn: None }
    }
}

#[async_trait]
impl Client for Writer {
    async fn write(&mut self, write: Write) -> Ack {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match node::connect(self.ip).await {
                Ok(conn) => conn,
                Err(answer) => return Ack::Failed { why: node::describe(&answer) },
            },
        };
        let Write { id, client, value } = write;
        let done =
            conn.query_drop(format!("INSERT INTO ops (id, client, value) VALUES ({id}, {client}, {value})")).await;
        match done.map_err(|error| node::answer(&error)) {
            Ok(()) => {
                self.conn = Some(conn);
                Ack::Ok
            }
            Err(Answer::Error { code, text }) if code == NOT_PREPARED => Ack::Failed { why: text },
            // Any other error may stand for a write that did commit: 1180 was seen to.
            Err(answer) => Ack::Unknown { why: node::describe(&answer) },
        }
    }

    /// Over the connection that it writes over; where there is none, nothing is read.
    async fn read(&mut self, of: Write) -> Option<Seen> {
        let mut conn = self.conn.take()?;
        conn.query_drop(SYNC).await.ok()?;
        let value = conn.query_first(format!("SELECT value FROM ops WHERE id = {}", of.id)).await.ok()?;
        self.conn = Some(conn);
        Some(Seen { node: self.node.clone(), value })
    }

    fn node(&self) -> &str {
        &self.node
    }
}
