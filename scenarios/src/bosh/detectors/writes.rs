//! The director's tables are read, and nobody can write by its API.

use reenact::detect::Told;

use super::{down, view::DirectorView};

/// What became of a small config that was stored by the director's API.
pub const WRITE: &str = "director:write";

/// A write by the API hangs while the tables are read, and every process is there.
pub fn stalled(view: &DirectorView) -> Told {
    let Some(how) = view.write_hangs()? else { return Ok(Vec::new()) };
    let tasks = view.task_rows()?.len();
    // On a machine that is off, or of which nothing is known, a write hangs as well.
    if !down::not_there(view)?.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!("the director: {how}, while its database is read ({tasks} tasks)")])
}
