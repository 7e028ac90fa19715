//! Each runbook in each state in which it must refuse, and with each of its guards and last
//! looks put to the test, in memory.

mod consul;
mod etcd;
mod etcd_all;
mod lock;
mod services;
mod shell;
mod world;

use reenact::{
    Error,
    runbook::{Conclusion, Runbook},
};

use world::{World, call};

/// It refuses for that reason, and changes nothing.
async fn refuses(runbook: impl Runbook, world: World, why: &str) {
    let (said, world) = call(&runbook, world).await;
    match said {
        Ok(Conclusion::Refused { why: told }) => assert!(told.contains(why), "\"{runbook}\" refuses, but: {told}"),
        other => panic!("\"{runbook}\" should refuse ({why}), but: {other:?}"),
    }
    assert!(world.changes.is_empty(), "\"{runbook}\" refuses, and did: {:#?}", world.changes);
}

/// It finds nothing to do, and changes nothing.
async fn has_nothing_to_do(runbook: impl Runbook, world: World) {
    let (said, world) = call(&runbook, world).await;
    assert_eq!(said.expect("no error"), Conclusion::NothingToDo, "\"{runbook}\"");
    assert!(world.changes.is_empty(), "\"{runbook}\" has nothing to do, and did: {:#?}", world.changes);
}

/// It meets something that keeps it from its end: it does not claim to have healed it.
async fn fails(runbook: impl Runbook, world: World, why: &str) -> World {
    let (said, world) = call(&runbook, world).await;
    match said {
        Err(Error::Failed(told)) => assert!(told.contains(why), "\"{runbook}\" fails, but: {told}"),
        other => panic!("\"{runbook}\" should fail ({why}), but: {other:?}"),
    }
    world
}

/// It heals.
async fn heals(runbook: impl Runbook, world: World) -> World {
    let (said, world) = call(&runbook, world).await;
    assert_eq!(said.expect("no error"), Conclusion::Done, "\"{runbook}\"");
    world
}
