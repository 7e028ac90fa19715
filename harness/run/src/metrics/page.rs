//! A page of metrics, scraped over HTTP as Prometheus does it.

use async_trait::async_trait;
use reenact_core::metrics::{Sample, parse};
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
}

impl Page {
    pub(super) fn new(url: String) -> Self {
        Self { url, client: client(1) }
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
            StatusCode::OK => parse(&answer.text().await.map_err(|error| why(&error))?),
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
