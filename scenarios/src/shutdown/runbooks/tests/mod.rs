//! Every runbook in each state in which it must refuse, find nothing to do or give up, and
//! each guard of a statement in a race that only the guard survives. No Docker.

mod postgres;
mod replay;
mod restart;
mod tables;
mod world;

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    Result,
    runbook::{Conclusion, Output},
};

use tables::Tables;
use world::World;

/// When a row is overdue in these tests.
const LIMIT: Duration = Duration::from_secs(3);
/// A row of this age is overdue, one of that age is not.
const OLD: i64 = 60_000;
const YOUNG: i64 = 500;

/// Each of these requests took effect once, and no other did.
fn once(ids: &[i64]) -> BTreeMap<i64, usize> {
    ids.iter().map(|id| (*id, 1)).collect()
}

/// Holds that a runbook refused for a reason with these words, and changed nothing.
#[track_caller]
fn refused(world: &World, ended: Result<Conclusion>, words: &str) {
    let Ok(Conclusion::Refused { why }) = ended else { panic!("it should refuse: {ended:?}") };
    assert!(why.contains(words), "no {words:?} in: {why}");
    assert!(world.state().changes.is_empty(), "{:?}", world.state().changes);
}

/// Holds that a runbook found nothing to do, and changed nothing.
#[track_caller]
fn idle(world: &World, ended: Result<Conclusion>) {
    assert_eq!(ended.expect("no error"), Conclusion::NothingToDo);
    assert!(world.state().changes.is_empty(), "{:?}", world.state().changes);
}

/// Holds that a runbook gave up with these words.
#[track_caller]
fn fails(ended: Result<Conclusion>, words: &str) {
    let error = ended.expect_err("it should fail").to_string();
    assert!(error.contains(words), "no {words:?} in: {error}");
}

/// A command that fails.
fn broken(text: &str) -> Output {
    Output { code: 1, text: text.into() }
}
