//! Runbooks: recoveries, acting only through an operator's powers.
//!
//! A runbook checks its preconditions and refuses where they do not hold, works in
//! named steps, verifies, and can be killed after any step and run again. It knows
//! no fault: it sees what a person on call would see.

mod power_on;
pub mod testing;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
pub use power_on::PowerOnMachines;

use crate::{Error, Result, journal::Journal};

/// How a runbook ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// It did its steps, and its own verification holds.
    Done,
    /// The system is as it should be; nothing was changed.
    NothingToDo,
    /// A precondition does not hold; nothing was changed.
    Refused {
        /// Which, as a person should read it.
        why: String,
    },
}

/// A recovery. Its `Display` is an imperative: "bootstrap the most advanced node".
#[async_trait]
pub trait Runbook: fmt::Display + Send + Sync {
    /// Runs it from the beginning, whatever an earlier run has already done.
    ///
    /// # Errors
    /// What a step met; [`Error::Killed`] where the operator was told to stop.
    async fn run(&self, operator: &Operator) -> Result<Conclusion>;
}

/// What a command on a node did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code.
    pub code: i64,
    /// What it wrote to standard output and standard error.
    pub text: String,
}

/// What a person on call can do: run commands on nodes, switch their machines on, and speak to
/// their services over the network. Nothing here reaches a fault or the harness.
#[async_trait]
pub trait Hands: Send + Sync {
    /// The nodes' names.
    fn nodes(&self) -> Vec<&str>;

    /// A node's address.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such node.
    fn ip(&self, node: &str) -> Result<Ipv4Addr>;

    /// Where a port of a node is reached from here.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such node.
    fn address(&self, node: &str, port: u16) -> Result<SocketAddr> {
        Ok((self.ip(node)?, port).into())
    }

    /// Whether a node's machine is up: commands can be run on it.
    ///
    /// # Errors
    /// [`Error::Docker`] if that cannot be told.
    async fn is_up(&self, node: &str) -> Result<bool>;

    /// Switches a node's machine on; no error if it is.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be started.
    async fn power_on(&self, node: &str) -> Result<()>;

    /// Runs a command on a node, as root, and waits for its end.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be run; a command that fails is no error.
    async fn run(&self, node: &str, command: &[&str]) -> Result<Output>;
}

/// An operator at work: [`Hands`], a journal of what they did, and steps of which one may be
/// the last.
pub struct Operator<'a> {
    hands: Box<dyn Hands>,
    journal: &'a Journal,
    /// Stop after this many steps.
    limit: Option<usize>,
    steps: AtomicUsize,
}

impl<'a> Operator<'a> {
    /// An operator with these hands, who is killed after `limit` steps if it is given.
    pub fn new(hands: Box<dyn Hands>, journal: &'a Journal, limit: Option<usize>) -> Self {
        Self { hands, journal, limit, steps: AtomicUsize::new(0) }
    }

    /// After how many steps it is to stop, if it is.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The nodes' names.
    pub fn nodes(&self) -> Vec<&str> {
        self.hands.nodes()
    }

    /// A node's address.
    ///
    /// # Errors
    /// [`Error::Bug`] if there is no such node.
    pub fn ip(&self, node: &str) -> Result<Ipv4Addr> {
        self.hands.ip(node)
    }

    /// Where a port of a node is reached from here.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such node.
    pub fn address(&self, node: &str, port: u16) -> Result<SocketAddr> {
        self.hands.address(node, port)
    }

    /// Whether a node's machine is up: commands can be run on it.
    ///
    /// # Errors
    /// [`Error::Docker`] if that cannot be told.
    pub async fn is_up(&self, node: &str) -> Result<bool> {
        self.hands.is_up(node).await
    }

    /// The nodes whose machines are off, in their order.
    ///
    /// # Errors
    /// [`Error::Docker`] if that cannot be told.
    pub async fn off(&self) -> Result<Vec<&str>> {
        let mut off = Vec::new();
        for name in self.nodes() {
            if !self.is_up(name).await? {
                off.push(name);
            }
        }
        Ok(off)
    }

    /// Switches a node's machine on; no error if it is.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be started.
    pub async fn power_on(&self, node: &str) -> Result<()> {
        self.hands.power_on(node).await?;
        self.journal.record("operator", format!("{node} is switched on"));
        Ok(())
    }

    /// Runs a command on a node, as root, and waits for its end.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be run; a command that fails is no error.
    pub async fn run(&self, node: &str, command: &[&str]) -> Result<Output> {
        let output = self.hands.run(node, command).await?;
        let text = output.text.trim();
        self.journal.record("operator", format!("{node}$ {}\n[{}] {text}", command.join(" "), output.code));
        Ok(output)
    }

    /// Runs a command that must succeed and gives what it printed.
    ///
    /// # Errors
    /// [`Error::Failed`] with its output if it does not.
    pub async fn must(&self, node: &str, command: &[&str]) -> Result<String> {
        let Output { code, text } = self.run(node, command).await?;
        if code == 0 {
            return Ok(text.trim().to_owned());
        }
        Err(Error::failed(format!("on {node}, `{}` ended with {code}: {}", command.join(" "), text.trim())))
    }

    /// Does one step. Every change that a runbook makes belongs into a step, and
    /// each step must be fit to be done again.
    ///
    /// # Errors
    /// The step's own; [`Error::Killed`] after the step at which to stop.
    pub async fn step<T>(&self, name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let number = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        self.journal.record("step", format!("{number}. {name}"));
        let value = work.await?;
        if self.limit == Some(number) {
            return Err(Error::Killed { after: number, step: name.into() });
        }
        Ok(value)
    }
}
