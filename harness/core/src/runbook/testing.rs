//! For tests of runbooks: nodes in memory, whose commands answer from a state that the test
//! sets. No Docker, and no network but the one that the test opens itself.
//!
//! A runbook is called in each state in which it must refuse, and [`Bench::commands`] shows
//! that it changed nothing.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{Conclusion, Hands, Operator, Output, Runbook};
use crate::{Error, Result, journal::Journal, probe::Clock};

/// Nodes that are not there.
pub trait Nodes: Send + 'static {
    /// Their names.
    fn names(&self) -> Vec<&'static str>;

    /// What a command on a node does to them, and says.
    fn run(&mut self, node: &str, command: &[&str]) -> Output;

    /// Where a port of a node is reached, if the test listens there.
    fn address(&self, _node: &str, _port: u16) -> Option<SocketAddr> {
        None
    }

    /// Whether a node's machine is up.
    fn is_up(&self, _node: &str) -> bool {
        true
    }

    /// Switches a node's machine on.
    fn power_on(&mut self, _node: &str) {}
}

/// An operator's bench with such nodes on it.
pub struct Bench<N> {
    nodes: Arc<Mutex<N>>,
    done: Arc<Mutex<Vec<String>>>,
    journal: Journal,
}

impl<N: Nodes> Bench<N> {
    /// Puts nodes on it.
    ///
    /// # Panics
    /// If `/dev/null` cannot be opened.
    pub fn new(nodes: N) -> Self {
        let journal = Journal::create(Path::new("/dev/null"), Clock::start());
        let journal = journal.unwrap_or_else(|error| panic!("no journal: {error}"));
        Self { nodes: Arc::new(Mutex::new(nodes)), done: Arc::default(), journal }
    }

    /// The nodes as they are now, to look at or to change.
    pub fn nodes(&self) -> MutexGuard<'_, N> {
        lock(&self.nodes)
    }

    /// The nodes, for whoever answers in their place over the network.
    pub fn shared(&self) -> Arc<Mutex<N>> {
        Arc::clone(&self.nodes)
    }

    /// What was done so far, such as `n1$ uname -a`; the commands' words are joined by spaces.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.done).clone()
    }

    /// Calls a runbook.
    ///
    /// # Errors
    /// The runbook's own.
    pub async fn call(&self, runbook: &dyn Runbook) -> Result<Conclusion> {
        self.operate(runbook, None).await
    }

    /// Calls a runbook that is killed after so many steps.
    ///
    /// # Errors
    /// The runbook's own; [`Error::Killed`] if it had as many steps.
    pub async fn call_killed(&self, runbook: &dyn Runbook, after: usize) -> Result<Conclusion> {
        self.operate(runbook, Some(after)).await
    }

    async fn operate(&self, runbook: &dyn Runbook, limit: Option<usize>) -> Result<Conclusion> {
        let hands = Gloves { names: self.nodes().names(), nodes: self.shared(), done: Arc::clone(&self.done) };
        runbook.run(&Operator::new(Box::new(hands), &self.journal, limit)).await
    }
}

/// The hands that act on the nodes.
struct Gloves<N> {
    names: Vec<&'static str>,
    nodes: Arc<Mutex<N>>,
    done: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl<N: Nodes> Hands for Gloves<N> {
    fn nodes(&self) -> Vec<&str> {
        self.names.clone()
    }

    fn ip(&self, node: &str) -> Result<Ipv4Addr> {
        match self.names.contains(&node) {
            true => Ok(Ipv4Addr::LOCALHOST),
            false => Err(Error::usage(format!("there is no node {node}"), format!("there are {:?}", self.names))),
        }
    }

    fn address(&self, node: &str, port: u16) -> Result<SocketAddr> {
        let ip = self.ip(node)?;
        Ok(lock(&self.nodes).address(node, port).unwrap_or((ip, port).into()))
    }

    async fn is_up(&self, node: &str) -> Result<bool> {
        Ok(lock(&self.nodes).is_up(node))
    }

    async fn power_on(&self, node: &str) -> Result<()> {
        lock(&self.done).push(format!("{node} is switched on"));
        lock(&self.nodes).power_on(node);
        Ok(())
    }

    async fn run(&self, node: &str, command: &[&str]) -> Result<Output> {
        lock(&self.done).push(format!("{node}$ {}", command.join(" ")));
        Ok(lock(&self.nodes).run(node, command))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// A lamp, and how often it was switched.
    #[derive(Default)]
    struct Lamp(bool, u32);

    impl Nodes for Lamp {
        fn names(&self) -> Vec<&'static str> {
            vec!["lamp"]
        }

        fn run(&mut self, _: &str, command: &[&str]) -> Output {
            if command == ["switch"] {
                (self.0, self.1) = (!self.0, self.1 + 1);
            }
            Output { code: i64::from(!self.0), text: String::new() }
        }
    }

    #[derive(Debug)]
    struct Light;

    impl fmt::Display for Light {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("make light")
        }
    }

    #[async_trait]
    impl Runbook for Light {
        async fn run(&self, operator: &Operator) -> Result<Conclusion> {
            if operator.run("lamp", &["is-lit"]).await?.code == 0 {
                return Ok(Conclusion::NothingToDo);
            }
            operator.step("switch it", operator.must("lamp", &["switch"])).await?;
            operator.step("look", operator.must("lamp", &["is-lit"])).await?;
            Ok(Conclusion::Done)
        }
    }

    #[tokio::test]
    async fn a_runbook_changes_the_state_and_is_seen_to() {
        let bench = Bench::new(Lamp::default());
        assert_eq!(bench.call(&Light).await.expect("works"), Conclusion::Done);
        assert_eq!(bench.commands(), ["lamp$ is-lit", "lamp$ switch", "lamp$ is-lit"]);
        assert_eq!(bench.call(&Light).await.expect("works"), Conclusion::NothingToDo);
        assert_eq!(bench.nodes().1, 1);
    }

    #[tokio::test]
    async fn killed_after_a_step_it_has_done_that_and_no_more() {
        let bench = Bench::new(Lamp::default());
        let killed = bench.call_killed(&Light, 1).await;
        assert!(matches!(killed, Err(Error::Killed { after: 1, .. })), "{killed:?}");
        assert_eq!(bench.commands().len(), 2);
        assert!(bench.nodes().0);
    }

    #[tokio::test]
    async fn a_command_that_must_succeed_and_ends_with_another_code_is_an_error_with_its_words() {
        struct Broken;
        impl Nodes for Broken {
            fn names(&self) -> Vec<&'static str> {
                vec!["lamp"]
            }

            fn run(&mut self, _: &str, _: &[&str]) -> Output {
                Output { code: 1, text: "no bulb\n".into() }
            }
        }
        #[derive(Debug)]
        struct Switch;
        impl fmt::Display for Switch {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("switch it")
            }
        }
        #[async_trait]
        impl Runbook for Switch {
            async fn run(&self, operator: &Operator) -> Result<Conclusion> {
                operator.must("lamp", &["switch"]).await.map(|_| Conclusion::Done)
            }
        }
        let error = Bench::new(Broken).call(&Switch).await.expect_err("it did not succeed");
        assert_eq!(error.to_string(), "on lamp, `switch` ended with 1: no bulb");
    }
}
