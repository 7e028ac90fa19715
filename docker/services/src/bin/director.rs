//! The mock BOSH director: `director serve|worker|run-job|cpi|drain|watch`; see [`services::director`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use services::director::config::{Config, Options};
use services::director::error::{During as _, Result};
use services::director::{api, cpi, runner, script, watch, worker};

/// A BOSH director over a real PostgreSQL, with a fake IaaS.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The HTTPS API.
    Serve {
        #[command(flatten)]
        api: api::Options,
        #[command(flatten)]
        shared: Options,
    },
    /// A worker: one job at a time.
    Worker {
        #[command(flatten)]
        worker: worker::Options,
        #[command(flatten)]
        shared: Options,
    },
    /// A worker's child: one job, read from standard input.
    RunJob {
        #[command(flatten)]
        job: runner::Options,
        #[command(flatten)]
        shared: Options,
    },
    /// One CPI call, read from standard input.
    Cpi {
        #[command(flatten)]
        cpi: cpi::fake::Options,
    },
    /// An agent's drain script.
    Drain {
        #[command(flatten)]
        script: script::Options,
    },
    /// Ships the tasks' logs, and says what runs here and what the IaaS has.
    Watch {
        #[command(flatten)]
        watch: watch::Options,
        #[command(flatten)]
        shared: Options,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("director: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(role: Role) -> Result<()> {
    let role = match role {
        // A CPI call needs no runtime, nor does a script.
        Role::Cpi { cpi } => return cpi::fake::run(&cpi),
        Role::Drain { script } => return script::run(&script),
        role => role,
    };
    let runtime = tokio::runtime::Runtime::new().during(|| "cannot start the runtime".to_owned())?;
    runtime.block_on(async {
        match role {
            Role::Serve { api, shared } => api::serve(Config::new(shared), api).await,
            Role::Worker { worker, shared } => worker::run(Config::new(shared), worker).await,
            Role::RunJob { job, shared } => runner::run(Config::new(shared), job).await,
            Role::Watch { watch, shared } => watch::run(Config::new(shared), watch).await,
            Role::Cpi { .. } | Role::Drain { .. } => Ok(()),
        }
    })
}
