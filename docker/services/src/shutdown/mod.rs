//! The service of the lost update: it answers a request after it *started* the
//! work that updates the row's flag. At SIGTERM it waits for its requests, as any
//! graceful shutdown does; whether it also waits for the work is its
//! [`Variant`].
//!
//! The contract that a testbed uses, over HTTP, in the log and in SQL, is the same
//! for the service of `docker/spring`:
//!
//! - `POST /requests` with `{"id": 1, "value": 2, "kind": "order"}` inserts the row
//!   and answers 201; 409 if the id is known, 503 if the database does not answer.
//! - `GET /health` is 200 while the database answers, else 503; `GET /metrics` has
//!   the gauges.
//! - `requests` has the intent and, after the work, its flag; `effects` has a row
//!   for each time that the work was executed, so that doing it twice shows.

mod background;
mod gauges;
mod http;
mod replay;
mod settings;
mod store;

use std::{error::Error, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, time::Instant};

use self::{background::Background, gauges::Gauges, settings::Settings, store::Store};
use crate::signal::Termination;

pub use self::settings::{UnknownVariant, Variant};

/// What the parts of the running service share.
#[derive(Debug)]
struct Service {
    settings: Settings,
    store: Store,
    gauges: Gauges,
}

/// The program: serves until SIGTERM, or, with `replay` as the first argument,
/// does the work of given requests again.
///
/// # Errors
/// If a setting is bad, the database cannot be reached in time, or the port is
/// taken.
pub async fn run(arguments: Vec<String>) -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_environment()?;
    match arguments.split_first() {
        None => serve(settings).await,
        Some((command, rest)) if command == "replay" => replay::run(&settings, rest).await,
        Some((command, _)) => Err(format!("unknown command {command:?}; there is: replay").into()),
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    // First of all: from here on, no signal finds the kernel's default.
    let mut sigterm = if settings.handle_sigterm { Termination::caught()? } else { Termination::left_alone() };
    let store = Store::new(&settings);
    tokio::select! {
        ready = prepared(&store, settings.start_limit) => ready?,
        () = sigterm.received() => return Err("SIGTERM before the service was ready".into()),
    }
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, settings.port)).await?;
    println!("started, {settings}");

    let service = Arc::new(Service { settings, store, gauges: Gauges::default() });
    let background = Arc::new(Background::start(&service));
    let routes = http::routes(Arc::clone(&service), Arc::clone(&background));
    let signalled = Arc::clone(&service);
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move {
            sigterm.received().await;
            println!("graceful shutdown begins, {}", signalled.gauges);
        })
        .await?;
    println!("graceful shutdown complete (requests), {}", service.gauges);
    // The incident is what is not here for all variants.
    background.drain(&service).await;
    Ok(())
}

/// Waits for the database, since a service and its database start in any order,
/// and makes the tables.
async fn prepared(store: &Store, limit: Duration) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + limit;
    loop {
        match store.create_tables().await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() < deadline => println!("waiting for the database: {error}"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
