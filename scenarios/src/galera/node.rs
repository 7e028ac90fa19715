//! What one node says over SQL.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use mysql_async::{Conn, IoError, Opts, OptsBuilder, prelude::Queryable};
use reenact::{judge::Contents, probe::Answer};
use tokio::{net::TcpStream, time::timeout};

/// How long an answer may take before the server counts as hung. A healthy one
/// answers within a few milliseconds.
pub(super) const LIMIT: Duration = Duration::from_secs(1);

/// The SQL port.
pub(super) const PORT: u16 = 3306;

/// How to connect to a node. With the sizes given, the client asks the server for
/// none, so that a node which refuses all queries can still be connected to.
pub(super) fn options(ip: Ipv4Addr) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname(ip.to_string())
        .tcp_port(PORT)
        .user(Some("reenact"))
        .pass(Some("reenact"))
        .db_name(Some("reenact"))
        .prefer_socket(Some(false))
        .max_allowed_packet(Some(1024 * 1024))
        .wait_timeout(Some(28_800))
        .into()
}

/// Connects and shakes hands, or says what became of the attempt.
pub(super) async fn connect(ip: Ipv4Addr) -> Result<Conn, Answer> {
    // Told apart: a kernel that accepts, and a server that answers.
    match timeout(LIMIT, TcpStream::connect((ip, PORT))).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Err(Answer::Refused),
        Ok(Err(_)) | Err(_) => return Err(hung("connect")),
    }
    match timeout(LIMIT, Conn::new(options(ip))).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(error)) => Err(answer(&error)),
        Err(_) => Err(hung("handshake")),
    }
}

/// The node's wsrep status over an open connection.
pub(super) async fn status_over(conn: &mut Conn) -> Answer {
    let rows = timeout(LIMIT, conn.query::<(String, String), _>("SHOW GLOBAL STATUS LIKE 'wsrep%'"));
    match rows.await {
        Ok(Ok(rows)) => {
            Answer::Values { values: rows.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect() }
        }
        Ok(Err(error)) => answer(&error),
        Err(_) => hung("query"),
    }
}

/// The first column of what the node answers, over a connection of its own.
pub(super) async fn column(ip: Ipv4Addr, sql: &str) -> Result<Vec<String>, Answer> {
    let mut conn = connect(ip).await?;
    let rows = timeout(LIMIT, conn.query::<String, _>(sql)).await.map_err(|_| hung("query"))?;
    rows.map_err(|error| answer(&error))
}

/// The node's wsrep status over a connection of its own: a real handshake.
pub(super) async fn status(ip: Ipv4Addr) -> Answer {
    match connect(ip).await {
        Ok(mut conn) => status_over(&mut conn).await,
        Err(answer) => answer,
    }
}

/// Every row that the node itself holds, applied up to what its peers had.
pub(super) async fn rows(ip: Ipv4Addr) -> mysql_async::Result<Contents> {
    let mut conn = Conn::new(options(ip)).await?;
    conn.query_drop("SET SESSION wsrep_sync_wait = 1").await?;
    let rows: Vec<(u64, u64)> = conn.query("SELECT id, value FROM reenact.ops").await?;
    Ok(rows.into_iter().collect::<BTreeMap<_, _>>())
}

/// Whether the status is that of a serving member of a primary component of `size`.
pub(super) fn serves(status: &Answer, size: usize) -> bool {
    let is = |name, value: &str| status.get(name) == Some(value);
    is("wsrep_cluster_status", "Primary")
        && is("wsrep_ready", "ON")
        && is("wsrep_local_state_comment", "Synced")
        && is("wsrep_cluster_size", &size.to_string())
}

/// Whether the node is in a primary component and takes queries.
pub(super) fn is_primary(status: &Answer) -> bool {
    status.get("wsrep_cluster_status") == Some("Primary") && status.get("wsrep_ready") == Some("ON")
}

/// The status in a few words.
pub(super) fn describe(status: &Answer) -> String {
    match status {
        Answer::Values { .. } => {
            let of = |name| status.get(name).unwrap_or("?");
            let (cluster, local) = (of("wsrep_cluster_status"), of("wsrep_local_state_comment"));
            format!("{cluster} {}/{local}", of("wsrep_cluster_size"))
        }
        Answer::Error { code, .. } => format!("error {code}"),
        Answer::Refused => "3306 closed".into(),
        Answer::Hung { during } => format!("hung ({during})"),
    }
}

/// What an error of the client says of the server.
pub(super) fn answer(error: &mysql_async::Error) -> Answer {
    match error {
        mysql_async::Error::Server(error) => {
            Answer::Error { code: error.code.to_string(), text: error.message.clone() }
        }
        mysql_async::Error::Io(IoError::Io(io)) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            Answer::Refused
        }
        other => Answer::Error { code: "client".into(), text: other.to_string() },
    }
}

fn hung(during: &str) -> Answer {
    Answer::Hung { during: during.into() }
}
