//! The probes that ask a node for its status, as a health check would, and whether it takes a
//! write, as few health checks do.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use mysql_async::Conn;
use reenact::{
    probe::{Answer, Probe, Signal},
    testbed::Node,
};

use super::{canary::Canary, detectors::WRITE, node};

/// Asks a node for its wsrep status, over one connection as long as it lasts.
pub(super) struct SqlStatus {
    node: String,
    ip: Ipv4Addr,
    conn: Option<Conn>,
}

impl SqlStatus {
    pub(super) fn new(node: &Node) -> Self {
        Self { node: node.name().into(), ip: node.ip(), conn: None }
    }

    async fn ask(&mut self) -> Answer {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match node::connect(self.ip).await {
                Ok(conn) => conn,
                Err(answer) => return answer,
            },
        };
        let answer = node::status_over(&mut conn).await;
        // After any error the connection is not to be trusted.
        if matches!(answer, Answer::Values { .. }) {
            self.conn = Some(conn);
        }
        answer
    }
}

#[async_trait]
impl Probe for SqlStatus {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let had_connection = self.conn.is_some();
        let mut answer = self.ask().await;
        // A connection that broke since the last look says nothing of the server now.
        if had_connection && matches!(&answer, Answer::Error { code, .. } if code == "client") {
            answer = self.ask().await;
        }
        vec![Signal::Query { of: "sql:status".into(), answer }]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        match signal {
            Signal::Query { answer, .. } => Some(node::describe(answer)),
            _ => None,
        }
    }
}

/// Tries a small write on a node, on a table of its own.
pub(super) struct SyntheticWrite {
    node: String,
    canary: Canary,
}

impl SyntheticWrite {
    pub(super) fn new(node: &Node) -> Self {
        Self { node: node.name().into(), canary: Canary::new(node.ip(), format!("probe of {}", node.name())) }
    }
}

#[async_trait]
impl Probe for SyntheticWrite {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![Signal::Query { of: WRITE.into(), answer: self.canary.look().await }]
    }
}
