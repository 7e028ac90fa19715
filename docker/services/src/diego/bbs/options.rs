//! What the BBS is told.

use std::{net::IpAddr, time::Duration};

use clap::Parser;

use crate::diego::{consul::Agent, lock::Rules, scale::Scale};

/// Diego's intervals, in real time.
const SESSION_TTL: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_secs(5);
/// That of Consul's client.
const RENEW_RETRY: Duration = Duration::from_secs(1);
/// How often actual is compared to desired.
pub(super) const CONVERGENCE: Duration = Duration::from_secs(30);
/// How long the registration lasts without being renewed.
pub(super) const REGISTRATION: Duration = Duration::from_secs(3);

/// Diego's bulletin board system over etcd and Consul.
#[derive(Debug, Clone, Parser)]
#[command(name = "bbs")]
pub struct Options {
    /// Who this is, in the lock's value.
    #[arg(long, env = "NODE_NAME")]
    pub name: String,
    /// The address that others reach it at.
    #[arg(long, env = "NODE_IP")]
    pub advertise: IpAddr,
    /// Its port; closed while another leads.
    #[arg(long, default_value_t = 8889)]
    pub port: u16,
    /// The port of its metrics page, which is always open.
    #[arg(long, default_value_t = 8890)]
    pub metrics_port: u16,
    /// The local Consul agent.
    #[arg(long, default_value = "127.0.0.1:8500")]
    pub consul: String,
    /// etcd's members.
    #[arg(long, env = "ETCD_CLUSTER", value_delimiter = ',', required = true)]
    pub etcd: Vec<String>,
    /// The lock's key.
    #[arg(long, default_value = "v1/locks/bbs_lock")]
    pub lock_key: String,
    /// Give the lock up as soon as Consul cannot be read, as Consul's client of the time
    /// did: losing Consul's leader is enough. Else when the session may have ended.
    #[arg(long, env = "STRICT_LOCK")]
    pub strict_lock: bool,
    /// By how much faster than Diego's the intervals are.
    #[arg(long, env = "SCALE", default_value_t = Scale::REAL)]
    pub scale: Scale,
}

impl Options {
    /// The local agent.
    pub(super) fn agent(&self) -> Agent {
        Agent::at(&self.consul)
    }

    /// The lock's times.
    pub(super) fn rules(&self) -> Rules {
        Rules {
            ttl: self.scale.of(SESSION_TTL),
            retry: self.scale.of(LOCK_RETRY),
            renew_retry: self.scale.of(RENEW_RETRY),
            strict: self.strict_lock,
        }
    }
}
