//! `reenact findings`.

use std::path::PathBuf;

use clap::Args;

use super::say;
use reenact_core::{Error, Result};
use reenact_run::campaign::{self, State};

#[derive(Args)]
pub(super) struct Findings {
    /// The folder that `campaign --findings` keeps
    folder: PathBuf,

    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

impl Findings {
    pub(super) fn execute(self) -> Result<u8> {
        if !self.folder.is_dir() {
            let help = "name the folder that `campaign --findings` keeps";
            return Err(Error::usage(format!("{} is no folder", self.folder.display()), help));
        }
        let all = campaign::Findings::load(&self.folder)?;
        say(match (self.json, all.is_empty()) {
            (true, _) => crate::to_json(&crate::findings_json(&all, &self.folder)),
            (false, true) => "nothing was found yet".into(),
            (false, false) => crate::findings(&all),
        });
        Ok(u8::from(all.iter().any(|(.., record)| record.state() != State::Gone)))
    }
}
