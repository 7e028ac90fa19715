//! Connections to PostgreSQL that survive the server's absence: each is made when
//! it is needed, thrown away after any error, and every wait has a limit.

use std::{
    error::Error as _,
    fmt,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::{Client, Config, NoTls};

/// Why a statement has no answer. Whether it took effect is not known.
#[derive(Debug)]
pub enum Failure {
    /// The limit of a wait passed: no free connection, or a silent server.
    Late(Duration),
    /// The server, or the way to it, said no.
    Postgres(tokio_postgres::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(limit) => write!(f, "the database does not answer within {} ms", limit.as_millis()),
            // Its own text is the class of the error; the cause says which.
            Self::Postgres(error) => match error.source() {
                Some(cause) => write!(f, "{error}: {cause}"),
                None => write!(f, "{error}"),
            },
        }
    }
}

impl std::error::Error for Failure {}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// At most `size` connections to one database.
#[derive(Debug)]
pub struct Pool {
    config: Config,
    limit: Duration,
    free: Semaphore,
    idle: Mutex<Vec<Client>>,
    /// One connection is made at a time. A server that is short of processor time makes none
    /// within the limit, and works on at each that was given up: asked for as many as there are
    /// places, again and again, it would do nothing else.
    connecting: tokio::sync::Mutex<()>,
}

impl Pool {
    /// A pool with no connection yet. `limit` is for each wait: for a connection,
    /// and for each [`Pool::bounded`] step.
    #[must_use]
    pub fn new(mut config: Config, size: usize, limit: Duration) -> Self {
        // Without it the kernel would keep trying for a quarter of an hour.
        config.connect_timeout(limit).tcp_user_timeout(limit);
        Self {
            config,
            limit,
            free: Semaphore::new(size),
            idle: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// A connection: an idle one, else a new one.
    ///
    /// # Errors
    /// If there is none within the limit.
    pub async fn lease(&self) -> Result<Lease<'_>, Failure> {
        self.bounded(async {
            // The semaphore is never closed.
            let permit = self.free.acquire().await.ok();
            let idle = loop {
                let next = self.idle().pop();
                match next {
                    Some(client) if client.is_closed() => {}
                    other => break other,
                }
            };
            let client = match idle {
                Some(client) => client,
                None => self.connect().await?,
            };
            Ok(Lease { pool: self, client, _permit: permit })
        })
        .await
    }

    /// Awaits `step`, for as long as the limit allows.
    ///
    /// # Errors
    /// The step's, or [`Failure::Late`].
    pub async fn bounded<T>(&self, step: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.limit, step).await {
            Ok(result) => result.map_err(Failure::Postgres),
            Err(_) => Err(Failure::Late(self.limit)),
        }
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let _alone = self.connecting.lock().await;
        let (client, connection) = self.config.connect(NoTls).await?;
        // Its error is told to whoever waits for an answer over it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Dropped, it is closed, which is what a connection in an
/// unknown state needs; after a success, [`Lease::keep`] gives it back.
#[derive(Debug)]
#[must_use = "a lease that is dropped closes its connection"]
pub struct Lease<'a> {
    pool: &'a Pool,
    client: Client,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Lease<'_> {
    /// The connection.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Gives the connection back for the next one who needs it.
    pub fn keep(self) {
        self.pool.idle().push(self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_in_time() {
        // A port of the machine itself that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let config = format!("postgres://app@127.0.0.1:{port}/app").parse().expect("valid");
        let pool = Pool::new(config, 1, Duration::from_secs(5));
        assert!(matches!(pool.lease().await, Err(Failure::Postgres(_))));
        assert_eq!(pool.free.available_permits(), 1, "a failure holds no place");
    }

    #[tokio::test]
    async fn a_silent_server_is_late() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let config = format!("postgres://app@127.0.0.1:{port}/app").parse().expect("valid");
        let pool = Pool::new(config, 1, Duration::from_millis(100));
        assert!(matches!(pool.lease().await, Err(Failure::Late(_))));
    }

    #[tokio::test]
    async fn a_slow_server_is_asked_for_one_connection_at_a_time() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let config = format!("postgres://app@127.0.0.1:{port}/app").parse().expect("valid");
        let pool = Pool::new(config, 16, Duration::from_millis(200));
        let leases = futures_util::future::join_all((0..16).map(|_| pool.lease()));
        let all_late = async { leases.await.into_iter().all(|lease| matches!(lease, Err(Failure::Late(_)))) };
        let asked = async {
            let first = listener.accept().await;
            let second = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
            (first, second.is_ok())
        };
        let (all_late, (_first, asked_twice)) = tokio::join!(all_late, asked);
        assert_eq!((all_late, asked_twice), (true, false));
    }
}
