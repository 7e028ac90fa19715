//! The report: one page per session that needs nothing but itself. The verdict comes
//! first, then what failed, the matrix of detectors, a table, and each scenario with its
//! timeline, its evidence and the command that plays it again.
//!
//! What it shows is untrusted: log lines may hold anything. All text is escaped where it
//! is put in, and the page allows no script and no style but its own.

mod about;
mod alerts;
mod beside;
mod diagnosis;
mod folder;
mod group;
mod logs;
mod matrix;
mod overview;
mod page;
mod run;
mod section;
mod verdict;

use std::{fs, path::Path};

use maud::html;

use self::{folder::Room, group::Group};
use super::{Timeline, text::clean};
use reenact_core::{Error, Result};
use reenact_run::campaign::{self, RunResult, Scenario};

pub use about::{About, How};
pub use alerts::alerts;
pub use diagnosis::diagnosis;

/// The page's name in the session's folder.
const PAGE: &str = "report.html";
/// What is known of the session as a whole, for those who make the page again.
const ABOUT: &str = "about.json";

/// Makes the page of a session and keeps it in the session's folder, with what it is
/// about. The runs' own folders are read; what is missing there is said in the page.
///
/// # Errors
/// [`Error::File`] if it cannot be written; [`Error::Bug`] if two scenarios have the same
/// id.
pub fn keep(folder: &Path, results: &[RunResult], about: &About) -> Result<()> {
    let keep = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::file("write", path))
    };
    keep(ABOUT, super::to_json(about))?;
    keep(PAGE, html(results, about, &campaign::all()?))
}

/// The page as text. `scenarios` are those that are known, for their stories; a result
/// may be of none of them.
pub fn html(results: &[RunResult], about: &About, scenarios: &[&Scenario]) -> String {
    let groups = Group::all(results, scenarios);
    let mut room = Room::default();
    let body = html! {
        (verdict::header(&groups, results, about))
        main {
            (verdict::failures(&groups))
            (matrix::section(&groups, results))
            (overview::section(&groups, results))
            (section::all(&groups, about, &mut room))
        }
    };
    clean(&page::page(&verdict::sentence(&groups, about), &body).0)
}

/// The picture of one run, as far as its files tell.
pub(super) fn picture(run: &RunResult) -> Timeline {
    let title = format!("{} #{}  (seed {})", run.id, run.run, run.seed);
    Timeline { title, ..folder::timeline(&run.run_dir, run, &mut Vec::new()) }
}

#[cfg(test)]
mod browser;
#[cfg(test)]
mod tests;
