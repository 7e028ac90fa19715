//! The probes of the blobstore's own signals: its health check, a blob put and read
//! back, and monit's summary.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use reenact::{
    probe::{Answer, Canary, Probe, Signal, Tried},
    testbed::Node,
};

use super::{detectors::WRITE, http::Service};

/// Whether monit sees a process, and all of them run.
pub(super) fn all_run(summary: &Answer) -> bool {
    let Answer::Values { values } = summary else { return false };
    values.len() > 1 && values.values().all(|state| state == "OK")
}

/// What the probes of HTTP services have in common.
struct Asker {
    node: String,
    service: Service,
}

impl Asker {
    fn new(node: &Node) -> Self {
        Self { node: node.name().into(), service: Service::of(node) }
    }
}

/// Asks for `/health`, as a load balancer does.
pub(super) struct Health(Asker);

/// Puts a blob, reads it back, compares and removes it; one that hangs is waited for.
pub(super) struct RoundTrip {
    asker: Asker,
    canary: Canary,
}

/// Asks monit what it sees.
pub(super) struct Monit(Asker);

impl Health {
    pub(super) fn new(node: &Node) -> Self {
        Self(Asker::new(node))
    }
}

impl RoundTrip {
    pub(super) fn new(node: &Node) -> Self {
        let asker = Asker { node: node.name().into(), service: Service::patient(node) };
        Self { asker, canary: Canary::every(Duration::ZERO, &["timed out"]) }
    }
}

impl Monit {
    pub(super) fn new(node: &Node) -> Self {
        Self(Asker::new(node))
    }
}

#[async_trait]
impl Probe for Health {
    fn node(&self) -> &str {
        &self.0.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![Signal::Query { of: "http:health".into(), answer: self.0.service.health().await }]
    }
}

#[async_trait]
impl Probe for RoundTrip {
    fn node(&self) -> &str {
        &self.asker.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let service = self.asker.service.clone();
        let tried = self.canary.look(|| async move { service.round_trip("probe").await }).await;
        let values = || [("put", "201"), ("get", "200"), ("matches", "yes")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let answer = match tried.read() {
            Ok(Tried { done: true, .. }) => Answer::Values { values: BTreeMap::from(values()) },
            Ok(Tried { .. }) => Answer::Hung { during: "request".into() },
            Err(_) => tried.clone(),
        };
        let query = |of: &str, answer| Signal::Query { of: of.into(), answer };
        vec![query("http:roundtrip", answer), query(WRITE, tried)]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        let Signal::Query { of, answer } = signal else { return None };
        if of == WRITE {
            return None;
        }
        Some(match answer {
            Answer::Values { .. } => "serves".into(),
            Answer::Error { code, .. } => format!("answers {code}"),
            Answer::Refused => "refuses".into(),
            Answer::Hung { .. } => "hangs".into(),
        })
    }
}

#[async_trait]
impl Probe for Monit {
    fn node(&self) -> &str {
        &self.0.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![Signal::Query { of: "monit:summary".into(), answer: self.0.service.monit().await }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(states: &[(&str, &str)]) -> Answer {
        Answer::Values { values: states.iter().map(|(name, state)| ((*name).into(), (*state).into())).collect() }
    }

    #[test]
    fn all_run_only_where_there_is_something_to_run() {
        assert!(all_run(&summary(&[("system_localhost", "OK"), ("blobstore_nginx", "OK")])));
        assert!(!all_run(&summary(&[("system_localhost", "OK")])), "the machine alone");
        assert!(!all_run(&summary(&[("system_localhost", "OK"), ("blobstore_nginx", "Does not exist")])));
        assert!(!all_run(&Answer::Refused));
    }
}
