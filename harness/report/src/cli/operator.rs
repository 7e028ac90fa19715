//! `reenact operator`: what the files of a drill call; not for people.

use clap::Subcommand;

use reenact_core::Result;
use reenact_testbed::{attach, connect};

#[derive(Subcommand)]
pub(super) enum Operator {
    /// Run a command in a container with this process's standard input and output
    Exec {
        /// The container
        container: String,
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Run the runbook that heals a scenario, through the door of the drill that calls it
    Runbook {
        /// The scenario's id
        id: String,
    },
}

impl Operator {
    pub(super) async fn execute(self) -> Result<u8> {
        match self {
            // It never comes back where it could begin: a thread may still read standard input.
            Self::Exec { container, command } => {
                let code = attach(&connect().await?, &container, &command).await?;
                std::process::exit(code.into())
            }
            Self::Runbook { id } => super::drill::own::run(&id).await,
        }
    }
}
