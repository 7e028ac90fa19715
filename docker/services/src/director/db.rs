//! The database: connections made when needed, statements written out and logged as Sequel does.
//!
//! No statement is tried again: a lost connection is the caller's error, and what each caller makes of it (the
//! checkpoint thread dies, the job goes on) is the real director's behaviour.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::clock;
use super::error::{Error, Result};
use super::log::Logger;

/// A handle to the database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    idle: Mutex<Vec<Connection>>,
    /// Who may have one: PostgreSQL's own limit is 100 for all processes together.
    places: Arc<Semaphore>,
    numbers: AtomicU64,
}

/// How many connections a process has at most; the real director's is 32.
const MAX_CONNECTIONS: usize = 16;

#[derive(Debug)]
struct Connection {
    client: Client,
    number: u64,
}

/// A connection in use.
#[derive(Debug)]
struct Taken {
    connection: Connection,
    _place: OwnedSemaphorePermit,
}

/// A row of an answer; every value is text.
#[derive(Debug)]
pub struct Row(SimpleQueryRow);

impl Row {
    /// The column's text, if it isn't null.
    pub fn text(&self, column: &str) -> Option<String> {
        self.0.try_get(column).ok().flatten().map(str::to_owned)
    }

    /// The column's text, or nothing at all.
    pub fn string(&self, column: &str) -> String {
        self.text(column).unwrap_or_default()
    }

    /// The column's number, or 0.
    pub fn number(&self, column: &str) -> i64 {
        self.maybe_number(column).unwrap_or_default()
    }

    /// The column's number, if it isn't null.
    pub fn maybe_number(&self, column: &str) -> Option<i64> {
        self.text(column)?.parse().ok()
    }

    /// Whether the column is true.
    pub fn flag(&self, column: &str) -> bool {
        self.text(column).as_deref() == Some("t")
    }

    /// The column's time, if it isn't null.
    pub fn time(&self, column: &str) -> Option<SystemTime> {
        clock::parse(&self.text(column)?)
    }
}

/// A text as a literal; `None` is NULL.
pub fn lit<'a>(text: impl Into<Option<&'a str>>) -> String {
    match text.into() {
        Some(text) => format!("'{}'", text.replace('\0', "").replace('\'', "''")),
        None => "NULL".to_owned(),
    }
}

/// A number as a literal; `None` is NULL.
pub fn num(number: impl Into<Option<i64>>) -> String {
    number.into().map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}

impl Db {
    /// `url` as `postgres://user@host:5432/bosh`; nothing is connected yet.
    pub fn new(url: impl Into<String>) -> Self {
        // Sequel shows object ids here; any number that tells connections apart will do.
        let numbers = AtomicU64::new(2080);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Self(Arc::new(Inner { url: url.into(), idle: Mutex::default(), places, numbers }))
    }

    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn query(&self, log: &Logger, sql: &str) -> Result<Vec<Row>> {
        let taken = self.take().await?;
        let answer = taken.connection.run(log, sql).await;
        self.put(taken);
        Ok(answer?.0)
    }

    /// Runs one statement and returns how many rows it changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(&self, log: &Logger, sql: &str) -> Result<u64> {
        let taken = self.take().await?;
        let answer = taken.connection.run(log, sql).await;
        self.put(taken);
        Ok(answer?.1)
    }

    /// Runs one statement between BEGIN and COMMIT, as Sequel saves a model.
    ///
    /// # Errors
    /// The database's; then nothing has changed.
    pub async fn save(&self, log: &Logger, sql: &str) -> Result<Vec<Row>> {
        let taken = self.take().await?;
        let answer = taken.connection.save(log, sql).await;
        self.put(taken);
        answer
    }

    async fn take(&self) -> Result<Taken> {
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let _place = place.map_err(|_| Error::database("the database's connections are given up"))?;
        let open = |connections: &mut Vec<Connection>| {
            connections.retain(|connection| !connection.client.is_closed());
            connections.pop()
        };
        let idle = open(&mut self.idle());
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Taken { connection, _place })
    }

    fn put(&self, taken: Taken) {
        if !taken.connection.client.is_closed() {
            self.idle().push(taken.connection);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection> {
        let mut config: tokio_postgres::Config =
            self.0.url.parse().map_err(|error| Error::database(format!("the database's URL is no URL: {error}")))?;
        config.connect_timeout(Duration::from_secs(5)).options("-c timezone=UTC");
        let (client, connection) = config.connect(NoTls).await.map_err(|error| told(&error))?;
        tokio::spawn(connection);
        Ok(Connection { client, number: self.0.numbers.fetch_add(20, Ordering::Relaxed) + 20 })
    }
}

impl Connection {
    async fn run(&self, log: &Logger, sql: &str) -> Result<(Vec<Row>, u64)> {
        let start = Instant::now();
        let answer = self.client.simple_query(sql).await;
        log.statement(start.elapsed(), self.number, sql);
        let (mut rows, mut changed) = (Vec::new(), 0);
        for message in answer.map_err(|error| told(&error))? {
            match message {
                SimpleQueryMessage::Row(row) => rows.push(Row(row)),
                SimpleQueryMessage::CommandComplete(count) => changed = count,
                _ => {}
            }
        }
        Ok((rows, changed))
    }

    async fn save(&self, log: &Logger, sql: &str) -> Result<Vec<Row>> {
        self.run(log, "BEGIN").await?;
        match self.run(log, sql).await {
            Ok((rows, _)) => {
                self.run(log, "COMMIT").await?;
                Ok(rows)
            }
            Err(error) => {
                let _ = self.run(log, "ROLLBACK").await;
                Err(error)
            }
        }
    }
}

fn told(error: &tokio_postgres::Error) -> Error {
    let said = error.as_db_error().map_or_else(|| error.to_string(), |database| database.message().to_owned());
    Error::database(match std::error::Error::source(error) {
        Some(source) if error.as_db_error().is_none() => format!("{said}: {source}"),
        _ => said,
    })
}
