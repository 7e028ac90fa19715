//! `reenact findings`.

use std::path::PathBuf;

use clap::Args;

use super::{rescore::note, say};
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
        let found = campaign::Folder::read(&self.folder)?;
        tell_beside(&found);
        let all = &found.findings;
        say(match (self.json, all.is_empty()) {
            (true, _) => crate::to_json(&crate::findings_json(all, &self.folder)),
            (false, true) => "nothing was found yet".into(),
            (false, false) => crate::findings(all),
        });
        let is_open = all.iter().any(|(.., record)| record.state() != State::Gone);
        Ok(campaign::worst([u8::from(is_open), if found.broken.is_empty() { 0 } else { 2 }].into_iter()))
    }
}

/// Names what stands beside the findings of a folder.
pub(super) fn tell_beside(found: &campaign::Folder) {
    tell_own(found);
    found.broken.iter().for_each(|(_, why)| note(&format!("left out: {why}")));
}

/// Names the plans of people's own in a folder of findings.
pub(super) fn tell_own(found: &campaign::Folder) {
    for path in &found.own {
        note(&format!("left out {}: a plan without a table [finding]; `reenact replay` plays it", path.display()));
    }
}
