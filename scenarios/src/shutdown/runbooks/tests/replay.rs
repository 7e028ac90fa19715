//! The replay: exactly the rows that nobody will do, each at most once.

use reenact::runbook::Conclusion;

use super::{super::*, *};

const REPLAY: ReplayReconciled = ReplayReconciled { age_limit: LIMIT };

/// What `app1` left behind when it ended, beside rows of all other kinds.
fn left_behind() -> Tables {
    let tables = Tables::default().order(1, "app1", OLD).order(2, "app1", OLD).order(3, "app1", OLD).done();
    tables.order(4, "app2", YOUNG).other(5, "draft", OLD).other(6, "telemetry", OLD)
}

#[tokio::test(start_paused = true)]
async fn exactly_the_overdue_rows_are_done_each_once() {
    let world = World::new(left_behind(), &["app2"]);
    assert_eq!(world.call(&REPLAY, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.effects(), once(&[1, 2, 3]));
    world.state().changes.clear();
    let again = world.call(&REPLAY, None).await;
    idle(&world, again);
    assert_eq!(world.effects(), once(&[1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn killed_after_its_step_and_called_again_it_does_nothing_twice() {
    let world = World::new(left_behind(), &["app2"]);
    fails(world.call(&REPLAY, Some(1)).await, "replay the 2 requests");
    assert_eq!(world.call(&REPLAY, Some(2)).await.expect("done"), Conclusion::NothingToDo);
    assert_eq!(world.effects(), once(&[1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_overdue_it_finds_nothing_to_do() {
    let world = World::new(Tables::default().order(1, "app1", YOUNG).other(2, "draft", OLD), &[]);
    let ended = world.call(&REPLAY, None).await;
    idle(&world, ended);
}

/// Somebody else does the row between the last look at it and the replay.
#[tokio::test(start_paused = true)]
async fn a_row_that_was_done_meanwhile_is_left_alone() {
    let world = World::new(left_behind(), &["app2"]);
    world.before("UPDATE requests", |state| state.tables.finish(1));
    assert_eq!(world.call(&REPLAY, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.effects(), once(&[1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn intents_in_a_table_are_left_to_their_workers() {
    let world = World::new(left_behind().order(7, "app1", OLD).intent(false), &[]);
    let ended = world.call(&REPLAY, None).await;
    refused(&world, ended, "start a replica");
}

/// Neither a closed intent nor that of another request is kept for a row that is overdue.
#[tokio::test(start_paused = true)]
async fn an_intent_that_is_of_no_overdue_row_keeps_nothing() {
    let tables = left_behind().order(7, "app1", OLD).intent(true).order(8, "app2", YOUNG).intent(false);
    let world = World::new(tables, &["app2"]);
    assert_eq!(world.call(&REPLAY, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.effects(), once(&[1, 2, 3, 7]));
}

#[tokio::test(start_paused = true)]
async fn what_the_living_may_have_in_hand_is_left_to_them() {
    let world = World::new(left_behind(), &["app1", "app2"]);
    let ended = world.call(&REPLAY, None).await;
    refused(&world, ended, "app1 is alive");
}

/// `app1` has started after it took the rows: what it had in memory, it has no more. Since
/// then it took a row that is not overdue, and `app2`, which is gone, one that is.
#[tokio::test(start_paused = true)]
async fn what_a_replica_had_before_its_start_it_has_no_more() {
    let world = World::new(left_behind().order(7, "app1", YOUNG).order(8, "app2", OLD / 3), &["app1"]);
    world.state().up.insert("app1", -OLD / 2);
    assert_eq!(world.call(&REPLAY, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.effects(), once(&[1, 2, 3, 8]));
}

/// Rows of another replica, which runs and took them since it started, are no reason to leave
/// alone those of one that is gone; but one row of its own is.
#[tokio::test(start_paused = true)]
async fn one_row_in_hand_keeps_all_from_being_replayed() {
    let world = World::new(left_behind().order(7, "app2", OLD), &["app2"]);
    let ended = world.call(&REPLAY, None).await;
    refused(&world, ended, "app2 is alive");
}

/// A replica finds rows in a table when it starts, and does them within the time of a work.
#[tokio::test(start_paused = true)]
async fn who_has_just_started_is_given_time_to_do_what_it_found() {
    let world = World::new(left_behind(), &["app1", "app2"]);
    world.state().up.insert("app1", -1_000);
    world.at(1_900, |state| state.tables.finish(1));
    assert_eq!(world.call(&REPLAY, None).await.expect("done"), Conclusion::Done);
    world.end().await;
    assert_eq!(world.effects(), once(&[1, 2, 3]));

    let world = World::new(left_behind(), &["app1", "app2"]);
    world.state().up.insert("app1", -1_000);
    world.at(1_900, |state| [1, 2].into_iter().for_each(|id| state.tables.finish(id)));
    // The order of `app2` is done within its time.
    world.at(1_500, |state| state.tables.finish(4));
    let ended = world.call(&REPLAY, None).await;
    idle(&world, ended);
}

/// Nobody knows a replica of that name, or it is not of this service: it has nothing in hand.
#[tokio::test(start_paused = true)]
async fn rows_of_one_that_is_not_known_are_replayed() {
    let world = World::new(Tables::default().order(1, "app9", OLD).order(2, "db", OLD), &["db"]);
    assert_eq!(world.call(&REPLAY, None).await.expect("done"), Conclusion::Done);
    assert_eq!(world.effects(), once(&[1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_changed_nothing_is_no_success() {
    let world = World::new(left_behind(), &["app2"]);
    world.state().instead.push(("UPDATE requests", Output { code: 0, text: String::new() }));
    fails(world.call(&REPLAY, None).await, "2 of the replayed requests are still without their effect");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_is_not_taken_for_nothing() {
    for words in ["SELECT id FROM requests", "FROM intents", "DISTINCT instance", "UPDATE requests", "/proc/1/stat"] {
        let world = World::new(left_behind(), &["app1", "app2"]);
        world.state().up.insert("app1", -OLD / 2);
        world.state().instead.push((words, broken("no answer")));
        fails(world.call(&REPLAY, None).await, "no answer");
        assert_eq!(world.effects(), once(&[3]), "{words}");
    }
    let world = World::new(left_behind(), &["app1", "app2"]);
    world.state().instead.push(("/proc/1/stat", Output { code: 0, text: "12.00 5.00".into() }));
    fails(world.call(&REPLAY, None).await, "does not tell when its first process started");
}

/// The wrong ones do the harm that their incidents are about.
#[tokio::test(start_paused = true)]
async fn the_wrong_replays_do_work_twice() {
    let world = World::new(left_behind(), &["app2"]);
    world.call(&ReplayBlindly, None).await.expect("done");
    assert_eq!(world.effects(), BTreeMap::from([(1, 2), (2, 2), (3, 1), (4, 2)]));
    let world = World::new(left_behind(), &["app2"]);
    world.call(&ReplayEverything, None).await.expect("done");
    assert_eq!(world.effects(), BTreeMap::from([(1, 1), (2, 1), (3, 2), (4, 1)]));
    let world = World::new(Tables::default().order(1, "app1", OLD).done(), &[]);
    let ended = world.call(&ReplayBlindly, None).await;
    idle(&world, ended);
}
