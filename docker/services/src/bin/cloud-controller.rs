//! See [`services::diego::cloud_controller`].

use clap::Parser as _;
use services::diego::cloud_controller::{Options, run};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Options::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cloud-controller: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
