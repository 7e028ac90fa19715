//! Counts what took effect, as the file says.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use reenact::{Error, Result, testbed::Testbed};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::{
    super::router::Router,
    file::{Command, Http},
    place::{fill_request, id_of},
    web::Web,
};

/// How long one count may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How long the answer for one update may take.
const ONE: Duration = Duration::from_secs(3);
/// How many updates are asked for at once.
const AT_ONCE: usize = 16;

/// How often each update took effect.
pub(super) type Counted = BTreeMap<u64, usize>;

fn cannot_count(why: impl std::fmt::Display) -> Error {
    Error::inconclusive(format!("the effects cannot be counted: {why}"))
}

fn count(ids: impl Iterator<Item = u64>) -> Counted {
    let mut counted = Counted::new();
    for id in ids {
        *counted.entry(id).or_default() += 1;
    }
    counted
}

/// Connects to our database.
pub(super) async fn connect(ip: Ipv4Addr) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(&format!("host={ip} user=app dbname=app"), NoTls).await?;
    // It ends with the client; its error comes out at the query.
    tokio::spawn(connection);
    Ok(client)
}

/// Runs SQL in our database; gives the rows of its last query.
pub(super) async fn sql(ip: Ipv4Addr, sql: &str) -> Result<Vec<SimpleQueryMessage>, tokio_postgres::Error> {
    connect(ip).await?.simple_query(sql).await
}

/// The ids in the first column.
pub(super) async fn by_sql(ip: Ipv4Addr, query: &str) -> Result<Counted> {
    let rows = timeout(LIMIT, sql(ip, query)).await.map_err(|_| cannot_count("the database does not answer"))?;
    let rows = rows.map_err(|error| match error.as_db_error() {
        Some(said) => cannot_count(said),
        None => cannot_count(error),
    })?;
    let mut ids = Vec::new();
    for message in &rows {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let Some(text) = row.get(0) else { continue };
        ids.push(id_of(text).ok_or_else(|| cannot_count(format!("{text:?} in the first column is no id")))?);
    }
    Ok(count(ids.into_iter()))
}

/// The ids that a command prints, a line each.
pub(super) async fn by_command(bed: &Testbed, Command { on, run }: &Command<String>) -> Result<Counted> {
    let words: Vec<_> = run.iter().map(String::as_str).collect();
    let ran = timeout(LIMIT, bed.node(on.get_ref())?.exec(&words)).await;
    let output = ran.map_err(|_| cannot_count(format!("`{}` does not end", words.join(" "))))??;
    if output.code != 0 {
        let said = output.text.trim();
        return Err(cannot_count(format!("`{}` ended with {}: {said}", words.join(" "), output.code)));
    }
    let lines = output.text.lines().map(str::trim).filter(|line| !line.is_empty());
    let ids = lines.map(|line| id_of(line).ok_or_else(|| cannot_count(format!("the line {line:?} is no id"))));
    Ok(count(ids.collect::<Result<Vec<_>>>()?.into_iter()))
}

/// Those of the ids that a replica shows.
pub(super) async fn by_http(router: &Router, web: &Web, http: &Http, ids: &[u64]) -> Result<Counted> {
    let asked = stream::iter(ids.to_vec()).map(|id| async move {
        let (_, ip) = router.pick().ok_or_else(|| cannot_count("no replica is ready"))?;
        Ok::<_, Error>(shows(web, ip, http, id).await?.then_some(id))
    });
    let shown: Vec<_> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(count(shown.into_iter().flatten()))
}

/// Whether a replica shows that an update took effect. One that is not known to the
/// replica did not; one that it cannot tell of proves nothing.
async fn shows(web: &Web, ip: Ipv4Addr, http: &Http, id: u64) -> Result<bool> {
    let path = fill_request(&http.path.0.0, id, 0);
    let reply = web.get(ip, &path, ONE).await.map_err(|trouble| cannot_count(trouble.why()))?;
    match reply.status {
        status if status.is_success() => Ok(reply.text().contains(&fill_request(&http.shows.0, id, 0))),
        status if status.is_client_error() => Ok(false),
        status => Err(cannot_count(format!("{} answers {status}", web.url(ip, &path)))),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A replica that shows order 1 as done and 2 as open, knows no 3, and has trouble
    /// with all others.
    async fn replica() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&request[..length]);
                let (status, body) = match request.split_whitespace().nth(1) {
                    Some("/orders/1") => ("200 OK", r#"{"id":1,"status":"done"}"#),
                    Some("/orders/2") => ("200 OK", r#"{"id":2,"status":"open"}"#),
                    Some("/orders/3") => ("404 Not Found", ""),
                    _ => ("500 Internal Server Error", ""),
                };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_replica_shows_what_took_effect() {
        let (web, at) = (Web::at(replica().await), Ipv4Addr::LOCALHOST);
        let http: Http = toml::from_str("path = \"/orders/{id}\"\nshows = '\"status\":\"done\"'").expect("good");
        assert!(shows(&web, at, &http, 1).await.expect("done"));
        assert!(!shows(&web, at, &http, 2).await.expect("open"));
        assert!(!shows(&web, at, &http, 3).await.expect("unknown"));
        let error = shows(&web, at, &http, 4).await.expect_err("it cannot tell");
        assert_eq!(error.exit_code(), 4, "{error}");
    }
}
