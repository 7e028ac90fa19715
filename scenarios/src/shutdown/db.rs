//! What the database says of requests and their effects.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use reenact::{
    Error, Result,
    judge::Contents,
    probe::{Answer, LOOK},
    testbed::Node,
};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, Row, types::ToSql};

use super::client::SYNTHETIC;

/// How long any one question may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Requests that promise their flag, and have none. Telemetry may be dropped, and drafts
/// have no work.
pub(super) const UNMATCHED: &str = "kind = 'order' AND NOT flag";

/// The service's database; each question goes over a connection of its own, so that no
/// broken one is ever used again.
#[derive(Debug, Clone)]
pub(super) struct Database {
    ip: Ipv4Addr,
}

impl Database {
    pub(super) fn of(node: &Node) -> Self {
        Self { ip: node.ip() }
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let options = format!("host={} user=app dbname=app", self.ip);
        let (client, connection) = tokio_postgres::connect(&options, NoTls).await?;
        // It ends with the client; its error comes out at the query.
        tokio::spawn(connection);
        Ok(client)
    }

    async fn ask(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Answer> {
        let ask = async {
            let client = self.connect().await.map_err(|error| answer(&error))?;
            client.query(sql, parameters).await.map_err(|error| answer(&error))
        };
        timeout(LIMIT, ask).await.unwrap_or_else(|_| Err(Answer::Hung { during: "query".into() }))
    }

    async fn must(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.ask(sql, parameters).await.map_err(|answer| Error::failed(format!("cannot ask the database: {answer:?}")))
    }

    /// Each request of the workload's whose work is done or that never had any, with its value.
    pub(super) async fn done(&self) -> Result<Contents> {
        self.requests("flag OR kind <> 'order'").await
    }

    /// Each request of the workload's that is written down, done or not, with its value.
    pub(super) async fn written(&self) -> Result<Contents> {
        self.requests("true").await
    }

    async fn requests(&self, which: &str) -> Result<Contents> {
        let sql = format!("SELECT id, value FROM requests WHERE ({which}) AND id < {SYNTHETIC}");
        let rows = self.must(&sql, &[]).await?;
        Ok(rows.iter().map(|row| (number(row, 0), number(row, 1))).collect())
    }

    /// The requests that took effect more than once.
    pub(super) async fn repeated(&self) -> Result<BTreeSet<u64>> {
        let rows = self.must("SELECT request_id FROM effects GROUP BY 1 HAVING count(*) > 1", &[]).await?;
        Ok(rows.iter().map(|row| number(row, 0)).collect())
    }

    /// The unmatched requests that are older than the limit.
    pub(super) async fn overdue(&self, age: Duration) -> Result<Vec<u64>> {
        let sql = format!(
            "SELECT id FROM requests WHERE {UNMATCHED} \
             AND created_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY id"
        );
        let rows = self.must(&sql, &[&(age.as_millis() as f64)]).await?;
        Ok(rows.iter().map(|row| number(row, 0)).collect())
    }

    /// How many works these instances still have in hand: what is overdue they have not.
    pub(super) async fn in_hand(&self, instances: Vec<String>, age: Duration) -> Result<u64> {
        let sql = format!(
            "SELECT count(*) FROM requests WHERE {UNMATCHED} AND instance = ANY($1) \
             AND created_at >= clock_timestamp() - $2 * interval '1 millisecond'"
        );
        let rows = self.must(&sql, &[&instances, &(age.as_millis() as f64)]).await?;
        Ok(rows.first().map_or(0, |row| number(row, 0)))
    }

    /// Intent held against effect: how many unmatched rows of each instance are overdue
    /// or young, when the overdue ones were made, and how many requests took effect more
    /// than once.
    pub(super) async fn reconciliation(&self, age: Duration) -> Answer {
        let sql = format!(
            "WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at), unmatched AS (
                 SELECT instance, created_at, created_at < at - $1 * interval '1 millisecond' AS overdue
                 FROM requests, now WHERE {UNMATCHED})
             SELECT instance,
                    count(*) FILTER (WHERE overdue) AS overdue,
                    count(*) FILTER (WHERE NOT overdue) AS young,
                    (extract(epoch FROM min(created_at) FILTER (WHERE overdue)) * 1000)::bigint AS first_ms,
                    (extract(epoch FROM max(created_at) FILTER (WHERE overdue)) * 1000)::bigint AS last_ms
             FROM unmatched GROUP BY instance
             UNION ALL
             SELECT NULL, (SELECT count(*) FROM (SELECT 1 FROM effects GROUP BY request_id HAVING count(*) > 1) twice),
                    0, (extract(epoch FROM at) * 1000)::bigint, NULL FROM now"
        );
        let hung = |_| Err(Answer::Hung { during: "look".into() });
        match timeout(LOOK, self.ask(&sql, &[&(age.as_millis() as f64)])).await.unwrap_or_else(hung) {
            Ok(rows) => Answer::Values { values: values(&rows, age) },
            Err(answer) => answer,
        }
    }
}

/// The reconciliation's rows as named values; the row without an instance holds what is
/// of none.
fn values(rows: &[Row], age: Duration) -> BTreeMap<String, String> {
    let mut values = BTreeMap::from([("age_limit_ms".to_owned(), age.as_millis().to_string())]);
    for row in rows {
        let text = |at: usize| row.get::<_, Option<i64>>(at).map(|number| number.to_string());
        match row.get::<_, Option<String>>(0) {
            None => {
                values.extend(text(1).map(|count| ("duplicates".to_owned(), count)));
                values.extend(text(3).map(|now| ("now_ms".to_owned(), now)));
            }
            Some(instance) => {
                for (at, name) in [(1, "overdue"), (2, "young"), (3, "first_ms"), (4, "last_ms")] {
                    values.extend(text(at).map(|number| (format!("{instance}.{name}"), number)));
                }
            }
        }
    }
    values
}

fn number(row: &Row, at: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(at)).unwrap_or_default()
}

fn answer(error: &tokio_postgres::Error) -> Answer {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    let mut causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    if causes.any(refused) {
        return Answer::Refused;
    }
    let code = error.code().map_or("client", |state| state.code());
    Answer::Error { code: code.into(), text: error.to_string() }
}
