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
}

impl Operator {
    /// Never comes back where it could begin: a thread may still read standard input.
    pub(super) async fn execute(self) -> Result<u8> {
        let Self::Exec { container, command } = self;
        let code = attach(&connect().await?, &container, &command).await?;
        std::process::exit(code.into())
    }
}
