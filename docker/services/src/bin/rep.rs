//! See [`services::diego::rep`].

use clap::Parser as _;
use services::diego::rep::{Options, run};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Options::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rep: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
