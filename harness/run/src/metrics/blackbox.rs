//! Probes from the monitoring side, under the names that `blackbox_exporter` gives them. A probe
//! that fails is an answer.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use reenact_core::metrics::{Kind, Sample, Series};
use reqwest::Client;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{Exports, TIMEOUT, page::client};

/// So much sooner than the scrape a probe ends, as in `blackbox_exporter`.
const SOONER: Duration = Duration::from_millis(500);

/// Whether this takes connections.
pub(super) struct Tcp(pub(super) SocketAddr);

/// Whether this answers with success.
pub(super) struct Http {
    url: String,
    client: Client,
}

impl Http {
    pub(super) fn new(url: String) -> Self {
        Self { url, client: client(0) }
    }
}

#[async_trait]
impl Exports for Tcp {
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        let began = Instant::now();
        let connected = timeout(TIMEOUT - SOONER, TcpStream::connect(self.0)).await;
        Ok(told("tcp_connect", matches!(connected, Ok(Ok(_))), began, []))
    }
}

#[async_trait]
impl Exports for Http {
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        let began = Instant::now();
        let answer = timeout(TIMEOUT - SOONER, self.client.get(&self.url).send()).await;
        let status = answer.ok().and_then(Result::ok).map(|answer| answer.status());
        let code = f64::from(status.map_or(0, |status| status.as_u16()));
        let succeeds = status.is_some_and(|status| status.is_success());
        Ok(told("http_2xx", succeeds, began, [("probe_http_status_code", code)]))
    }
}

fn told<const N: usize>(module: &str, succeeds: bool, began: Instant, more: [(&str, f64); N]) -> Vec<Sample> {
    let labels = BTreeMap::from([("module".to_owned(), module.to_owned())]);
    let sample = |(name, value): (&str, f64)| Sample {
        series: Series { name: name.into(), labels: labels.clone() }.into(),
        kind: Kind::Gauge,
        value,
    };
    let (success, took) = (f64::from(u8::from(succeeds)), began.elapsed().as_secs_f64());
    [("probe_success", success), ("probe_duration_seconds", took)].into_iter().chain(more).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn value(samples: &[Sample], name: &str) -> Option<f64> {
        samples.iter().find(|sample| sample.series.name == name).map(|sample| sample.value)
    }

    #[tokio::test]
    async fn a_port_that_takes_connections_succeeds_and_a_closed_one_fails_and_is_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut probe = Tcp(listener.local_addr().expect("an address"));
        let told = probe.samples().await.expect("an answer");
        assert_eq!(value(&told, "probe_success"), Some(1.0));
        assert_eq!(told[0].series.labels["module"], "tcp_connect");
        drop(listener);
        assert_eq!(value(&probe.samples().await.expect("an answer"), "probe_success"), Some(0.0));
    }

    #[tokio::test]
    async fn only_a_page_that_answers_with_success_succeeds() {
        for (answer, succeeds, code) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", 1.0, 204.0),
            ("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", 0.0, 503.0),
            ("nonsense\r\n\r\n", 0.0, 0.0),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let mut probe = Http::new(format!("http://{}/", listener.local_addr().expect("an address")));
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.expect("a client");
                // One that is closed with the request unread is reset.
                let read = stream.read(&mut [0; 4096]).await.expect("a request");
                assert!(read > 0, "no request");
                stream.write_all(answer.as_bytes()).await
            });
            let told = probe.samples().await.expect("an answer");
            assert_eq!(value(&told, "probe_success"), Some(succeeds), "{answer}");
            assert_eq!(value(&told, "probe_http_status_code"), Some(code), "{answer}");
            server.await.expect("it ends").expect("it is written");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_fails_before_the_scrape_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut probe = Http::new(format!("http://{}/", listener.local_addr().expect("an address")));
        let told = timeout(TIMEOUT, probe.samples()).await.expect("in time").expect("an answer");
        assert_eq!(value(&told, "probe_success"), Some(0.0));
    }
}
