//! What a monitor sees of replication, and what it makes of it.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use async_trait::async_trait;
use reenact::{
    detect::{Finding, Rule, View},
    detector,
    probe::{Answer, Moment, Observation, Probe, Signal},
    testbed::Node,
};

use crate::redis::{self, Trouble};

pub const TWO_PRIMARIES: &str = "redis/two_primaries";
const QUESTION: &str = "redis:replication";
/// A failover by the book has two for a moment: 0.1 s were seen.
const HOLD: Duration = Duration::from_secs(1);
/// Servers are asked four times a second, and have a second to reply.
const FRESH: Duration = Duration::from_secs(3);

detector! {
    TWO_PRIMARIES,
    "Two servers say that they are primary, and both accept writes: those of one will be thrown away.",
    Rule::new(HOLD, two_primaries),
}

/// Asks a server for its role, as a monitor would.
pub struct Replication(String, Ipv4Addr);

impl Replication {
    pub fn new(node: &Node) -> Self {
        Self(node.name().into(), node.ip())
    }
}

#[async_trait]
impl Probe for Replication {
    fn node(&self) -> &str {
        &self.0
    }

    async fn look(&mut self) -> Vec<Signal> {
        let answer = match redis::replication(self.1).await {
            Ok(values) => Answer::Values { values },
            Err(Trouble::Refused(text)) => Answer::Error { code: "redis".into(), text },
            Err(Trouble::Broken(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Answer::Refused,
            Err(Trouble::Broken(_)) => Answer::Hung { during: "query".into() },
        };
        vec![Signal::Query { of: QUESTION.into(), answer }]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        match signal {
            Signal::Query { answer, .. } => Some(answer.get("role").unwrap_or("no answer").into()),
            _ => None,
        }
    }
}

/// Each server's latest answer.
#[derive(Default)]
struct Answers {
    now: Moment,
    latest: BTreeMap<String, (Moment, Answer)>,
}

impl View for Answers {
    fn observe(&mut self, seen: &Observation) {
        self.now = seen.at;
        if let Signal::Query { of, answer } = &seen.signal
            && of == QUESTION
        {
            self.latest.insert(seen.node.clone(), (seen.at, answer.clone()));
        }
    }

    fn is_blank(&self) -> bool {
        self.latest.is_empty()
    }
}

fn two_primaries(view: &Answers) -> Finding {
    let fresh: Vec<_> = view.latest.iter().filter(|(_, (at, _))| view.now.since(*at) <= FRESH).collect();
    if fresh.len() < 2 {
        return Finding::CannotTell(format!("{} servers were asked lately", fresh.len()));
    }
    let evidence = fresh.iter().filter_map(|(node, (_, answer))| Some(format!("{node}: {}", accepts(answer)?)));
    let evidence: Vec<_> = evidence.collect();
    if evidence.len() < 2 { Finding::No } else { Finding::Yes(evidence) }
}

/// A primary refuses writes while it has fewer good replicas than it must have.
fn accepts(answer: &Answer) -> Option<String> {
    let number = |name| answer.get(name).and_then(|value| value.parse::<u32>().ok());
    let needed = number("min-replicas-to-write").unwrap_or(0);
    let enough = number("min_slaves_good_slaves").is_none_or(|good| good >= needed);
    let is_primary = answer.get("role") == Some("master");
    (is_primary && enough).then(|| format!("role:master, {needed} replicas needed to accept a write"))
}

#[cfg(test)]
mod tests {
    use reenact::detect::{Detector, Verdict};

    use super::*;

    /// Asks n1 and n2 at these moments; each says its role and how many good replicas it has of one that it needs.
    fn fires(at: &[u64], servers: [(&str, &str); 2]) -> bool {
        let mut rule = Rule::new(HOLD, two_primaries);
        let mut last = Verdict::Quiet;
        for (at, (node, (role, good))) in at.iter().flat_map(|at| ["n1", "n2"].into_iter().zip(servers).map(move |it| (*at, it))) {
            let values = [("role", role), ("min_slaves_good_slaves", good), ("min-replicas-to-write", "1")];
            let values = values.map(|(name, value)| (name.into(), value.into())).into();
            let signal = Signal::Query { of: QUESTION.into(), answer: Answer::Values { values } };
            last = rule.observe(&Observation { at: Moment(at), wall: Default::default(), node: node.into(), signal });
        }
        matches!(last, Verdict::Fired { .. })
    }

    #[test]
    fn two_that_accept_writes_are_told_after_the_hold() {
        let both = [("master", "1"), ("master", "1")];
        assert!(fires(&[0, 500, 1000], both));
        assert!(!fires(&[0, 500, 999], both));
    }

    #[test]
    fn one_that_refuses_writes_or_follows_is_no_second_primary() {
        assert!(!fires(&[0, 1000], [("master", "1"), ("master", "0")]));
        assert!(!fires(&[0, 1000], [("master", "1"), ("slave", "1")]));
    }
}
