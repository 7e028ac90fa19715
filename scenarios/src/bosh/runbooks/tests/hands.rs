//! A person on call at the director in memory.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use reenact::{
    Result,
    journal::Journal,
    probe::Clock,
    runbook::{Conclusion, Hands, Operator, Output, Runbook},
};

use super::fake::World;

/// The hands of a person on call at that director.
struct Typing(Arc<Mutex<World>>);

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Hands for Typing {
    fn nodes(&self) -> Vec<&str> {
        vec!["director", "db"]
    }

    fn ip(&self, _: &str) -> Result<Ipv4Addr> {
        Ok(Ipv4Addr::LOCALHOST)
    }

    async fn is_up(&self, _: &str) -> Result<bool> {
        Ok(true)
    }

    async fn power_on(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn run(&self, _: &str, command: &[&str]) -> Result<Output> {
        let (code, text) = lock(&self.0).run(command);
        Ok(Output { code, text })
    }
}

/// Calls a runbook; gives what it concludes, and what is left of the director. Each race must
/// have come in.
pub(super) async fn called(world: World, runbook: &dyn Runbook) -> (Result<Conclusion>, World) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal::create(&folder.path().join("events.jsonl"), Clock::start()).expect("a journal");
    let world = Arc::new(Mutex::new(world));
    let operator = Operator::new(Box::new(Typing(Arc::clone(&world))), &journal, None);
    let concluded = runbook.run(&operator).await;
    drop(operator);
    let world = std::mem::take(&mut *lock(&world));
    assert!(world.races.is_empty(), "a race that never came in: {:?}", world.races);
    (concluded, world)
}

/// Calls a runbook that must refuse for that reason, and change nothing.
pub(super) async fn refuses(world: World, runbook: &dyn Runbook, reason: &str) {
    let before = (world.locks.clone(), world.tasks.clone(), world.processes.clone(), world.is_misconfigured);
    let (concluded, world) = called(world, runbook).await;
    match concluded {
        Ok(Conclusion::Refused { why }) if why.contains(reason) => {}
        other => panic!("\"{runbook}\" should have refused for \"{reason}\", but: {other:?}"),
    }
    assert_eq!(before, (world.locks, world.tasks, world.processes, world.is_misconfigured));
}
