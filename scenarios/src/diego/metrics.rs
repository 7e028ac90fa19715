//! Who is scraped: etcd and Consul by their own pages, the BBS by the names that its values have
//! behind Cloud Foundry's firehose, each machine, and what answers from outside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reenact::{
    metrics::{Exports, Kind, Monitored, Sample, Series, TIMEOUT, exporters},
    testbed::Node,
};

use super::{
    CONSULS, DB, Diego, ETCDS,
    bbs::{self, Bbs},
};
use crate::{answer::describe, postgres};

/// The ports of etcd's clients and peers.
const ETCD: [u16; 2] = [4001, 7001];
/// The ports of Consul's API and of its servers.
const CONSUL: [u16; 2] = [8500, 8300];
/// What the values of the BBS begin with behind the firehose.
const FIREHOSE: &str = "firehose_value_metric_bbs_";

/// All that is scraped. The BBS's own port is not probed: it is closed on the one that waits.
pub(super) fn monitored(diego: &Diego) -> Vec<Monitored> {
    let mut all: Vec<_> = diego.bed.nodes().iter().map(exporters::node).collect();
    for node in diego.of(&ETCDS) {
        all.extend([Monitored::page("etcd", node, ETCD[0], "/metrics"), Monitored::http(node, ETCD[0], "/health")]);
        all.extend(ETCD.map(|port| Monitored::tcp(node, port)));
    }
    for node in diego.of(&CONSULS) {
        all.push(Monitored::page("consul", node, CONSUL[0], "/v1/agent/metrics?format=prometheus"));
        all.extend(CONSUL.map(|port| Monitored::tcp(node, port)));
    }
    all.extend(diego.bbses().map(|(node, bbs)| values(node, bbs)));
    all.extend(diego.of(&[DB]).flat_map(postgres::monitored));
    all
}

fn values(node: &Node, bbs: Bbs) -> Monitored {
    Monitored::made("firehose", node.name(), format!("{}:{}", node.name(), bbs::METRICS), Values(bbs))
}

/// What the BBS emits; the firehose's exporter stands outside of Diego.
struct Values(Bbs);

#[async_trait]
impl Exports for Values {
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        let page = self.0.metrics(TIMEOUT).await.map_err(|answer| describe(&answer))?;
        Ok(page.as_str().unwrap_or_default().lines().filter_map(value).collect())
    }
}

/// One line of its page, `NAME VALUE`.
fn value(line: &str) -> Option<Sample> {
    let (name, value) = line.rsplit_once(' ')?;
    let series = Series { name: format!("{FIREHOSE}{}", normalized(name)), labels: BTreeMap::new() };
    Some(Sample { series: series.into(), kind: Kind::Gauge, value: value.parse().ok()? })
}

/// A name as the firehose's exporter writes it, by its own `NormalizeName`: in snake case, where
/// digits stand alone and the last capital before a small letter begins a word. `LRPsDesired` is
/// `lr_ps_desired`.
fn normalized(name: &str) -> String {
    let name: Vec<char> = name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect();
    let is_small = |at: usize| name.get(at).is_some_and(char::is_ascii_lowercase);
    let mut text = String::new();
    for (at, one) in name.iter().enumerate() {
        let begins = match at.checked_sub(1).map(|before| name[before]) {
            Some('a'..='z') => matches!(one, 'A'..='Z' | '0'..='9'),
            Some('A'..='Z') => one.is_ascii_digit() || one.is_ascii_uppercase() && is_small(at + 1),
            Some('0'..='9') => one.is_ascii_alphabetic(),
            _ => false,
        };
        text.extend(begins.then_some('_'));
        text.push(one.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_bbs_have_the_names_that_alerts_know() {
        for (name, written) in [
            ("BBSMasterElected", "bbs_master_elected"),
            ("ETCDLeader", "etcd_leader"),
            ("ETCDRaftTerm", "etcd_raft_term"),
            ("LRPsDesired", "lr_ps_desired"),
            ("LRPsMissing", "lr_ps_missing"),
            ("LockHeld.v1-locks-bbs_lock", "lock_held_v_1_locks_bbs_lock"),
        ] {
            assert_eq!(normalized(name), written);
        }
    }

    #[test]
    fn a_line_that_has_no_value_is_left_out() {
        assert_eq!(value("LRPsMissing -1").map(|sample| sample.value), Some(-1.0));
        assert!(value("LRPsMissing").is_none() && value("LRPsMissing many").is_none());
    }
}
