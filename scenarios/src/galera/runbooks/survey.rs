//! What an operator can find out and do on Galera nodes: `galera-node`, the service
//! command of each node, and SQL.

use std::{fmt, time::Duration};

use futures::future::try_join_all;
use reenact::{
    Error, Result,
    poll::{self, Look},
    probe::Answer,
    runbook::Operator,
};

use super::super::node;

/// How long a node may take to serve after its start: 1.1 s alone, 3 to 12 s as a
/// joiner, up to 23 s when its state transfer was broken off before.
pub(super) const START: Duration = Duration::from_secs(45);

/// A place in the cluster's history: `uuid:seqno`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) history: String,
    pub(super) seqno: i64,
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (history, seqno) = text.lines().last()?.trim().rsplit_once(':')?;
        Some(Self { history: history.into(), seqno: seqno.parse().ok()? })
    }

    /// A node that was wiped, or expelled for its data, has no place in any history.
    pub(super) fn is_defined(&self) -> bool {
        self.seqno >= 0 && self.history.chars().any(|digit| !matches!(digit, '0' | '-'))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.history, self.seqno)
    }
}

/// One node, as an operator finds it.
pub(super) struct Found<'a> {
    pub(super) name: &'a str,
    /// What it says over SQL.
    pub(super) status: Answer,
    /// Whether its server runs.
    pub(super) runs: bool,
    /// Whether it is receiving a copy of the data.
    pub(super) in_transfer: bool,
}

impl<'a> Found<'a> {
    async fn look(operator: &'a Operator<'_>, name: &'a str) -> Result<Self> {
        let service = operator.run(name, &["galera-node", "status"]).await?;
        let says = |wanted: &dyn Fn(&str) -> bool| service.text.lines().any(wanted);
        let in_transfer = says(&|line| line == "sst_in_progress=present")
            && says(&|line| line.starts_with("state_transfer=") && line != "state_transfer=0");
        let status = node::status(operator.ip(name)?).await;
        Ok(Self { name, status, runs: service.code == 0, in_transfer })
    }
}

/// The whole cluster, as an operator finds it.
pub(super) struct Survey<'a> {
    /// The nodes whose machines are up.
    pub(super) nodes: Vec<Found<'a>>,
    /// Those whose machines are off.
    pub(super) off: Vec<&'a str>,
}

impl<'a> Survey<'a> {
    /// Looks at every node whose machine is up.
    pub(super) async fn take(operator: &'a Operator<'_>) -> Result<Self> {
        let off = operator.off().await?;
        let up = operator.nodes().into_iter().filter(|name| !off.contains(name));
        let nodes = try_join_all(up.map(|name| Found::look(operator, name))).await?;
        Ok(Self { nodes, off })
    }

    /// Whether every node serves in one component.
    pub(super) fn all_serve(&self) -> bool {
        self.off.is_empty() && self.survivors_serve()
    }

    /// Whether every node whose machine is up serves, in a component of just those.
    pub(super) fn survivors_serve(&self) -> bool {
        self.nodes.iter().all(|found| node::serves(&found.status, self.nodes.len()))
    }

    /// The nodes whose machines are up.
    pub(super) fn names(&self) -> Vec<&'a str> {
        self.nodes.iter().map(|found| found.name).collect()
    }

    /// Why nothing can be said or done about the whole while machines are off, and what comes
    /// first.
    pub(super) fn lacks_machines(&self) -> Option<String> {
        let off = self.off.join(", ");
        match (self.off.is_empty(), self.primary().is_empty()) {
            (true, _) => None,
            (_, false) => Some(format!("machines are off ({off}): power them on first (power_on)")),
            (_, true) => Some(format!(
                "machines are off ({off}): power them on first (power_on); if they are gone for good, declare the \
                 survivors primary (pc_bootstrap_survivors)"
            )),
        }
    }

    /// The nodes that take queries in a primary component.
    pub(super) fn primary(&self) -> Vec<&Found<'a>> {
        self.nodes.iter().filter(|found| node::is_primary(&found.status)).collect()
    }

    /// The nodes that do not serve, those whose server is down first.
    pub(super) fn others(&self) -> Vec<&Found<'a>> {
        let mut others: Vec<_> = self.nodes.iter().filter(|found| !node::is_primary(&found.status)).collect();
        others.sort_by_key(|found| found.runs);
        others
    }

    /// A node that is receiving a copy of the data.
    pub(super) fn joiner(&self) -> Option<&'a str> {
        self.nodes.iter().find(|found| found.in_transfer).map(|found| found.name)
    }

    /// The sizes that the primary nodes give of their component; more than one size,
    /// or a size other than their number, means more than one component.
    pub(super) fn components_disagree(&self) -> Option<String> {
        let primary = self.primary();
        let sizes: Vec<_> =
            primary.iter().map(|f| (f.name, f.status.get("wsrep_cluster_size").unwrap_or("?"))).collect();
        let mut distinct: Vec<_> = sizes.iter().map(|(_, size)| *size).collect();
        distinct.sort_unstable();
        distinct.dedup();
        (distinct.len() > 1)
            .then(|| sizes.iter().map(|(name, size)| format!("{name} counts {size}")).collect::<Vec<_>>().join(", "))
    }
}

/// Two of these nodes that do not reach each other's group port, if there are such. A refused
/// connect is reached; a silent one is not.
pub(super) async fn cut_link<'a>(operator: &Operator<'_>, nodes: &[&'a str]) -> Result<Option<(&'a str, &'a str)>> {
    let tried = try_join_all(nodes.iter().map(|from| out_of_reach(operator, from, nodes))).await?;
    Ok(tried.into_iter().flatten().next())
}

/// A peer whose group port stays silent, as seen from one node.
async fn out_of_reach<'a>(
    operator: &Operator<'_>,
    from: &'a str,
    nodes: &[&'a str],
) -> Result<Option<(&'a str, &'a str)>> {
    for &to in nodes.iter().filter(|to| **to != from) {
        let connect = format!("timeout 2 bash -c ': </dev/tcp/{}/4567' 2>&1", operator.ip(to)?);
        let tried = operator.run(from, &["bash", "-c", &connect]).await?;
        if tried.code == 124 || tried.text.contains("unreachable") || tried.text.contains("No route") {
            return Ok(Some((from, to)));
        }
    }
    Ok(None)
}

/// A node's position, read from its files or beside its stuck server.
pub(super) async fn position(operator: &Operator<'_>, node: &str) -> Result<Position> {
    let said = operator.must(node, &["galera-node", "position"]).await?;
    Position::parse(&said).ok_or_else(|| Error::failed(format!("{node} gives no position: {said}")))
}

/// Whether a node says of itself that it was the last one to leave its group.
pub(super) async fn was_last(operator: &Operator<'_>, node: &str) -> Result<bool> {
    let looks = ["grep", "-q", "^safe_to_bootstrap: *1", "/var/lib/mysql/grastate.dat"];
    Ok(operator.run(node, &looks).await?.code == 0)
}

/// The positions of all nodes.
pub(super) async fn positions<'a>(operator: &'a Operator<'_>) -> Result<Vec<(&'a str, Position)>> {
    try_join_all(operator.nodes().into_iter().map(async |node| Ok((node, position(operator, node).await?)))).await
}

/// Ends a node's server for certain: a wedged one blocks SIGTERM.
pub(super) async fn kill(operator: &Operator<'_>, node: &str) -> Result<()> {
    operator.must(node, &["galera-node", "kill"]).await.map(drop)
}

/// Ends the servers of these nodes for certain.
pub(super) async fn kill_all(operator: &Operator<'_>, nodes: &[&str]) -> Result<()> {
    try_join_all(nodes.iter().map(|node| kill(operator, node))).await.map(drop)
}

/// Starts a node's server unless it runs already.
pub(super) async fn start(operator: &Operator<'_>, node: &str) -> Result<()> {
    match operator.run(node, &["galera-node", "status"]).await?.code {
        0 => Ok(()),
        _ => operator.must(node, &["galera-node", "start"]).await.map(drop),
    }
}

/// Makes a stopped node the first one of the cluster.
pub(super) async fn bootstrap(operator: &Operator<'_>, node: &str) -> Result<()> {
    operator.must(node, &["galera-node", "set-safe-to-bootstrap"]).await?;
    operator.must(node, &["galera-node", "start", "--bootstrap"]).await?;
    // `start` returns before the server has decided whether it may.
    until_primary(operator, node, START).await
}

/// Waits until a node takes queries in a primary component of any size.
pub(super) async fn until_primary(operator: &Operator<'_>, node: &str, limit: Duration) -> Result<()> {
    poll::until(&format!("{node} to be primary"), limit, || async {
        match node_status(operator, node).await {
            Ok(status) if node::is_primary(&status) => Look::Ready(()),
            Ok(status) => Look::NotYet(node::describe(&status)),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// Waits until these nodes serve, asked by real handshakes, in a component of `size`.
pub(super) async fn until_serving(operator: &Operator<'_>, nodes: &[&str], size: usize, limit: Duration) -> Result<()> {
    poll::until(&format!("{} to serve", nodes.join(", ")), limit, || async {
        for name in nodes {
            match node_status(operator, name).await {
                Ok(status) if node::serves(&status, size) => {}
                Ok(status) => return Look::NotYet(format!("{name} is {}", node::describe(&status))),
                Err(error) => return Look::Never(error),
            }
        }
        Look::Ready(())
    })
    .await
}

async fn node_status(operator: &Operator<'_>, node: &str) -> Result<Answer> {
    Ok(node::status(operator.ip(node)?).await)
}

/// Whether all nodes hold the same rows. Rows that arrive meanwhile are left out: an
/// application whose ids grow writes above the highest id that any node has now.
pub(super) async fn same_contents(operator: &Operator<'_>) -> Result<()> {
    let mut highest = u64::MAX;
    let mut sums: Vec<(&str, String)> = Vec::new();
    for name in operator.nodes() {
        let top = query(operator, name, "SELECT CAST(COALESCE(MAX(id), 0) AS CHAR) FROM reenact.ops").await?;
        let top = top.parse().map_err(|_| Error::failed(format!("{name} says that its highest id is {top:?}")))?;
        highest = highest.min(top);
    }
    for name in operator.nodes() {
        let sum = format!(
            "SELECT CONCAT(COUNT(*), ' rows, checksum ', COALESCE(SUM(CRC32(CONCAT_WS(',', id, client, value))), 0)) \
             FROM reenact.ops WHERE id <= {highest}"
        );
        sums.push((name, query(operator, name, &sum).await?));
    }
    if sums.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        return Ok(());
    }
    let told: Vec<_> = sums.iter().map(|(name, sum)| format!("{name}: {sum}")).collect();
    Err(Error::failed(format!("the nodes hold different rows: {}", told.join("; "))))
}

/// One value from one node, which first applies what its peers have.
async fn query(operator: &Operator<'_>, node: &str, sql: &str) -> Result<String> {
    use mysql_async::{Conn, prelude::Queryable};
    let ask = async {
        let mut conn = Conn::new(node::options(operator.ip(node)?)).await.map_err(|e| e.to_string());
        let conn = conn.as_mut().map_err(|why| Error::failed(format!("cannot ask {node}: {why}")))?;
        let failed = |error: mysql_async::Error| Error::failed(format!("cannot ask {node}: {error}"));
        conn.query_drop("SET SESSION wsrep_sync_wait = 1").await.map_err(failed)?;
        let value: Option<String> = conn.query_first(sql).await.map_err(failed)?;
        value.ok_or_else(|| Error::failed(format!("{node} gives no answer to {sql}")))
    };
    let limit = node::LIMIT * 20;
    tokio::time::timeout(limit, ask).await.map_err(|_| Error::failed(format!("{node} does not answer in {limit:?}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_from_the_last_line() {
        let position = Position::parse("noise\n5eed5eed-5eed-11e1-8000-5eed5eed5eed:26\n").expect("a position");
        assert_eq!((position.seqno, position.is_defined()), (26, true));
    }

    #[test]
    fn an_expelled_or_wiped_node_has_no_place_in_history() {
        for text in ["00000000-0000-0000-0000-000000000000:-1", "5eed5eed-5eed-11e1-8000-5eed5eed5eed:-1"] {
            assert!(!Position::parse(text).expect("a position").is_defined(), "{text}");
        }
        assert_eq!(Position::parse("nothing"), None);
    }
}
