//! The workload's client. Before each write it asks its Sentinel who is primary.

use async_trait::async_trait;
use reenact::{
    testbed::Node,
    workload::{Ack, Client, Write},
};

use crate::redis::{Connection, REDIS, SENTINEL, Trouble};

pub struct Writer {
    nodes: Vec<Node>,
    /// Whose Sentinel it asks.
    home: usize,
    /// How many replicas must have a write before it counts.
    replicas: u8,
    sentinel: Option<Connection>,
    /// The node that it writes to, as long as the Sentinel names it.
    primary: Option<(Node, Connection)>,
}

impl Writer {
    pub fn new(nodes: &[Node], home: usize, replicas: u8) -> Self {
        Self { nodes: nodes.to_vec(), home, replicas, sentinel: None, primary: None }
    }

    async fn primary(&mut self) -> Result<&mut Connection, Trouble> {
        let sentinel = match &mut self.sentinel {
            Some(open) => open,
            none => none.insert(Connection::open(self.nodes[self.home].ip(), SENTINEL).await?),
        };
        let address = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"]).await?;
        let named = self.nodes.iter().find(|node| address.first() == Some(&node.ip().to_string()));
        let named = named.ok_or_else(|| Trouble::Refused(format!("Sentinel names {address:?}")))?;
        let kept = self.primary.take().filter(|(node, _)| node.ip() == named.ip());
        let primary = match kept {
            Some(kept) => kept,
            None => (named.clone(), Connection::open(named.ip(), REDIS).await?),
        };
        Ok(&mut self.primary.insert(primary).1)
    }
}

#[async_trait]
impl Client for Writer {
    async fn write(&mut self, Write { id, value, .. }: Write) -> Ack {
        let replicas = self.replicas;
        let primary = match self.primary().await {
            Ok(primary) => primary,
            // Nothing was sent.
            Err(trouble) => return Ack::Failed { why: trouble.to_string() },
        };
        match primary.ask(&["HSET", "ops", &id.to_string(), &value.to_string()]).await {
            Ok(_) if replicas == 0 => return Ack::Ok,
            Ok(_) => {}
            Err(Trouble::Refused(why)) => return Ack::Failed { why },
            Err(Trouble::Broken(error)) => return Ack::Unknown { why: error.to_string() },
        }
        // The primary has it, and may lose it again: from here on no error says that it failed.
        match primary.ask(&["WAIT", &replicas.to_string(), "500"]).await {
            Ok(have) if have[0].parse().is_ok_and(|have: u8| have >= replicas) => Ack::Ok,
            Ok(have) => Ack::Unknown { why: format!("{} replicas have it", have[0]) },
            Err(trouble) => Ack::Unknown { why: trouble.to_string() },
        }
    }

    fn node(&self) -> &str {
        self.primary.as_ref().map_or(self.nodes[self.home].name(), |(node, _)| node.name())
    }
}
