//! The probes of the service's own signals: its gauges, and the reconciliation of
//! intent against effect.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use reenact::{
    probe::{Answer, Canary, Probe, Signal},
    testbed::Node,
};

use super::{PORT, client, db::Database, detectors::WRITE, router::Router};
use crate::answer::of_error;

/// How long the gauges may take to come.
const LIMIT: Duration = Duration::from_secs(1);

/// Reads a replica's gauges.
pub(super) struct Metrics {
    node: String,
    ip: Ipv4Addr,
    http: reqwest::Client,
}

impl Metrics {
    pub(super) fn new(node: &Node) -> Self {
        Self { node: node.name().into(), ip: node.ip(), http: reqwest::Client::new() }
    }
}

/// A replica's gauges, as `NAME VALUE` lines.
pub(super) async fn gauges(http: &reqwest::Client, ip: Ipv4Addr) -> Answer {
    let read = async {
        let response = http.get(format!("http://{ip}:{PORT}/metrics")).timeout(LIMIT).send().await?;
        response.error_for_status()?.text().await
    };
    match read.await {
        Ok(text) => {
            let pair =
                |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
            let values: BTreeMap<_, _> = text.lines().filter(|line| !line.starts_with('#')).filter_map(pair).collect();
            Answer::Values { values }
        }
        Err(error) if error.is_timeout() => Answer::Hung { during: "request".into() },
        Err(error) if error.is_connect() => Answer::Refused,
        Err(error) => Answer::Error { code: "client".into(), text: error.to_string() },
    }
}

#[async_trait]
impl Probe for Metrics {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![Signal::Query { of: "http:metrics".into(), answer: gauges(&self.http, self.ip).await }]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        let Signal::Query { answer, .. } = signal else { return None };
        Some(match answer {
            Answer::Values { values } => {
                let gauge = |name: &str| values.get(name).map_or("?", String::as_str);
                format!("in flight {} queued {}", gauge("bg_inflight"), gauge("bg_queued"))
            }
            Answer::Refused => "refuses".into(),
            Answer::Hung { .. } | Answer::Error { .. } => "does not answer".into(),
        })
    }
}

/// Holds intent against effect in the database.
pub(super) struct Reconciliation {
    node: String,
    database: Database,
    age_limit: Duration,
}

impl Reconciliation {
    pub(super) fn new(node: &str, database: Database, age_limit: Duration) -> Self {
        Self { node: node.into(), database, age_limit }
    }
}

#[async_trait]
impl Probe for Reconciliation {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let answer = self.database.reconciliation(self.age_limit).await;
        vec![Signal::Query { of: "sql:reconcile".into(), answer }]
    }
}

/// Sends a request that promises nothing, a draft, through the router: it is stored as any other
/// is, has no work, and its id is none of the workload's.
pub(super) struct SyntheticWrite {
    router: Arc<Router>,
    http: reqwest::Client,
    canary: Canary,
    next: u64,
}

/// By which the service says that it gave a write up: its pool's limit, PostgreSQL's
/// `statement_timeout`.
const GAVE_UP: [&str; 2] = ["does not answer within", "statement timeout"];

impl SyntheticWrite {
    pub(super) fn new(router: Arc<Router>) -> Self {
        Self {
            router,
            http: reqwest::Client::new(),
            canary: Canary::every(Duration::ZERO, &GAVE_UP),
            next: client::SYNTHETIC,
        }
    }
}

#[async_trait]
impl Probe for SyntheticWrite {
    fn node(&self) -> &str {
        "router"
    }

    async fn look(&mut self) -> Vec<Signal> {
        self.next += 1;
        let (router, http, id) = (Arc::clone(&self.router), self.http.clone(), self.next);
        let write = || async move {
            let Some((_, ip)) = router.pick() else { return Err(Answer::Refused) };
            let status = client::post(&http, ip, id, id, "draft").await.map_err(|error| of_error(&error))?;
            if status == 201 {
                Ok(())
            } else {
                Err(Answer::Error { code: status.as_str().into(), text: status.to_string() })
            }
        };
        vec![Signal::Query { of: WRITE.into(), answer: self.canary.look(write).await }]
    }
}
