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
        series: Series { name: name.into(), labels: labels.clone() },
        kind: Kind::Gauge,
        value,
    };
    let (success, took) = (f64::from(u8::from(succeeds)), began.elapsed().as_secs_f64());
    [("probe_success", success), ("probe_duration_seconds", took)].into_iter().chain(more).map(sample).collect()
}
