//! A page of metrics, scraped over HTTP as Prometheus does it.

use async_trait::async_trait;
use reenact_core::metrics::{Parser, Sample};
use reqwest::{Client, StatusCode, header::ACCEPT};

use super::{Exports, TIMEOUT};

/// What it is asked for.
const TEXT: &str = "text/plain;version=0.0.4";
/// By this an exporter knows when the answer is too late for the scrape, and says what it has.
const HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// The page; its connection is kept from scrape to scrape.
pub(super) struct Page {
    url: String,
    client: Client,
    parser: Parser,
}

impl Page {
    pub(super) fn new(url: String) -> Self {
        Self { url, client: client(1), parser: Parser::default() }
    }
}

/// A client that keeps so many connections and asks no proxy.
pub(super) fn client(kept: usize) -> Client {
    let built = Client::builder().no_proxy().pool_max_idle_per_host(kept).build();
    // Only TLS could keep a client from being built, and there is none.
    built.unwrap_or_default()
}

#[async_trait]
impl Exports for Page {
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        let asked = self.client.get(&self.url).header(ACCEPT, TEXT).header(HEADER, TIMEOUT.as_secs());
        let answer = asked.send().await.map_err(|error| why(&error))?;
        match answer.status() {
            StatusCode::OK => self.parser.parse(&answer.text().await.map_err(|error| why(&error))?),
            status => Err(format!("the answer is {status}")),
        }
    }
}

/// Why there is no answer: the innermost reason, which the others only wrap.
fn why(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<std::io::Error>() {
        Some(error) => error.kind().to_string(),
        None => innermost.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What a page gives when the server answers so, and what the server was asked.
    async fn scraped(answer: &'static str) -> (Result<Vec<Sample>, String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/metrics", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.expect("a request");
            stream.write_all(answer.as_bytes()).await.expect("it is read");
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let samples = Page::new(url).samples().await;
        (samples, server.await.expect("it ends"))
    }

    #[tokio::test]
    async fn an_answer_is_read_and_the_exporter_is_told_the_time_that_it_has() {
        let (samples, asked) = scraped("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nup 1\n").await;
        assert_eq!(samples.expect("an answer").len(), 1);
        assert!(asked.starts_with("GET /metrics "), "{asked}");
        assert!(asked.to_lowercase().contains("x-prometheus-scrape-timeout-seconds: 10\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_no_page_of_metrics_is_told() {
        for (answer, why) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n<html>\n", "line 1"),
            ("HTTP/1.1 415 Unsupported Media Type\r\ncontent-length: 0\r\n\r\n", "415"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nup 1\n", "unexpected"),
            ("gopher\r\n\r\n", ""),
        ] {
            let error = scraped(answer).await.0.expect_err(answer);
            assert!(error.contains(why), "{answer:?}: {error}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_the_reason_is_the_system_s() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/metrics", listener.local_addr().expect("an address"));
        drop(listener);
        assert_eq!(Page::new(url).samples().await, Err("connection refused".into()));
    }
}
