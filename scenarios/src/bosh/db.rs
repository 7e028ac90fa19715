//! What the director's database holds. Raw SQL: the API's `GET /locks` and `GET /tasks`
//! change what they show.

use std::{
    net::Ipv4Addr,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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
    /// A connection that works and that nobody uses just now: a server process that is forked
    /// for one statement costs fifty times that statement.
    idle: Arc<Mutex<Option<Client>>>,
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
        Self { ip: node.ip(), idle: Arc::default() }
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

    /// Asks.
    ///
    /// # Errors
    /// [`Error::Failed`] with the database's answer.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<Row>> {
        let asked = self.asked(sql).await;
        asked.map_err(|answer| Error::failed(format!("cannot ask the director's database: {answer:?}")))
    }

    async fn asked(&self, sql: &str) -> Result<Vec<Row>, Answer> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().take().filter(|client| !client.is_closed());
        let client = match kept {
            Some(client) => client,
            None => self.connect().await?,
        };
        let rows = ask(&client, sql).await?;
        *idle() = Some(client);
        Ok(rows)
    }

    async fn first(&self, sql: &str) -> Result<Option<Row>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// The one value that a statement gives.
    ///
    /// # Errors
    /// As [`Database::rows`], and if it is none of that kind.
    async fn value<T: FromStr>(&self, sql: &str) -> Result<T> {
        let row = self.first(sql).await?;
        read(row.as_ref().and_then(|row| row.first()))
    }

    /// The next task's number.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it was given already.
    pub(super) async fn next_task_is(&self, number: u64) -> Result<()> {
        let last: u64 = self.value("SELECT coalesce(max(id), 0) FROM tasks").await?;
        if last >= number {
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
        let seconds = self.value::<f64>(sql).await?;
        Duration::try_from_secs_f64(seconds).map_err(|_| unreadable(&seconds.to_string()))
    }

    /// What is not as it should be: a task of the report's deployment that has not ended
    /// or whose last deploy did not succeed, and a lock of a task that has ended. A deploy that did
    /// not get the lock has changed nothing, so that the one before it counts.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn trouble(&self) -> Result<Option<String>> {
        let sql = format!(
            "SELECT 'task ' || id || ' is ' || state FROM tasks WHERE deployment_name = '{PAASTA}'
               AND state IN ('queued', 'processing', 'cancelling')
             UNION ALL SELECT 'the last deploy, task ' || id || ', is ' || state || ': ' || coalesce(result, '')
               FROM (SELECT * FROM tasks WHERE deployment_name = '{PAASTA}' AND type = 'update_deployment'
                       AND NOT (state = 'error' AND coalesce(result, '') LIKE 'Failed to acquire lock for %')
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
        self.value(&sql).await
    }

    /// The cloud-config that a deploy would go by now.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn cloud_config(&self) -> Result<Value> {
        let sql = "SELECT content FROM configs WHERE type = 'cloud' AND NOT deleted ORDER BY id DESC LIMIT 1";
        self.value(sql).await
    }

    /// The workload's configs: id to value.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn written_configs(&self) -> Result<Contents> {
        let rows = self.rows("SELECT name, content::json->>'value' FROM configs WHERE type = 'ledger' AND NOT deleted");
        rows.await?.iter().map(entry).collect()
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
            let (id, value) = entry(row)?;
            Ok((id, value, row.get(2).cloned().unwrap_or_default()))
        };
        self.rows(sql).await?.iter().map(written).collect()
    }

    /// How many of the workload's tasks are still to be done.
    ///
    /// # Errors
    /// As [`Database::rows`].
    pub(super) async fn unsettled(&self) -> Result<String> {
        let sql = "SELECT count(*) FROM tasks WHERE deployment_name LIKE 'service-instance-%'
                   AND state IN ('queued', 'processing', 'cancelling')";
        self.value(sql).await
    }
}

/// `service-instance-7` and a value. One that cannot be read is not left out: what the judge
/// does not see counts as lost.
fn entry(row: &Row) -> Result<(u64, u64)> {
    let number = |text: &str| text.rsplit('-').next().and_then(|number| number.parse().ok());
    match &row[..] {
        [name, value, ..] => number(name).zip(value.parse().ok()),
        _ => None,
    }
    .ok_or_else(|| unreadable(&row.join(", ")))
}

/// A value as it is to be read; none where the answer is not as it should be.
fn read<T: FromStr>(text: Option<&String>) -> Result<T> {
    let text = text.map_or("nothing", String::as_str);
    text.parse().map_err(|_| unreadable(text))
}

fn unreadable(text: &str) -> Error {
    Error::failed(format!("the director's database gives what cannot be read: {text:?}"))
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

    fn row(fields: &[&str]) -> Row {
        fields.iter().map(|&field| field.to_owned()).collect()
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_no_zero() {
        assert_eq!(read::<f64>(Some(&"1.5".into())).expect("a number"), 1.5);
        for text in [None, Some(String::new()), Some("soon".into())] {
            let error = read::<f64>(text.as_ref()).expect_err("no number").to_string();
            assert!(error.contains("cannot be read"), "{error}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_not_left_out() {
        assert_eq!(entry(&row(&["service-instance-7", "12", "vm-1"])).expect("a row"), (7, 12));
        for fields in [&["service-instance-7", ""][..], &["service-instance-x", "12"], &["service-instance-7"]] {
            assert!(entry(&row(fields)).is_err(), "{fields:?}");
        }
    }
}
