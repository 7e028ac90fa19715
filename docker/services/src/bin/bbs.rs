//! See [`services::diego::bbs`].

use clap::Parser as _;
use services::diego::bbs::{Options, run};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Options::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bbs: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
