//! Metrics of a run: what a Prometheus would scrape of the system, kept while the run goes on.
//!
//! A system says who is scraped ([`Monitored`]); nothing of it is started, mounted or asked
//! unless the run is to record metrics.

mod blackbox;
pub mod exporters;
mod page;
mod recording;

use std::time::Duration;

use async_trait::async_trait;
use reenact_core::metrics::{Sample, Target};
use reenact_testbed::{Exporter, Node};

use blackbox::{Http, Tcp};
use page::Page;

pub use recording::{METRICS, Recording};

/// From the start of one scrape of a target to that of the next.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// How long a scrape may take: Prometheus' own default.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The job of what is probed from outside, as `blackbox_exporter` does it.
const BLACKBOX: &str = "blackbox";

/// Gives samples when it is scraped.
#[async_trait]
pub trait Exports: Send + Sync {
    /// All that it has to say now.
    ///
    /// # Errors
    /// Why there is no answer, as Prometheus would show it.
    async fn samples(&mut self) -> Result<Vec<Sample>, String>;
}

/// One target of the scrapes.
pub struct Monitored {
    target: Target,
    exports: Box<dyn Exports>,
    exporter: Option<Exporter>,
}

impl Monitored {
    /// Samples that the harness makes itself.
    pub fn made(job: &str, node: &str, instance: impl Into<String>, exports: impl Exports + 'static) -> Self {
        let target = Target { job: job.into(), node: node.into(), instance: instance.into() };
        Self { target, exports: Box::new(exports), exporter: None }
    }

    /// A page of metrics that the node serves by itself, such as `/metrics` on port 4001.
    pub fn page(job: &str, node: &Node, port: u16, path: &str) -> Self {
        let instance = format!("{}:{port}", node.name());
        Self::made(job, node.name(), instance, Page::new(format!("http://{}:{port}{path}", node.ip())))
    }

    /// The page of an exporter that is started in the node.
    pub fn exporter(job: &str, node: &Node, port: u16, command: Vec<String>, env: Vec<String>) -> Self {
        let exporter = Some(Exporter { node: node.name().into(), command, env });
        Self { exporter, ..Self::page(job, node, port, "/metrics") }
    }

    /// Whether a port of the node takes connections.
    pub fn tcp(node: &Node, port: u16) -> Self {
        let instance = format!("{}:{port}", node.name());
        Self::made(BLACKBOX, node.name(), instance, Tcp((node.ip(), port).into()))
    }

    /// Whether a page of the node answers with success.
    pub fn http(node: &Node, port: u16, path: &str) -> Self {
        let instance = format!("http://{}:{port}{path}", node.name());
        Self::made(BLACKBOX, node.name(), instance, Http::new(format!("http://{}:{port}{path}", node.ip())))
    }
}
