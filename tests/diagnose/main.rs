//! What a case is worth that was never watched: recordings of real runs, cut at a moment and held
//! still, as a folder of files or a live look would show them.
//!
//! The shipped recordings are a part of the suite. `REENACT_CUTS=results/SESSION cargo test --test
//! diagnose -- --nocapture` holds a whole session against the same, and prints the table.

mod advice;
mod cuts;
mod folders;
mod garbage;
mod logs;
mod mutated;
mod scripts;
mod trials;
mod versions;

use std::path::{Path, PathBuf};

use reenact::{
    archive::{Recording, Saved},
    probe::Observation,
};
use scenarios as _;

fn folders() -> Vec<PathBuf> {
    // Tests run in their crate's folder, and paths are those of who calls them.
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let given = std::env::var_os("REENACT_CUTS");
    let given = given.map(|paths| std::env::split_paths(&paths).map(|path| top.join(path)).collect());
    given.unwrap_or_else(|| vec![top.join("tests/recordings")])
}

/// All runs with what was seen in them.
fn runs() -> Vec<(reenact::campaign::RunResult, Vec<Observation>)> {
    let saved = Saved::load_all(&folders()).expect("recordings");
    let all = saved.runs.into_iter().map(|run| {
        let mut recording = Recording::open(&run.run_dir).expect("a recording");
        let mut seen = Vec::new();
        while let Some(observation) = recording.observation().expect("an observation") {
            seen.push(observation);
        }
        (run, seen)
    });
    all.collect()
}
