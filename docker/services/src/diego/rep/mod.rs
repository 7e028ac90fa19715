//! A cell: claims instances that no cell has, runs them (as entries in its memory), and
//! says again and again what it runs. So the BBS learns of it anew when etcd has lost it.

mod containers;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use clap::Parser;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use self::containers::{Cell, Containers};
use super::{BbsClient, log::Log, model::ActualLrp, scale::Scale};
use crate::signal::Termination;

const LOG: Log = Log::of("rep");

/// Diego's cell, whose containers are entries in its memory.
#[derive(Debug, Clone, Parser)]
#[command(name = "rep")]
pub struct Options {
    /// Its id.
    #[arg(long, env = "NODE_NAME")]
    pub cell: String,
    /// The address that others reach it at.
    #[arg(long, env = "NODE_IP")]
    pub advertise: IpAddr,
    /// Its port.
    #[arg(long, default_value_t = 1800)]
    pub port: u16,
    /// The BBS's processes, such as `10.0.0.1:8889`.
    #[arg(long, env = "BBS", value_delimiter = ',', required = true)]
    pub bbs: Vec<String>,
    /// The time from one look at the BBS to the next, in seconds, before scaling.
    #[arg(long, env = "POLL_S", default_value_t = 30)]
    pub poll: u64,
    /// By how much faster than Diego's the intervals are.
    #[arg(long, env = "SCALE", default_value_t = Scale::REAL)]
    pub scale: Scale,
}

struct Rep {
    bbs: BbsClient,
    containers: Mutex<Containers>,
    /// Something was stopped, which the BBS should know.
    stopped: Notify,
}

impl Rep {
    fn containers(&self) -> MutexGuard<'_, Containers> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program. It ends well only at SIGTERM, and its containers with it.
///
/// # Errors
/// If its port is taken.
pub async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut sigterm = Termination::caught()?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, options.port)).await?;
    let cell = Cell { id: options.cell, address: format!("{}:{}", options.advertise, options.port) };
    let containers = Mutex::new(Containers::of(cell));
    let rep = Arc::new(Rep { bbs: BbsClient::of(options.bbs), containers, stopped: Notify::new() });
    let every = options.scale.of(Duration::from_secs(options.poll));
    LOG.info("started", json!({ "port": options.port, "poll_ms": every.as_millis() }));
    tokio::select! {
        served = axum::serve(listener, routes(Arc::clone(&rep))) => Ok(served?),
        () = poll(&rep, every) => Ok(()),
        () = sigterm.received() => Ok(()),
    }
}

fn routes(rep: Arc<Rep>) -> Router {
    Router::new()
        .route("/v1/lrps/{guid}/instances/{instance}/stop", post(stop))
        .route("/containers", get(list))
        .with_state(rep)
}

async fn stop(State(rep): State<Arc<Rep>>, Path((_, instance)): Path<(String, String)>) -> StatusCode {
    rep.containers().stop(&instance);
    rep.stopped.notify_one();
    StatusCode::ACCEPTED
}

async fn list(State(rep): State<Arc<Rep>>) -> Json<Vec<ActualLrp>> {
    Json(rep.containers().running())
}

async fn poll(rep: &Rep, every: Duration) {
    let mut every = interval(every);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = rep.stopped.notified() => {}
        }
        if let Err(error) = look(rep).await {
            LOG.error("bulker.sync.failed", &error);
        }
    }
}

/// Looks at what the BBS knows, and tells it what is so.
async fn look(rep: &Rep) -> Result<(), super::bbs_client::Failure> {
    let known: Vec<ActualLrp> = rep.bbs.list("/v1/actual_lrps/list", "actual_lrps").await?;
    let (statements, removals) = {
        let containers = rep.containers();
        (containers.statements(&known), containers.removals(&known))
    };
    for statement in statements {
        match rep.bbs.call("/v1/actual_lrps/start", &statement).await {
            Ok(_) => rep.containers().run(statement),
            // Another cell has it.
            Err(super::bbs_client::Failure::Refused(kind)) if kind == "ActualLRPCannotBeClaimed" => {
                rep.containers().stop(&statement.instance_guid);
            }
            Err(error) => return Err(error),
        }
    }
    for lrp in removals {
        let body = json!({ "process_guid": lrp.process_guid, "index": lrp.index });
        rep.bbs.call("/v1/actual_lrps/remove", &body).await?;
    }
    Ok(())
}
