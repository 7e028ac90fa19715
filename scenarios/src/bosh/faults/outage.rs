//! A database that is away for as long as it must be and no longer.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    testbed::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::super::{DB, Director};

/// The director's database closes every connection and takes no other, as while it is
/// restarted. A power cut would do the same, but for longer than the time between two
/// renewals of a lock, on a loaded machine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseAway {}

/// One statement, past the closed database; the first field of its answer. Over the network:
/// a `docker exec` may take longer than the whole outage is to last.
async fn ask(node: &Node, sql: &str) -> Result<String> {
    let unfit = |error: tokio_postgres::Error| Error::inconclusive(format!("the database's server: {error}"));
    let options = format!("host={} user=bosh dbname=postgres", node.ip());
    let (client, connection) = tokio_postgres::connect(&options, NoTls).await.map_err(unfit)?;
    // It ends with the client; its error comes out at the query.
    tokio::spawn(connection);
    let field = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(client.simple_query(sql).await.map_err(unfit)?.iter().find_map(field).unwrap_or_default())
}

#[async_trait]
impl Fault<Director> for DatabaseAway {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let node = director.bed.node(DB)?.clone();
        ask(&node, "ALTER DATABASE bosh ALLOW_CONNECTIONS false").await?;
        ask(&node, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'bosh'").await?;
        Ok(Undo::by(async move { ask(&node, "ALTER DATABASE bosh ALLOW_CONNECTIONS true").await.map(drop) }))
    }

    async fn effect(&self, director: &Director) -> Result<Effect> {
        let sql = "SELECT concat(d.datallowconn, '|', count(a.pid)) FROM pg_database d
                   LEFT JOIN pg_stat_activity a ON a.datname = d.datname WHERE d.datname = 'bosh' GROUP BY d.datallowconn";
        let said = ask(director.bed.node(DB)?, sql).await?;
        Ok(Effect::new(said == "f|0", format!("open to connections, and how many there are: {said}")))
    }
}

impl fmt::Display for DatabaseAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the director's database closes every connection and takes no other")
    }
}
