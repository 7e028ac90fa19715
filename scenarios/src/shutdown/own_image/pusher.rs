//! The workload's clients of a queue that the replicas consume: one push an update.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    testbed::{Node, Terminals, Testbed},
    workload::{Ack, Client, Write},
};
use tokio::time::timeout;

use super::{
    super::DB,
    answer::Answer,
    effects,
    fate::{Fate, Refused},
    file::{Command, Queue},
    place::fill_request,
    text::RequestText,
};

/// How long a push may take; less than the workload grants it.
const LIMIT: Duration = Duration::from_secs(7);

/// The exit code of a command that SIGKILL ended, or that its machine took with it.
const KILLED: i64 = 137;

/// Where updates are pushed to.
#[derive(Clone)]
pub(super) enum Target {
    /// SQL on the database.
    Sql { database: Node, statement: &'static RequestText },
    /// A command in a container, in shells that stay open: with a `docker exec` for each
    /// push the daemon would be what is under load.
    Command { on: Node, words: &'static [RequestText], answer: &'static Answer, terminals: Arc<Terminals> },
}

impl Target {
    /// As the file says.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such container.
    pub(super) fn of(queue: &'static Queue, bed: &Testbed) -> Result<Self> {
        if let Some(statement) = &queue.sql {
            return Ok(Self::Sql { database: bed.node(DB)?.clone(), statement });
        }
        let command = queue.command.as_ref().ok_or_else(|| Error::Bug("a queue with no way in was read".into()))?;
        let Command { on, run } = command.get_ref();
        let (on, answer) = (bed.node(on.get_ref())?.clone(), &queue.answer);
        Ok(Self::Command { on, words: run, answer, terminals: Arc::default() })
    }

    /// The container that the queue is in.
    fn node(&self) -> &Node {
        match self {
            Self::Sql { database: node, .. } | Self::Command { on: node, .. } => node,
        }
    }
}

/// Pushes updates.
pub(super) struct Pusher {
    target: Target,
    refused: Arc<Refused>,
    /// Its connection, if it has one.
    database: Option<tokio_postgres::Client>,
}

impl Pusher {
    pub(super) fn new(target: Target, refused: Arc<Refused>) -> Self {
        Self { target, refused, database: None }
    }

    async fn push(&mut self, write: Write) -> Fate {
        let fill = |text: &RequestText| fill_request(&text.0, write.id, write.value);
        match &self.target {
            Target::Sql { database, statement } => {
                let (ip, statement) = (database.ip(), fill(statement));
                self.say(ip, &statement).await
            }
            Target::Command { on, words, answer, terminals } => {
                let words: Vec<_> = words.iter().map(fill).collect();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                match terminals.run(on, &words).await {
                    Err(error) => Fate::NotSent(error.to_string()),
                    Ok(output) if output.code == KILLED => Fate::NoAnswer(format!("`{}` was killed", words[0])),
                    Ok(output) if output.code != 0 => {
                        Fate::Refused(format!("`{}` ends with {}: {}", words[0], output.code, output.text.trim()))
                    }
                    Ok(output) => match answer.missing(&output.text, write.id, write.value) {
                        None => Fate::Acknowledged,
                        Some(why) => Fate::Refused(format!("`{}` ends with 0, but {why}", words[0])),
                    },
                }
            }
        }
    }

    /// Has the database run a statement, over a connection that is kept.
    async fn say(&mut self, ip: Ipv4Addr, statement: &str) -> Fate {
        let client = match self.database.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => match effects::connect(ip).await {
                Ok(client) => client,
                Err(error) => return Fate::NotSent(format!("no connection: {error}")),
            },
        };
        match client.batch_execute(statement).await {
            Ok(()) => {
                self.database = Some(client);
                Fate::Acknowledged
            }
            Err(error) => match error.as_db_error() {
                Some(said) => Fate::Refused(said.to_string()),
                None => Fate::NoAnswer("the connection to the database broke".into()),
            },
        }
    }
}

#[async_trait]
impl Client for Pusher {
    async fn write(&mut self, write: Write) -> Ack {
        let pushed = timeout(LIMIT, self.push(write)).await;
        let fate = pushed.unwrap_or_else(|_| Fate::NoAnswer(format!("not accepted in {LIMIT:?}")));
        self.refused.ack(fate, write.id)
    }

    fn node(&self) -> &str {
        self.target.node().name()
    }
}
