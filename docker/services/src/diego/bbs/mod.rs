//! The bulletin board system: what should run and what runs, kept in etcd, told by the
//! one process that holds a lock in Consul.
//!
//! It starts in Diego's order, each step after the one before is ready: the lock, the
//! HTTP server, the migration, the loop that converges, the registration. So
//! a process that waits for the lock does not listen at all, and one that cannot read
//! the data's version has held the lock for a moment. Whatever ends ends the process:
//! another may hold the lock.

mod api;
mod convergence;
mod metrics;
mod migration;
mod options;
mod store;

use std::{future::Future, net::Ipv4Addr, sync::Arc};

use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

pub use self::options::Options;
use self::{metrics::Metrics, store::Store};
use super::{
    lock::{Claim, News},
    log::Log,
    scale::Scale,
};
use crate::signal::Termination;

const LOG: Log = Log::of("bbs");

/// Why the process ends before it is told to.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the parts share.
struct Bbs {
    options: Options,
    store: Store,
    metrics: Metrics,
    scale: Scale,
}

/// The program. It ends well only at SIGTERM.
///
/// # Errors
/// If the lock is lost, the migration fails, or a port is taken.
pub async fn run(options: Options) -> Result<(), Failure> {
    let mut sigterm = Termination::caught()?;
    let bbs = Arc::new(Bbs::new(options));
    // A page of its own, since the others' port is closed while another leads.
    let page = TcpListener::bind((Ipv4Addr::UNSPECIFIED, bbs.options.metrics_port)).await?;
    let page = tokio::spawn(metrics::serve(page, Arc::clone(&bbs)));
    let mut claim = bbs.claim();
    LOG.info("starting", json!({ "scale": bbs.scale.to_string() }));
    let result = tokio::select! {
        result = lead(&bbs, &mut claim) => result,
        () = sigterm.received() => Ok(()),
    };
    bbs.metrics.leads(false);
    page.abort();
    // Last of all, as it was the first: another leads from here on.
    claim.release().await;
    match &result {
        Ok(()) => LOG.info("exited", json!({})),
        Err(error) => LOG.error("exited-with-failure", error),
    }
    result
}

/// Waits for the lock, then serves for as long as it is held.
async fn lead(bbs: &Arc<Bbs>, claim: &mut Claim) -> Result<(), Failure> {
    LOG.info("lock.acquiring-lock", json!({ "key": bbs.options.lock_key }));
    loop {
        match claim.next().await {
            News::Acquired => break,
            News::Failed(why) => LOG.error("lock.acquire-lock-failed", &why),
            News::Lost(why) => return Err(why.into()),
        }
    }
    LOG.info("lock.acquire-lock-succeeded", json!({}));
    bbs.metrics.leads(true);
    tokio::select! {
        result = serve(bbs) => result,
        why = lost(claim) => {
            LOG.error("lock.lost-lock", &why);
            Err(format!("lock-maintainer exited with error: lost lock: {why}").into())
        }
    }
}

async fn lost(claim: &mut Claim) -> String {
    loop {
        if let News::Lost(why) = claim.next().await {
            return why;
        }
    }
}

/// The steps after the lock, in their order.
async fn serve(bbs: &Arc<Bbs>) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, bbs.options.port)).await?;
    let (migrated, ready) = watch::channel(false);
    let routes = api::routes(Arc::clone(bbs), ready);
    LOG.info("http-server.started", json!({ "port": bbs.options.port }));
    let steps = async {
        migration::run(&bbs.store).await.map_err(|error| {
            LOG.error("migration-manager.failed", &error);
            format!("migration-manager exited with error: {error}")
        })?;
        LOG.info("migration-manager.finished-migrations", json!({}));
        migrated.send_replace(true);
        both(convergence::run(bbs), registration(bbs)).await;
        Ok(())
    };
    tokio::select! {
        result = steps => result,
        ended = axum::serve(listener, routes) => ended.map_err(Into::into),
    }
}

async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::join!(one, other);
}

/// Keeps the service registered with the agent, whatever that does.
async fn registration(bbs: &Bbs) {
    let ttl = bbs.scale.of(options::REGISTRATION);
    let agent = bbs.options.agent();
    let mut registered = false;
    let mut every = tokio::time::interval(ttl / 2);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let said = match registered {
            true => agent.pass("bbs").await,
            false => match agent.register("bbs", bbs.options.port, ttl).await {
                Ok(()) => agent.pass("bbs").await,
                error => error,
            },
        };
        if let Err(error) = &said {
            LOG.error("registration.failed", error);
        }
        registered = said.is_ok();
    }
}

impl Bbs {
    fn new(options: Options) -> Self {
        let scale = options.scale;
        let store = Store::new(options.etcd.clone(), scale);
        Self { options, store, metrics: Metrics::default(), scale }
    }

    fn claim(&self) -> Claim {
        let Options { name, advertise, lock_key, .. } = &self.options;
        let value = json!({ "id": name, "url": format!("http://{advertise}:{}", self.options.port) });
        Claim::new(self.options.agent(), lock_key.clone(), value.to_string().into_bytes(), self.options.rules())
    }
}
