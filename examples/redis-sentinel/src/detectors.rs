//! What a monitor sees of replication, and what it makes of it.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use reenact::prelude::*;

use crate::client::{REDIS, ask};

pub const TWO_PRIMARIES: &str = "redis/two_primaries";
pub const QUESTION: &str = "redis:replication";
/// A planned failover has two until the old one is demoted: 14 ms were seen.
const HOLD: Duration = secs(1);
/// Servers are asked four times a second, and have a second to reply.
const FRESH: Duration = secs(3);

detector! {
    TWO_PRIMARIES,
    "Two servers say that they are primary, and both accept writes: those of one will be thrown away.",
    Rule::new(HOLD, two_primaries),
}

/// Asks a server for its role, as a monitor would.
pub async fn replication(ip: Ipv4Addr) -> Answer {
    match ask::<String>(ip, REDIS, &["INFO replication"]).await {
        Ok(info) => info.lines().filter_map(|line| line.split_once(':')).collect(),
        Err(error) => Answer::Error { code: error.category().into(), text: error.to_string() },
    }
}

/// When each server last replied, and whether it is a primary that accepts writes.
#[derive(Default)]
struct Servers {
    now: Moment,
    replied: BTreeMap<String, (Moment, bool)>,
}

impl View for Servers {
    fn observe(&mut self, Observation { at, node, signal, .. }: &Observation) {
        self.now = *at;
        if let Signal::Query { of, answer } = signal
            && of == QUESTION
        {
            // One that must have a replica to accept writes tells how many it has.
            let refuses = answer.get("min_slaves_good_slaves") == Some("0");
            self.replied.insert(node.clone(), (*at, answer.get("role") == Some("master") && !refuses));
        }
    }
}

fn two_primaries(servers: &Servers) -> Finding {
    let fresh: Vec<_> = servers.replied.iter().filter(|(_, (at, _))| servers.now.since(*at) <= FRESH).collect();
    let accept: Vec<_> = fresh.iter().filter(|(_, (_, accepts))| *accepts).collect();
    match (fresh.len(), accept.len()) {
        (0 | 1, _) => Finding::CannotTell("fewer than two servers replied lately".into()),
        (_, 0 | 1) => Finding::No,
        _ => Finding::Yes(accept.iter().map(|(node, _)| format!("{node}: role:master, accepts writes")).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it fires where n1 and n2 have said for so long who they are, and how many replicas follow.
    fn fires(milliseconds: u64, servers: [(&str, &str); 2]) -> bool {
        let mut rule = Rule::new(HOLD, two_primaries);
        let mut say = |at, node: &str, (role, good)| {
            let answer = [("role", role), ("min_slaves_good_slaves", good)].into_iter().collect();
            let signal = Signal::Query { of: QUESTION.into(), answer };
            rule.observe(&Observation { at: Moment(at), wall: Default::default(), node: node.into(), signal })
        };
        let said = [0, milliseconds].map(|at| (say(at, "n1", servers[0]), say(at, "n2", servers[1])));
        matches!(said, [_, (_, Verdict::Fired { .. })])
    }

    #[test]
    fn two_that_accept_writes_are_told_after_the_hold_and_while_they_reply() {
        let after = |milliseconds| fires(milliseconds, [("master", "1"), ("master", "1")]);
        assert_eq!([999, 1000, 3000, 3001].map(after), [false, true, true, false]);
    }

    #[test]
    fn one_that_refuses_writes_or_follows_is_no_second_primary() {
        let other = |other| fires(1000, [("master", "1"), other]);
        assert_eq!([("master", "0"), ("slave", "1")].map(other), [false, false]);
    }
}
