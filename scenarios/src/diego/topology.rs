//! The machines, and what each is told at its first boot.

use std::{collections::HashMap, net::Ipv4Addr};

use reenact::testbed::{Disk, NodeSpec};

use super::{BBSES, CC, CONSULS, DB, ETCDS, Setup};
use crate::postgres;

/// Where persistent data is.
const STORE: &str = "/var/vcap/store";
/// Two segments of etcd's log, of 64 MB each, its database and its snapshots.
const ETCD_DISK: Disk = Disk::volume(STORE, 384);
/// Consul's log and snapshots.
const CONSUL_DISK: Disk = Disk::volume(STORE, 64);

/// All nodes' names.
pub(super) fn names() -> Vec<&'static str> {
    [&ETCDS[..], &CONSULS, &BBSES, &[CC, DB]].concat()
}

/// The images of the machines, and of the database.
pub(super) struct Images {
    pub(super) diego: String,
    pub(super) postgres: String,
}

/// All machines at these addresses.
pub(super) fn specs(setup: Setup, images: &Images, ips: &HashMap<&'static str, Ipv4Addr>) -> Vec<NodeSpec> {
    let told = Told { setup, images, ips };
    let etcds = ETCDS.map(|name| told.machine(name, "etcd", vec![ETCD_DISK]));
    let consuls = CONSULS.map(|name| told.machine(name, "consul_agent", vec![CONSUL_DISK]));
    let bbses = BBSES.map(|name| told.machine(name, "consul_agent bbs", Vec::new()));
    let cc = told.machine(CC, "cloud-controller rep", Vec::new());
    let db = postgres::machine(DB, images.postgres.clone());
    etcds.into_iter().chain(consuls).chain(bbses).chain([cc, db]).collect()
}

struct Told<'a> {
    setup: Setup,
    images: &'a Images,
    ips: &'a HashMap<&'static str, Ipv4Addr>,
}

impl Told<'_> {
    fn list(&self, names: &[&str], each: impl Fn(&str, Ipv4Addr) -> String) -> String {
        names.iter().map(|&name| each(name, self.ips[name])).collect::<Vec<_>>().join(",")
    }

    fn machine(&self, name: &'static str, jobs: &str, disks: Vec<Disk>) -> NodeSpec {
        let Setup { etcd, flags, raft_protocol, strict, .. } = self.setup;
        let mut env = vec![
            format!("JOBS={jobs}"),
            format!("NODE_NAME={name}"),
            format!("NODE_IP={}", self.ips[name]),
            format!("ETCD={}", etcd.name()),
            format!("ETCDS={}", self.list(&ETCDS, |name, ip| format!("{name}={ip}"))),
            format!("FLAGS={flags}"),
            format!("CONSUL_SERVERS={}", self.list(&CONSULS, |_, ip| ip.to_string())),
            format!("RAFT_PROTOCOL={raft_protocol}"),
            "SESSION_TTL_MIN=1s".into(),
            format!("START_LIMIT_S={}", self.setup.start_limit_s(name)),
            format!("SCALE={}", Setup::SCALE),
            format!("BBS={}", self.list(&BBSES, |_, ip| format!("{ip}:8889"))),
            format!("DATABASE_URL=postgres://app@{}:5432/app", self.ips[DB]),
            format!("NSYNC_S={}", Setup::NSYNC_S),
            format!("POLL_S={}", Setup::NSYNC_S),
        ];
        env.extend(strict.then(|| "STRICT_LOCK=true".into()));
        NodeSpec { name, image: self.images.diego.clone(), env, disks, ..NodeSpec::default() }
    }
}
