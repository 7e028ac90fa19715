//! What the director's database holds. Raw SQL: the API's `GET /locks` and `GET /tasks`
//! change what they show.

use std::{net::Ipv4Addr, time::Duration};

use reenact::{Error, Result, judge::Contents, probe::Answer, testbed::Node};
use serde_json::Value;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::manifest::PAASTA;

/// How long any one question may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The director's database.
#[derive(Debug, Clone)]
pub(super) struct Database {
    ip: Ipv4Addr,
}

/// A row of an answer; null is empty.
pub(super) type Row = Vec<String>;

/// A row of `tasks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) state: String,
    pub(super) result: String,
}

/// A row of `locks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) uid: String,
    /// The task that inserted the row: after a takeover the wrong one.
    pub(super) task_id: String,
}

impl Database {
    pub(super) fn of(node: &Node) -> Self {
        Self { ip: node.ip() }
    }

    /// A connection, to be used for as long as it works.
    pub(super) async fn connect(&self) -> Result<Client, Answer> {
        let options = format!("host={} user=bosh dbname=bosh", self.ip);
        let connecting = timeout(LIMIT, tokio_postgres::connect(&options, NoTls)).await;
        let (client, connection) =
            connecting.map_err(|_| Answer::Hung { during: "connect".into() })?.map_err(|error| answer(&error))?;
        // It ends with the client; its error comes out at the query.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Asks over a connection of its own.
    ///
    /// # Errors
    /// [`Error::Failed`] with the database's answer.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        let ask = async { ask(&self.connect().await?, sql).await };
        ask.await.map_err(|answer: Answer| Error::failed(format!("cannot ask the director's database: {answer:?}")))
    }

    async fn first(&self, sql: &str) -> Result<Option<Row>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// The next task's number.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it was given already.
    pub(super) async fn next_task_is(&self, number: u64) -> Result<()> {
        let last = self.first("SELECT coalesce(max(id), 0) FROM tasks").await?.unwrap_or_default().join("");
        if last.parse::<u64>().is_ok_and(|last| last >= number) {
            return Err(Error::inconclusive(format!("task {number} cannot come: there is a task {last}")));
        }
        self.rows(&format!("ALTER SEQUENCE tasks_id_seq RESTART WITH {number}")).await.map(drop)
    }

    /// A task.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn task(&self, id: u64) -> Result<Option<Task>> {
        let row = self.first(&format!("SELECT state, result FROM tasks WHERE id = {id}")).await?;
        Ok(row.and_then(|row| <[String; 2]>::try_from(row).ok()).map(|[state, result]| Task { state, result }))
    }

    /// A lock's row, expired or not.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn lock(&self, name: &str) -> Result<Option<Lock>> {
        let row = self.first(&format!("SELECT uid, task_id FROM locks WHERE name = '{name}'")).await?;
        Ok(row.and_then(|row| <[String; 2]>::try_from(row).ok()).map(|[uid, task_id]| Lock { uid, task_id }))
    }

    /// How long the lock that lives longest still lives without a renewal; zero where all
    /// have expired.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn locks_left(&self) -> Result<Duration> {
        let sql = "SELECT greatest(0, extract(epoch FROM max(expired_at) - now() AT TIME ZONE 'UTC')) FROM locks";
        let said = self.first(sql).await?.unwrap_or_default().join("");
        seconds(&said).ok_or_else(|| Error::failed(format!("the database says that locks live for {said:?}")))
    }

    /// What is not as it should be: a task of the report's deployment that has not ended
    /// or whose last deploy did not succeed, and a lock of a task that has ended.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn trouble(&self) -> Result<Option<String>> {
        let sql = format!(
            "SELECT 'task ' || id || ' is ' || state FROM tasks WHERE deployment_name = '{PAASTA}'
               AND state IN ('queued', 'processing', 'cancelling')
             UNION ALL SELECT 'the last deploy, task ' || id || ', is ' || state || ': ' || coalesce(result, '')
               FROM (SELECT * FROM tasks WHERE deployment_name = '{PAASTA}' AND type = 'update_deployment'
                     ORDER BY id DESC LIMIT 1) last WHERE state <> 'done'
             UNION ALL SELECT name || ' is left of task ' || l.task_id FROM locks l JOIN tasks t ON t.id::text = l.task_id
               WHERE t.state IN ('done', 'error', 'cancelled', 'timeout')
               AND l.expired_at > now() AT TIME ZONE 'UTC'"
        );
        Ok(self.first(&sql).await?.map(|row| row.join("")))
    }

    /// The names of the VMs that the director knows.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn known_vms(&self) -> Result<Vec<String>> {
        Ok(self.rows("SELECT cid FROM vms WHERE cid IS NOT NULL").await?.into_iter().flatten().collect())
    }

    /// How many instances of the report's deployment have a VM that came up.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn active_vms(&self) -> Result<String> {
        let sql = format!(
            "SELECT count(*) FROM vms v JOIN instances i ON i.id = v.instance_id
             JOIN deployments d ON d.id = i.deployment_id WHERE v.active AND d.name = '{PAASTA}'"
        );
        Ok(self.first(&sql).await?.unwrap_or_default().join(""))
    }

    /// The cloud-config that a deploy would go by now.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn cloud_config(&self) -> Result<Value> {
        let sql = "SELECT content FROM configs WHERE type = 'cloud' AND NOT deleted ORDER BY id DESC LIMIT 1";
        let content = self.first(sql).await?.unwrap_or_default().join("");
        Ok(serde_json::from_str(&content).unwrap_or_default())
    }

    /// The workload's configs: id to value.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn written_configs(&self) -> Result<Contents> {
        let rows = self.rows("SELECT name, content::json->>'value' FROM configs WHERE type = 'ledger' AND NOT deleted");
        Ok(rows.await?.iter().filter_map(|row| entry(row.first()?, row.get(1)?)).collect())
    }

    /// The workload's deployments that are deployed: id to value, and the VM of each.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn written_deployments(&self) -> Result<Vec<(u64, u64, String)>> {
        let sql = "SELECT d.name, d.manifest::json->'tags'->>'value', v.cid FROM deployments d
                   JOIN instances i ON i.deployment_id = d.id JOIN vms v ON v.instance_id = i.id AND v.active
                   WHERE d.name LIKE 'service-instance-%' AND d.manifest IS NOT NULL";
        let written = |row: &Row| {
            let (id, value) = entry(row.first()?, row.get(1)?)?;
            Some((id, value, row.get(2)?.clone()))
        };
        Ok(self.rows(sql).await?.iter().filter_map(written).collect())
    }

    /// How many of the workload's tasks are still to be done.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn unsettled(&self) -> Result<String> {
        let sql = "SELECT count(*) FROM tasks WHERE deployment_name LIKE 'service-instance-%'
                   AND state IN ('queued', 'processing', 'cancelling')";
        Ok(self.first(sql).await?.unwrap_or_default().join(""))
    }
}

/// A number of seconds.
fn seconds(said: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(said.parse().ok()?).ok()
}

/// `service-instance-7` and a value.
fn entry(name: &str, value: &str) -> Option<(u64, u64)> {
    Some((name.rsplit('-').next()?.parse().ok()?, value.parse().ok()?))
}

/// Asks over that connection.
///
/// # Errors
/// What came back instead of rows.
pub(super) async fn ask(client: &Client, sql: &str) -> Result<Vec<Row>, Answer> {
    let asked = timeout(LIMIT, client.simple_query(sql)).await;
    let messages = asked.map_err(|_| Answer::Hung { during: "query".into() })?.map_err(|error| answer(&error))?;
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect())
        }
        _ => None,
    };
    Ok(messages.iter().filter_map(row).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_number_of_seconds_is_not_zero() {
        assert_eq!(seconds("4.8"), Some(Duration::from_millis(4_800)));
        assert_eq!(seconds("0"), Some(Duration::ZERO));
        for wrong in ["", "-1", "soon", "inf"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
