//! Cuts between nodes: blackholes by packet filters, and the unplugged cable.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::{Flow, Node, Testbed};
use reenact_core::{Error, Result};

/// A blackhole: packets between nodes vanish without an answer, as behind a dead
/// switch. Connections stay up until a timer of their own ends them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Sender and receiver of every flow that is dropped.
    flows: Vec<(String, String)>,
    label: String,
}

impl Partition {
    /// Cuts two groups from each other, both ways.
    pub fn between(left: &[&str], right: &[&str]) -> Self {
        let label = format!("{} partitioned from {}", left.join(", "), right.join(", "));
        Self { flows: pairs(left, right).chain(pairs(right, left)).collect(), label }
    }

    /// Cuts one node from all the others named.
    pub fn isolate(node: &str, others: &[&str]) -> Self {
        Self { label: format!("{node} isolated"), ..Self::between(&[node], others) }
    }

    /// Cuts every node from every other one.
    pub fn shatter(nodes: &[&str]) -> Self {
        let flows = pairs(nodes, nodes).filter(|(from, to)| from != to).collect();
        Self { flows, label: format!("{} each isolated", nodes.join(", ")) }
    }

    /// Cuts two nodes from each other while both still see everybody else.
    pub fn bridge(left: &str, right: &str) -> Self {
        Self { label: format!("{left} and {right} apart, bridged by the rest"), ..Self::between(&[left], &[right]) }
    }

    /// Drops what `from` sends to `to`; the other way still passes.
    pub fn one_way(from: &[&str], to: &[&str]) -> Self {
        let label = format!("what {} sends to {} is lost", from.join(", "), to.join(", "));
        Self { flows: pairs(from, to).collect(), label }
    }

    fn resolve(&self, bed: &Testbed) -> Result<Vec<Flow>> {
        let flow = |(from, to): &(String, String)| Ok(Flow { from: bed.node(from)?.ip(), to: bed.node(to)?.ip() });
        self.flows.iter().map(flow).collect()
    }

    /// Those that a node still exchanges anything with, by way of others too, itself among them. What passes
    /// one way only counts as well.
    fn reached<'v>(&self, node: &'v str, all: &[&'v str]) -> Vec<&'v str> {
        let mut reached = vec![node];
        let mut at = 0;
        while at < reached.len() {
            let from = reached[at];
            let is_cut = |to: &str| self.drops(from, to) && self.drops(to, from);
            let is_new = |to: &&&str| !(reached.contains(*to) || is_cut(to));
            let new: Vec<_> = all.iter().filter(is_new).copied().collect();
            reached.extend(new);
            at += 1;
        }
        reached
    }

    fn drops(&self, from: &str, to: &str) -> bool {
        self.flows.iter().any(|(sender, receiver)| sender == from && receiver == to)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

fn pairs<'a>(left: &'a [&str], right: &'a [&str]) -> impl Iterator<Item = (String, String)> + 'a {
    left.iter().flat_map(move |from| right.iter().map(move |to| ((*from).to_owned(), (*to).to_owned())))
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for Partition {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let name = bed.rule_name();
        bed.firewall().drop_flows(&name, &self.resolve(bed)?).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.firewall().lift(&name).await }))
    }

    /// Pings over every pair of running nodes: the cut ones get no answer; the others
    /// are the control. Where one way only is cut, the request must still arrive
    /// (the receiver's kernel counts it).
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let (mut cut, mut seen) = (Vec::new(), Vec::new());
        let (mut control, mut parts) = (Vec::new(), Vec::new());
        for link in Link::all(bed).await? {
            let (there, back) = (self.drops(&link.from, &link.to), self.drops(&link.to, &link.from));
            if !there && !back {
                control.extend(link.answered.then(|| link.to_string()));
                continue;
            }
            let mut as_meant = !link.answered;
            if as_meant && !there {
                as_meant = link.request_arrives(bed).await?;
                seen.push(format!("{}→{} {}", link.from, link.to, if as_meant { "arrives" } else { "lost" }));
            }
            seen.push(link.to_string());
            cut.push(as_meant);
            parts.extend((!link.answered).then(|| link.to_string()));
        }
        if cut.is_empty() {
            return Ok(Effect::new(false, "too few nodes run to show it"));
        }
        let holds = cut.into_iter().all(|as_meant| as_meant);
        Ok(Effect { control, parts, ..Effect::new(holds, format!("ping: {}", seen.join(", "))) })
    }

    fn leaves_in_a_minority<'v>(&self, voters: &[&'v str]) -> Vec<&'v str> {
        let has_no_majority = |voter: &&'v str| self.reached(voter, voters).len() * 2 <= voters.len();
        voters.iter().copied().filter(has_no_majority).collect()
    }
}

/// One ping from one running node to another.
struct Link {
    from: String,
    to: String,
    answered: bool,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{} {}", self.from, self.to, if self.answered { "answers" } else { "silent" })
    }
}

impl Link {
    /// How long a ping waits, in seconds. An answer takes a tenth of a millisecond;
    /// on a loaded machine of two cores it was never seen to take 50 ms.
    const PATIENCE: &str = "0.4";

    /// Pings over all ordered pairs of running nodes, at once.
    async fn all(bed: &Testbed) -> Result<Vec<Self>> {
        let mut running = Vec::new();
        for node in bed.nodes() {
            let status = node.state().await?;
            if status.running {
                running.push((node, status.pid));
            }
        }
        let mut script = String::new();
        for (from, pid) in &running {
            for (to, _) in running.iter().filter(|(to, _)| to.name() != from.name()) {
                let (ping, from, to) = (Self::ping(*pid, to), from.name(), to.name());
                script.push_str(&format!("( {ping} && echo {from} {to} yes || echo {from} {to} no ) &\n"));
            }
        }
        script.push_str("wait");
        let answers = bed.shell().must(&script).await?;
        let link = |line: &str| {
            let [from, to, answered] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
            Some(Self { from: from.into(), to: to.into(), answered: answered == "yes" })
        };
        let mut links: Vec<_> = answers.lines().filter_map(link).collect();
        links.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        Ok(links)
    }

    /// Whether a request reaches the receiver although no answer comes back: its
    /// kernel counts echo requests.
    async fn request_arrives(&self, bed: &Testbed) -> Result<bool> {
        let (from, to) = (bed.node(&self.from)?, bed.node(&self.to)?);
        let (sender, receiver) = (from.state().await?.pid, to.state().await?.pid);
        let count = format!("nsenter -t {receiver} -n nstat -asz IcmpInEchos | tail -1");
        let script = format!("{count}; {}; {count}", Self::ping(sender, to));
        let (_, output) = bed.shell().run(&script).await?;
        let counts: Vec<u64> = output.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect();
        Ok(matches!(counts[..], [before, after] if after > before))
    }

    fn ping(pid: i64, to: &Node) -> String {
        format!("nsenter -t {pid} -n ping -c1 -W{} {} >/dev/null 2>&1", Self::PATIENCE, to.ip())
    }
}

/// The unplugged cable: the node's interface is gone, and it knows. New connects
/// fail at once with no route, which is another fault than a blackhole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disconnect {
    /// The node.
    pub node: String,
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} unplugged from the network", self.node)
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for Disconnect {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let node = bed.node(&self.node)?.clone();
        bed.disconnect(&node).await?;
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.connect(&node).await }))
    }

    /// The node's network namespace holds no interface but `lo`.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        let status = bed.node(&self.node)?.state().await?;
        if !status.running {
            return Ok(Effect::new(false, format!("{} does not run", self.node)));
        }
        let pid = status.pid;
        let listed = bed.shell().must(&format!("cat /proc/{pid}/net/dev")).await?;
        let names = listed.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
        let others: Vec<_> = names.filter(|name| *name != "lo").collect();
        Ok(Effect::new(others.is_empty(), format!("interfaces of {}: lo {}", self.node, others.join(" "))))
    }

    fn leaves_in_a_minority<'v>(&self, voters: &[&'v str]) -> Vec<&'v str> {
        let is_alone = |voter: &&'v str| *voter == self.node && voters.len() > 1;
        voters.iter().copied().filter(is_alone).collect()
    }
}

/// A cut that comes and goes, as a loose cable or a rebooting switch does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    /// What is cut.
    pub cut: Partition,
    /// How long it is cut each time.
    pub down: Duration,
    /// How long it is whole in between.
    pub up: Duration,
}

impl fmt::Display for Flap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?} on and {:?} off", self.cut, self.down, self.up)
    }
}

#[async_trait]
impl<S: OnTestbed> Fault<S> for Flap {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        let flows = self.cut.resolve(bed)?;
        let name = bed.rule_name();
        bed.firewall().drop_flows(&name, &flows).await?;
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let (flap, task_bed) = (self.clone(), bed.clone());
        let task = tokio::spawn(async move {
            let mut is_down = true;
            loop {
                let stretch = if is_down { flap.down } else { flap.up };
                if tokio::time::timeout(stretch, &mut stopped).await.is_ok() {
                    // Told to stop: leave it whole.
                    return if is_down { task_bed.firewall().lift(&name).await } else { Ok(()) };
                }
                if is_down {
                    task_bed.firewall().lift(&name).await?;
                } else {
                    task_bed.firewall().drop_flows(&name, &flows).await?;
                }
                is_down = !is_down;
            }
        });
        Ok(Undo::by(async move {
            drop(stop);
            task.await.map_err(|error| Error::Bug(format!("the flapping task: {error}")))?
        }))
    }

    /// The cut is seen in one of its down phases.
    async fn effect(&self, system: &S) -> Result<Effect> {
        let bed = system.bed();
        self.cut.effect(bed).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

    #[test]
    fn a_bridge_cuts_one_pair_only() {
        let bridge = Partition::bridge("n1", "n2");
        assert!(bridge.drops("n1", "n2") && bridge.drops("n2", "n1"));
        assert!(!bridge.drops("n1", "n3") && !bridge.drops("n3", "n2"));
    }

    #[test]
    fn one_way_leaves_the_way_back() {
        let cut = Partition::one_way(&["n2", "n3"], &["n1"]);
        assert!(cut.drops("n2", "n1") && cut.drops("n3", "n1"));
        assert!(!cut.drops("n1", "n2"));
    }

    /// Through the trait, as a system's run asks.
    fn minority<'v>(fault: &dyn Fault<Testbed>, voters: &[&'v str]) -> Vec<&'v str> {
        fault.leaves_in_a_minority(voters)
    }

    #[test]
    fn a_minority_is_who_reaches_no_majority_of_the_voters_by_any_way() {
        let three = &NODES[..3];
        assert_eq!(minority(&Partition::isolate("n1", &["n2", "n3"]), three), ["n1"]);
        assert_eq!(minority(&Partition::between(&["n1", "n4"], &["n2", "n3"]), three), ["n1"], "n4 is no voter");
        assert_eq!(minority(&Partition::between(&["n1", "n2"], &["n3", "n4"]), &NODES), NODES, "two halves");
        assert_eq!(minority(&Partition::shatter(three), three), three);
        let whole: [&str; 0] = [];
        assert_eq!(minority(&Partition::bridge("n1", "n2"), three), whole, "by way of n3");
        assert_eq!(minority(&Partition::one_way(&["n1"], &["n2", "n3"]), three), whole, "it still hears them");
        let disconnected = |node: &str| Disconnect { node: node.into() };
        assert_eq!(minority(&disconnected("n2"), three), ["n2"]);
        assert_eq!(minority(&disconnected("n2"), &["n2"]), whole, "one voter is a majority");
        assert_eq!(minority(&disconnected("n9"), three), whole);
        let cut = Partition::isolate("n1", &["n2", "n3"]);
        let flap = Flap { cut, down: Duration::from_secs(1), up: Duration::from_secs(1) };
        assert_eq!(minority(&flap, three), whole, "it comes back in between");
    }

    proptest! {
        #[test]
        fn a_partition_is_symmetric_and_spares_each_side(split in 1_usize..4) {
            let (left, right) = NODES.split_at(split);
            let cut = Partition::between(left, right);
            for from in NODES {
                for to in NODES {
                    let apart = left.contains(&from) != left.contains(&to);
                    prop_assert_eq!(cut.drops(from, to), apart);
                }
            }
        }

        #[test]
        fn shatter_leaves_no_pair(count in 2_usize..=4) {
            let cut = Partition::shatter(&NODES[..count]);
            prop_assert_eq!(cut.flows.len(), count * (count - 1));
        }
    }
}
