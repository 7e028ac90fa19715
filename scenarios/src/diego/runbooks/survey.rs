//! What a person on call finds out before anything is touched: of each member of etcd,
//! whether it runs, answers, has a leader and its log, and who started it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::try_join_all;
use reenact::{Result, probe::Answer, runbook::Operator};

use super::super::{
    ETCDS, Setup,
    etcd::{Member, Status},
    http::Http,
    signals::Hash,
    words::{PORT_TAKEN, ends_as_pattern},
};

/// How long one answer may take.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// A client of one member, as an operator's `curl` is.
pub(super) fn member(operator: &Operator<'_>, setup: Setup, node: &str) -> Result<Member> {
    Ok(Member::new(operator.ip(node)?, setup.etcd, &Http::new()))
}

/// One member, as it is found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) node: &'static str,
    /// Whether its machine is up.
    pub(super) up: bool,
    /// What it says of itself, or how it is silent.
    pub(super) status: Result<Status, Answer>,
    /// What its version 3 keys come to, if it answers.
    hash: Option<Hash>,
    /// Whether it has a log: without one it is a new member.
    pub(super) has_log: bool,
    /// The process in the supervisor's file, and the one that listens; either may be none.
    pub(super) pidfile: String,
    pub(super) listener: String,
    /// Whether the start script of the one that listens still waits for it.
    is_starting: bool,
    /// How far it had come when it was last started, by its log.
    started_at: Option<u64>,
    /// What it last ended with, by its log; it may have started since.
    pub(super) last_words: String,
    /// Whether it is told to be a cluster of its own, with the data that it has.
    pub(super) is_forced: bool,
}

/// What a person reads on the machine, as `name=value`.
fn script() -> String {
    let ends = ends_as_pattern();
    format!(
        "echo log=$(ls /var/vcap/store/etcd/member/wal/*.wal 2>/dev/null | wc -l)
        echo pidfile=$(cat /var/vcap/sys/run/etcd/etcd.pid 2>/dev/null)
        listener=$(ss -Hltnp 'sport = :7001' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p')
        echo listener=$listener
        [[ -z $listener ]] || echo parent=$(ps -o comm= -p $(ps -o ppid= -p $listener))
        said=/var/vcap/sys/log/etcd/etcd.log
        echo started=$(grep -oE 'at commit index [0-9]+|\"commit-index\":[0-9]+' $said | tail -n 1 | grep -oE '[0-9]+$')
        echo last=$(tail -n 400 $said | grep -E '{ends}' | tail -n 1)
        echo forced=$(grep -c 'FLAGS=.*--force-new-cluster' /var/vcap/jobs/settings)"
    )
}

/// The three members, as they are found.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) members: Vec<Found>,
}

impl Found {
    async fn look(operator: &Operator<'_>, setup: Setup, node: &'static str) -> Result<Self> {
        let member = member(operator, setup, node)?;
        let (status, hash) = tokio::join!(member.status(LIMIT), member.hash(LIMIT));
        let up = operator.is_up(node).await?;
        let said = if up { operator.must(node, &["bash", "-c", &script()]).await? } else { String::new() };
        let value = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        Ok(Self {
            node,
            up,
            status,
            hash: hash.ok(),
            has_log: !matches!(value("log=").as_str(), "" | "0"),
            pidfile: value("pidfile="),
            listener: value("listener="),
            is_starting: value("parent=") == "etcd_ctl",
            started_at: value("started=").parse().ok(),
            last_words: value("last="),
            is_forced: !matches!(value("forced=").as_str(), "" | "0"),
        })
    }

    /// Whether it answers and knows a leader.
    pub(super) fn is_led(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.leader != 0)
    }

    /// Whether an etcd listens that the supervisor does not know.
    pub(super) fn is_orphaned(&self) -> bool {
        !self.listener.is_empty() && self.listener != self.pidfile
    }

    /// Whether an etcd that answers is one that the supervisor does not know. (One that
    /// waits for its peers, or whose start script has not ended, is not written down yet.)
    pub(super) fn is_orphan(&self) -> bool {
        self.is_orphaned() && self.is_led() && !self.is_starting
    }

    /// Whether it does not answer, and has said that its data do not let it start.
    pub(super) fn cannot_start(&self) -> bool {
        self.up && self.status.is_err() && !self.last_words.is_empty() && !self.last_words.contains(PORT_TAKEN)
    }

    /// How far its log goes, if it answers; else how far it went at its last start, if it
    /// got as far as that. (Restarted without a quorum it does not answer.)
    pub(super) fn index(&self) -> Option<u64> {
        match &self.status {
            Ok(status) => Some(status.index),
            Err(_) if self.has_log && !self.cannot_start() => self.started_at,
            Err(_) => None,
        }
    }
}

impl Survey {
    /// Looks at all of them.
    pub(super) async fn take(operator: &Operator<'_>, setup: Setup) -> Result<Self> {
        let members = try_join_all(ETCDS.map(|node| Found::look(operator, setup, node))).await?;
        Ok(Self { members })
    }

    /// The member of that name.
    pub(super) fn of(&self, node: &str) -> Option<&Found> {
        self.members.iter().find(|found| found.node == node)
    }

    /// The members that have a leader, if they are a majority of one cluster.
    pub(super) fn quorum(&self) -> Vec<&Found> {
        let led: Vec<_> = self.members.iter().filter(|found| found.is_led()).collect();
        let in_cluster =
            |id| led.iter().copied().filter(|f| f.status.as_ref().is_ok_and(|s| s.cluster == id)).collect();
        let clusters = led.iter().filter_map(|found| Some(found.status.as_ref().ok()?.cluster));
        let groups = clusters.map(in_cluster);
        groups.into_iter().find(|group: &Vec<_>| group.len() > self.members.len() / 2).unwrap_or_default()
    }

    /// The clusters that those who answer are in.
    pub(super) fn clusters(&self) -> BTreeSet<u64> {
        self.members.iter().filter_map(|found| Some(found.status.as_ref().ok()?.cluster)).collect()
    }

    /// The members that hold other data than most of those at the same revision.
    pub(super) fn odd(&self) -> Vec<&'static str> {
        let mut same: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (found, hash) in self.members.iter().filter_map(|found| Some((found, found.hash?))) {
            same.entry((hash.revision, hash.compacted, hash.hash)).or_default().push(found.node);
        }
        let differs = |of: &(u64, u64, u64), than: &(u64, u64, u64)| (of.0, of.1) == (than.0, than.1) && of != than;
        let outnumbered = |(sum, names): &(&(u64, u64, u64), &Vec<&str>)| {
            same.iter().any(|(other, others)| differs(sum, other) && others.len() > names.len())
        };
        same.iter().filter(outnumbered).flat_map(|(_, names)| names.clone()).collect()
    }

    /// Whether all members are in one cluster, led, and owned by their supervisors, and
    /// hold the same.
    pub(super) fn is_whole(&self) -> bool {
        self.quorum().len() == self.members.len()
            && !self.members.iter().any(Found::is_orphaned)
            && self.odd().is_empty()
    }

    /// Who has what, in a line each.
    pub(super) fn says(&self) -> String {
        let one = |found: &Found| match &found.status {
            Ok(Status { leader, index, .. }) if *leader != 0 => format!("{} is led, at {index}", found.node),
            Ok(Status { index, .. }) => format!("{} has no leader, at {index}", found.node),
            Err(_) if !found.up => format!("{} is down", found.node),
            Err(_) if found.cannot_start() => format!("{} does not start: {}", found.node, found.last_words),
            Err(_) => format!("{} does not answer", found.node),
        };
        self.members.iter().map(one).collect::<Vec<_>>().join("; ")
    }
}
