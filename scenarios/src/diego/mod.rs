//! Diego's state: the BBS, and the etcd and Consul that it stands on (report 003).
//!
//! After trouble with the network or the disks, etcd loses its quorum or its data, Consul
//! its leader, and the BBS its lock; none of them says so, and each is blamed for another.
//!
//! etcd and Consul are the real ones, three of each; the BBS, the Cloud Controller and the
//! cell are stand-ins of `docker/services`, as faithful as the report needs. All run under
//! monit, on machines of `docker/diego`.

mod advice;
mod bbs;
mod client;
mod consul;
pub mod detectors;
mod diagnose;
mod etcd;
mod faults;
mod health;
mod http;
mod implied;
mod metrics;
mod incidents {
    //! One file per incident or twin.
    automod::dir!("src/diego/incidents");
}
mod monit;
mod probes;
mod report;
mod runbooks;
mod signals;
mod stories;
mod topology;
mod words;

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use reenact::{
    Error, Result,
    campaign::{FaultSpace, FaultSpec, Menu, Playground, Remedy},
    fault::{OnTestbed, Signal},
    history::Guarantee,
    incident::{Deploy, Lab, Promise, System},
    judge::Contents,
    metrics::Monitored,
    poll::{self, Look},
    probe::{LogTail, Machine, Probe},
    runbook::Hands,
    testbed::{Node, Session, Testbed},
    workload::{Traffic, Workload},
};

use bbs::{Bbs, CloudController};
use client::User;
use consul::Agent;
use detectors::{
    CONSUL_DEAD_VOTERS, CONSUL_FEW_VOTERS, CONSUL_OLD_PEERS, CONSUL_QUORUM_LOST, JOB_DOWN, LOCK_STUCK, MEMBER_CORRUPT,
    MEMBER_REMOVED, MEMBER_WIPED, ORPHAN, QUORUM_LOST, SILENT_CORRUPTION, SPLIT_CLUSTER,
};
use etcd::{Member, Version};
use faults::{
    AloneByPeersJson, BbsFrozen, Damage, Damaged, DeadVoters, ForeignGossipKey, LeaderMoved, LockTaken, MemberRemoved,
    NewKeyInConfig, RaftDatabaseCorrupt, Readdressed, SpaceUsedUp, ToldToFound, Wiped, WrongFlag,
};
use http::Http;
use monit::Monit;
use probes::{Asks, Intervals, Owner, Question, SyntheticWrite};
use runbooks::{
    BringMembersBack, BringServersBack, FreeLock, KillallEtcd, RebuildFromSurvivor, SameFlags, WritePeersJson,
};
use topology::Images;

use crate::{answer::describe, start_missing::StartMissing};

/// etcd's members.
const ETCDS: [&str; 3] = ["etcd1", "etcd2", "etcd3"];
/// Consul's servers.
const CONSULS: [&str; 3] = ["consul1", "consul2", "consul3"];
/// The BBSes, each with an agent of Consul's.
const BBSES: [&str; 2] = ["bbs1", "bbs2"];
/// The Cloud Controller, and a cell beside it.
const CC: &str = "cc";
/// The Cloud Controller's database.
const DB: &str = "db";

/// How many applications there are before any incident.
const APPS: u32 = 10;
/// How long the Cloud Controller may take to serve at first, on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How Diego is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    etcd: Version,
    /// More flags of etcd's.
    flags: &'static str,
    /// Consul's; 2 as in 2016, or 3.
    raft_protocol: u8,
    /// Whether the BBS gives its lock up as soon as Consul has no leader, as Consul's
    /// client of 2016 did.
    strict: bool,
    /// The machines on which monit kills a start script as soon as Diego's does: a loaded machine can need that long for
    /// a start that goes well, so only where that is the incident it may come to it.
    hasty: &'static [&'static str],
}

impl Setup {
    /// etcd 3.4, raft protocol 3.
    pub(crate) const PLAIN: Self = Self { etcd: Version::V3_4, flags: "", raft_protocol: 3, strict: false, hasty: &[] };
    /// The same with monit's limit of Diego on the first machine of etcd.
    pub(crate) const HASTY_FIRST: Self = Self { hasty: &[ETCDS[0]], ..Self::PLAIN };
    /// The same on all of etcd's.
    pub(crate) const HASTY: Self = Self { hasty: &ETCDS, ..Self::PLAIN };

    /// After so many seconds monit kills a start script: Diego's 10, or not far more, for monit listens to nobody while it
    /// waits.
    fn start_limit_s(&self, machine: &str) -> u32 {
        if self.hasty.contains(&machine) { 10 } else { 20 }
    }

    /// By how much faster than Diego's the BBS's intervals are. A session lives for 5 s
    /// here: longer than Consul takes to elect a leader, so that the lock outlives that, as
    /// Diego's outlived it with 10 s.
    const SCALE: u32 = 2;
    /// From one pass of nsync to the next, in seconds before scaling; 30 in Diego.
    const NSYNC_S: u32 = 6;

    /// From one pass of nsync to the next, as it passes here.
    const NSYNC: Duration = Duration::from_millis((Self::NSYNC_S * 1000 / Self::SCALE) as u64);
    /// After which a BBS tries the lock again: 5 s in Diego.
    const RETRY: Duration = Duration::from_millis((5000 / Self::SCALE) as u64);
}

/// Some ten writes a second, of which one is an application: see `client`.
const TRAFFIC: Traffic = Traffic { clients: 3, think: (Duration::from_millis(150), Duration::from_millis(300)) };

/// The deployed Diego.
pub(crate) struct Diego {
    bed: Testbed,
    setup: Setup,
    http: Http,
    damaged: Damaged,
}

impl Diego {
    async fn push(&self) -> Look<()> {
        let cloud_controller = self.cloud_controller();
        for number in 1..=APPS {
            if let Err(answer) = cloud_controller.push(&format!("app-{number}"), Duration::from_secs(2)).await {
                return Look::NotYet(describe(&answer));
            }
        }
        Look::Ready(())
    }

    fn of(&self, names: &'static [&'static str]) -> impl Iterator<Item = &Node> {
        self.bed.nodes().iter().filter(|node| names.contains(&node.name()))
    }

    /// etcd's members, with clients of theirs.
    fn members(&self) -> impl Iterator<Item = (&Node, Member)> {
        self.of(&ETCDS).map(|node| (node, Member::new(node.ip(), self.setup.etcd, &self.http)))
    }

    /// The member of that name.
    fn member(&self, name: &str) -> Result<Member> {
        Ok(Member::new(self.bed.node(name)?.ip(), self.setup.etcd, &self.http))
    }

    /// The server of Consul's of that name.
    fn server(&self, name: &str) -> Result<Agent> {
        Ok(Agent::new(self.bed.node(name)?.ip(), &self.http))
    }

    /// The BBS on that machine.
    fn bbs(&self, name: &str) -> Result<Bbs> {
        Ok(Bbs::new(self.bed.node(name)?.ip(), &self.http))
    }

    /// Consul's servers, with clients of theirs.
    fn servers(&self) -> impl Iterator<Item = (&Node, Agent)> {
        self.of(&CONSULS).map(|node| (node, Agent::new(node.ip(), &self.http)))
    }

    /// The BBSes, with clients of theirs.
    fn bbses(&self) -> impl Iterator<Item = (&Node, Bbs)> {
        self.of(&BBSES).map(|node| (node, Bbs::new(node.ip(), &self.http)))
    }

    fn cloud_controller(&self) -> CloudController {
        let ip = self.of(&[CC]).next().map_or(Ipv4Addr::UNSPECIFIED, Node::ip);
        CloudController::new(ip, &self.http)
    }

    /// What is asked of whom, and how often, in milliseconds.
    fn questions(&self) -> Vec<(u64, &Node, Question)> {
        let mut all = Vec::new();
        for (node, member) in self.members() {
            all.extend([(500, node, Question::Member(member.clone())), (1000, node, Question::Hash(member))]);
        }
        for (node, agent) in self.servers() {
            all.extend([(500, node, Question::Server(agent.clone())), (500, node, Question::Lock(agent))]);
        }
        for (node, bbs) in self.bbses() {
            all.extend([(500, node, Question::Ping(bbs.clone())), (500, node, Question::Metrics(bbs.clone()))]);
            all.push((1000, node, Question::List(bbs)));
        }
        let jobs = |node| (2000, node, Question::Jobs(Monit::new(Node::ip(node), &self.http)));
        all.extend(self.bed.nodes().iter().filter(|node| node.name() != DB).map(jobs));
        all.extend(self.of(&[CC]).map(|node| (1000, node, Question::Apps(self.cloud_controller()))));
        all
    }

    /// The workload's writes that etcd holds, as that member reads them from the quorum.
    async fn written(&self, node: &Node, member: &Member) -> Result<Contents> {
        let unread = |answer| Error::failed(format!("cannot read etcd's keys by {node:?}: {}", describe(&answer)));
        let (tasks, desires) =
            tokio::try_join!(member.keys("/v1/task"), member.keys("/v1/desired_lrp/schedule")).map_err(unread)?;
        Ok(etcd::written(tasks.keys().chain(desires.keys())))
    }
}

reenact::playable!(Diego);

impl Playground for Diego {
    const SYSTEM: &'static str = "diego";
    const NODES: &'static [&'static str] = &NODES;
    const MENU: Menu =
        Menu { peers: &MACHINES, machines: &MACHINES, processes: &PROCESSES, others: pid_files, ..Menu::NOTHING };
    const REMEDIES: &'static [Remedy] = &REMEDIES;
    const PATIENCE: Duration = Duration::from_secs(60);

    fn plain() -> Setup {
        Setup::PLAIN
    }

    fn faults() -> FaultSpace<Self> {
        FaultSpace::engine()
            .with::<Damage>("etcd_damaged")
            .with::<Wiped>("etcd_wiped")
            .with::<ToldToFound>("etcd_told_to_found")
            .with::<LeaderMoved>("etcd_leader_moved")
            .with::<SpaceUsedUp>("etcd_space_used_up")
            .with::<Readdressed>("consul_readdressed")
            .with::<ForeignGossipKey>("consul_foreign_gossip_key")
            .with::<NewKeyInConfig>("consul_new_key_in_config")
            .with::<AloneByPeersJson>("consul_alone_by_peers_json")
            .with::<DeadVoters>("consul_dead_voters")
            .with::<MemberRemoved>("etcd_member_removed")
            .with::<WrongFlag>("etcd_wrong_flag")
            .with::<RaftDatabaseCorrupt>("consul_raft_database_corrupt")
            .with::<LockTaken>("bbs_lock_taken")
            .with::<BbsFrozen>("bbs_frozen")
    }
}

/// What to do about each diagnosis.
const REMEDIES: [Remedy; 9] = [
    Remedy::power_on(&[JOB_DOWN]),
    Remedy { name: "start_missing", cures: &[JOB_DOWN], make: || Box::new(StartMissing(&JOBS)) },
    Remedy {
        name: "bring_members_back",
        cures: &[QUORUM_LOST],
        make: || Box::new(BringMembersBack { setup: Setup::PLAIN }),
    },
    Remedy { name: "killall_etcd", cures: &[ORPHAN], make: || Box::new(KillallEtcd { setup: Setup::PLAIN }) },
    Remedy {
        name: "rebuild_from_survivor",
        cures: &[MEMBER_CORRUPT, MEMBER_WIPED, MEMBER_REMOVED],
        make: || Box::new(RebuildFromSurvivor { setup: Setup::PLAIN, from: None }),
    },
    Remedy { name: "same_flags", cures: &[JOB_DOWN], make: || Box::new(SameFlags { setup: Setup::PLAIN, node: None }) },
    Remedy { name: "bring_servers_back", cures: &[CONSUL_QUORUM_LOST], make: || Box::new(BringServersBack) },
    Remedy {
        name: "write_peers_json",
        cures: &[CONSUL_OLD_PEERS, CONSUL_FEW_VOTERS, CONSUL_DEAD_VOTERS],
        make: || Box::new(WritePeersJson),
    },
    Remedy { name: "free_lock", cures: &[LOCK_STUCK], make: || Box::new(FreeLock) },
];

/// All machines.
const NODES: [&str; 10] = ["etcd1", "etcd2", "etcd3", "consul1", "consul2", "consul3", "bbs1", "bbs2", CC, DB];

/// Those that hold state, and those that ask them.
const MACHINES: [&str; 8] = ["etcd1", "etcd2", "etcd3", "consul1", "consul2", "consul3", "bbs1", "bbs2"];

/// What monit starts again, one of each kind.
const PROCESSES: [(&str, &str, &[Signal]); 3] = [
    ("etcd2", "etcd --name", &[Signal::Kill, Signal::Term, Signal::Stop]),
    ("consul2", "consul agent", &[Signal::Kill, Signal::Term, Signal::Stop]),
    ("bbs1", "bbs", &[Signal::Kill, Signal::Term, Signal::Stop]),
];

/// What monit starts on these machines.
const JOBS: [&str; 4] = [
    "etcd=[e]tcd --name",
    "consul_agent=[c]onsul agent",
    "bbs=(^|/)bbs( |$)",
    "cloud-controller=(^|/)cloud-controller( |$)",
];

/// The pid file of each of them names another process, as after a crash.
fn pid_files() -> Vec<FaultSpec> {
    let path = |job| format!("/var/vcap/sys/run/{job}/{job}.pid");
    [("etcd2", "etcd"), ("consul2", "consul_agent"), ("bbs1", "bbs")]
        .map(|(node, job)| FaultSpec::file_left(node, &path(job), "1"))
        .into()
}

impl OnTestbed for Diego {
    fn bed(&self) -> &Testbed {
        &self.bed
    }
}

#[async_trait]
impl Deploy for Diego {
    fn images(_: &Setup) -> Vec<&'static str> {
        vec!["diego", "postgres"]
    }

    /// Starts all machines, and pushes the first applications.
    async fn deploy(session: &Arc<Session>, lab: &Lab, setup: &Setup) -> Result<Self> {
        let (diego, postgres) = tokio::try_join!(session.image("diego"), session.image("postgres"))?;
        let images = Images { diego, postgres };
        let specs = |ips: &HashMap<&'static str, Ipv4Addr>| topology::specs(*setup, &images, ips);
        let bed = Testbed::create(session, lab.id(), &topology::names(), specs).await?;
        lab.adopt(&bed);
        let diego = Self { bed, setup: *setup, http: Http::new(), damaged: Damaged::default() };
        poll::until("the Cloud Controller to take applications", START_LIMIT, || diego.push()).await?;
        Ok(diego)
    }
}

/// What everybody on call knows of it.
const LAYOUT: &str = "\
etcd1 to etcd3: etcd, clients at 4001, peers at 7001; data in /var/vcap/store/etcd.
  etcdctl --endpoints http://127.0.0.1:4001 endpoint health
consul1 to consul3: Consul, HTTP at 8500, and its agents beside the BBSes; data in /var/vcap/store/consul_agent.
bbs1, bbs2: Diego's BBS, at 8889; the one that holds Consul's lock v1/locks/bbs_lock serves.
cc: the Cloud Controller, and a cell; db: its PostgreSQL. Everything but db runs by monit: settings in /var/vcap/jobs,
logs in /var/vcap/sys/log. `etcd_ctl` and `consul_agent_ctl` are what monit calls.";

/// Of reads by the quorum: they go through the log of the member's own cluster. So only a cluster of its own, or a
/// member that holds other data than its log says, breaks it. A member that is cut off, or that does not start,
/// answers none.
pub(crate) const PROMISE: Promise =
    Promise { reads: Guarantee::Linearizable, unless: &[SPLIT_CLUSTER, SILENT_CORRUPTION] };

#[async_trait]
impl System for Diego {
    type Setup = Setup;

    fn hands(&self) -> Box<dyn Hands> {
        self.bed.hands()
    }

    fn layout(&self) -> &'static str {
        LAYOUT
    }

    fn traffic(&self) -> Traffic {
        TRAFFIC
    }

    fn probes(&self) -> Vec<(Duration, Box<dyn Probe>)> {
        let ms = Duration::from_millis;
        let mut probes: Vec<(Duration, Box<dyn Probe>)> = Vec::new();
        for node in self.bed.nodes() {
            probes.push((Duration::ZERO, Box::new(LogTail::new(node))));
            probes.push((ms(1000), Box::new(Machine::new(node))));
        }
        for (every, node, question) in self.questions() {
            probes.push((ms(every), Box::new(Asks::new(node, question))));
        }
        for (node, member) in self.members() {
            probes.push((ms(1000), Box::new(Owner::new(node, self.bed.probe_shell()))));
            probes.push((ms(1000), Box::new(SyntheticWrite::new(node, member))));
        }
        for node in self.of(&[CC]) {
            // Its interval only bounds how often it would be said again.
            probes.push((Duration::from_secs(3600), Box::new(Intervals::new(node, Setup::NSYNC, Setup::RETRY))));
        }
        probes
    }

    fn monitored(&self) -> Vec<Monitored> {
        metrics::monitored(self)
    }

    fn start_workload(&self, lab: &Lab, traffic: Traffic) -> Workload {
        let bbses: Vec<_> = self.bbses().map(|(_, bbs)| bbs).collect();
        let members: Vec<_> = self.members().map(|(_, member)| member).collect();
        let cloud_controller = self.cloud_controller();
        Workload::start(lab.ledger(), lab.plan().seed, traffic, 1, move |_| {
            User::new(bbses.clone(), cloud_controller.clone(), members.clone())
        })
    }

    /// By quorum reads of every member.
    async fn contents(&self) -> Result<Vec<(String, Contents)>> {
        let mut all = Vec::new();
        for (node, member) in self.members() {
            all.push((node.name().to_owned(), self.written(node, &member).await?));
        }
        Ok(all)
    }

    /// Whoever answers a read by the quorum of its cluster serves. An application that the Cloud
    /// Controller has is not lost: nsync makes it desired once a BBS leads.
    async fn served(&self) -> Vec<(String, Contents)> {
        let Ok(apps) = self.cloud_controller().apps(Duration::from_secs(2)).await else { return Vec::new() };
        let apps = etcd::written(apps.keys());
        let asked = self.members().map(async |(node, member)| {
            let held = self.written(node, &member).await.ok()?;
            Some((node.name().to_owned(), apps.clone().into_iter().chain(held).collect()))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Every application that was pushed is desired.
    async fn settled(&self) -> Look<()> {
        let Some((node, member)) = self.members().next() else { return Look::Ready(()) };
        let apps = match self.cloud_controller().apps(Duration::from_secs(2)).await {
            Ok(apps) => etcd::written(apps.keys()),
            Err(answer) => return Look::NotYet(format!("the Cloud Controller: {}", describe(&answer))),
        };
        match self.written(node, &member).await {
            Ok(held) => match apps.keys().filter(|id| !held.contains_key(id)).count() {
                0 => Look::Ready(()),
                some => Look::NotYet(format!("{some} applications are not desired yet")),
            },
            Err(error) => Look::NotYet(error.to_string()),
        }
    }

    fn promise(&self) -> Option<Promise> {
        Some(PROMISE)
    }

    fn voters(&self) -> Vec<&str> {
        ETCDS.to_vec()
    }

    async fn healthy(&self) -> Look<()> {
        health::check_all(self).await.map_or_else(Look::NotYet, Look::Ready)
    }
}
