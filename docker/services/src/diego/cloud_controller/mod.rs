//! The Cloud Controller, who knows what should run: a table in PostgreSQL, and the loop
//! `nsync` that makes the BBS desire just that. What etcd loses comes back from here, and
//! only what is here.

mod api;
mod nsync;
mod table;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;

use self::table::Table;
use super::{BbsClient, log::Log, scale::Scale};
use crate::signal::Termination;

const LOG: Log = Log::of("cloud-controller");

/// Diego's Cloud Controller, as far as its applications go.
#[derive(Debug, Clone, Parser)]
#[command(name = "cloud-controller")]
pub struct Options {
    /// Its database.
    #[arg(long, env = "DATABASE_URL")]
    pub database: tokio_postgres::Config,
    /// Its port.
    #[arg(long, default_value_t = 9022)]
    pub port: u16,
    /// The BBS's processes, such as `10.0.0.1:8889`.
    #[arg(long, env = "BBS", value_delimiter = ',', required = true)]
    pub bbs: Vec<String>,
    /// The time from one pass of nsync to the next, in seconds, before scaling.
    #[arg(long, env = "NSYNC_S", default_value_t = 30)]
    pub nsync: u64,
    /// By how much faster than Diego's the intervals are.
    #[arg(long, env = "SCALE", default_value_t = Scale::REAL)]
    pub scale: Scale,
}

/// The program. It ends well only at SIGTERM.
///
/// # Errors
/// If its port is taken.
pub async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut sigterm = Termination::caught()?;
    let table = Arc::new(Table::new(options.database.clone()));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, options.port)).await?;
    let bbs = BbsClient::of(options.bbs);
    let every = options.scale.of(Duration::from_secs(options.nsync));
    LOG.info("started", json!({ "port": options.port, "nsync_ms": every.as_millis() }));
    tokio::select! {
        served = axum::serve(listener, api::routes(Arc::clone(&table))) => Ok(served?),
        () = nsync::run(&table, &bbs, every) => Ok(()),
        () = sigterm.received() => Ok(()),
    }
}
