//! The start of a replica: where all that is owed is in a table, and nowhere else.

use reenact::runbook::Conclusion;

use super::{super::*, *};

const START: StartReplica = StartReplica("app1");
const START_AND_REPLAY: StartAndReplay = StartAndReplay { node: "app1", age_limit: LIMIT };

/// Two orders whose intents are open, one that is done, and rows that owe nothing.
fn kept() -> Tables {
    let tables = Tables::default().order(1, "app1", OLD).intent(false).order(2, "app1", YOUNG).intent(false);
    tables.order(3, "app1", OLD).intent(false).done().other(4, "draft", OLD).other(5, "telemetry", OLD)
}

/// The worker of an outbox does all that it finds, at once.
fn work_off(tables: &mut Tables) {
    let open: Vec<_> = tables.intents.iter().filter(|intent| !intent.done).map(|intent| intent.id).collect();
    open.into_iter().for_each(|id| tables.finish(id));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_runs_is_not_started() {
    let world = World::new(kept(), &["app1"]);
    let ended = world.call(&START, None).await;
    idle(&world, ended);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_no_table_no_start_brings_back() {
    for tables in [kept().order(7, "app1", OLD), kept().order(7, "app1", YOUNG).intent(true)] {
        let world = World::new(tables, &[]);
        let ended = world.call(&START, None).await;
        refused(&world, ended, "the work of 1 rows is in no table");
    }
}

#[tokio::test(start_paused = true)]
async fn started_it_works_off_what_is_kept() {
    let world = World::new(kept(), &[]);
    world.state().on_start = work_off;
    assert_eq!(world.call(&START, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.state().changes, ["start app1"]);
    assert_eq!(world.effects(), once(&[1, 2, 3]));
}

/// The first intent is worked off after a second, the second one after two.
#[tokio::test(start_paused = true)]
async fn it_waits_until_every_intent_of_before_is_worked_off() {
    let world = World::new(kept(), &[]);
    world.at(1_000, |state| state.tables.finish(1));
    world.at(2_000, |state| state.tables.finish(2));
    // Clients came back with it, and there is always something new.
    world.before("count(*) FROM intents", |state| {
        state.tables = std::mem::take(&mut state.tables).order(9, "app1", 0).intent(false);
    });
    assert_eq!(world.call(&START, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.effects(), once(&[1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_worked_off_is_no_success() {
    let world = World::new(kept(), &[]);
    fails(world.call(&START, None).await, "2 are open");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_starts_nothing() {
    for words in ["count(*) FROM requests", "max(request_id)"] {
        let world = World::new(kept(), &[]);
        world.state().instead.push((words, broken("no answer")));
        fails(world.call(&START, None).await, "no answer");
        assert!(world.state().changes.is_empty());
    }
}

/// One intent is still there, and the one of order 7 was forgotten before its work.
#[tokio::test(start_paused = true)]
async fn started_first_only_what_is_forgotten_is_replayed() {
    for limit in [None, Some(1), Some(2)] {
        let world = World::new(kept().order(7, "app1", OLD), &[]);
        world.state().on_start = work_off;
        if limit.is_some() {
            fails(world.call(&START_AND_REPLAY, limit).await, "killed");
        }
        let ended = world.call(&START_AND_REPLAY, None).await.expect("no error");
        let left = limit == Some(2);
        assert_eq!(ended, if left { Conclusion::NothingToDo } else { Conclusion::Done }, "{limit:?}");
        assert_eq!(world.effects(), once(&[1, 2, 3, 7]), "{limit:?}");
    }
}

/// `app1` has the rows in hand that it took from the table when it started.
#[tokio::test(start_paused = true)]
async fn what_it_took_from_the_table_is_not_replayed() {
    let world = World::new(kept().order(7, "app1", OLD), &[]);
    // It forgets its intents, and does their work a second later.
    world.state().on_start = |tables| tables.intents.clear();
    world.at(1_000, |state| [1, 2].into_iter().for_each(|id| state.tables.finish(id)));
    assert_eq!(world.call(&START_AND_REPLAY, None).await.expect("done"), Conclusion::Done);
    world.end().await;
    assert_eq!(world.effects(), once(&[1, 2, 3, 7]));
}

#[tokio::test(start_paused = true)]
async fn started_with_nothing_to_replay_it_has_done_its_work() {
    let world = World::new(kept(), &[]);
    world.state().on_start = work_off;
    assert_eq!(world.call(&START_AND_REPLAY, None).await.expect("done"), Conclusion::Done);
    world.state().changes.clear();
    let again = world.call(&START_AND_REPLAY, None).await;
    idle(&world, again);
}

#[tokio::test(start_paused = true)]
async fn running_with_rows_in_hand_it_is_left_alone() {
    let world = World::new(Tables::default().order(7, "app1", OLD), &["app1"]);
    let ended = world.call(&START_AND_REPLAY, None).await;
    refused(&world, ended, "app1 is alive");
}
