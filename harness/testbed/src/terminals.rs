//! An operator's terminals: shells on nodes that stay open, as an engineer's ssh sessions
//! do, so that a command costs a fork and not a `docker exec` (some 80 ms, half of it
//! processor time).

use std::{
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use super::{
    Node,
    node::named,
    shell::{Pipes, SHELL},
};
use reenact_core::{
    Error, Result,
    runbook::{Hands, Output},
};

/// Open shells, each on a node whose machine has not been restarted since. Ends them when
/// it is dropped: each reads the end of its input.
#[derive(Default)]
pub struct Terminals {
    /// Those that nobody uses just now.
    idle: Mutex<Vec<Terminal>>,
}

struct Terminal {
    node: String,
    /// The node's first process, as the daemon counts: another one means another boot.
    boot: i64,
    pipes: Pipes,
}

impl Terminals {
    /// Runs a command on a node, as root, and waits for its end. Commands may run side by
    /// side. A command that dies with its machine has the exit code of SIGKILL, 137.
    ///
    /// Cancel safe: the command of a caller that has gone runs to its end for nobody.
    ///
    /// # Errors
    /// [`Error::Docker`] if the node is off or paused, or the command cannot be run; a
    /// command that fails is no error.
    pub async fn run(&self, node: &Node, command: &[&str]) -> Result<Output> {
        let state = node.state().await?;
        let usable = state.running && !state.paused;
        let open = if usable { self.take(node, state.pid).await } else { None };
        // Without a shell the daemon runs it, or says why it cannot.
        let Some(mut terminal) = open else { return node.exec(command).await };
        match terminal.pipes.say(&words(command)?).await {
            Ok((code, text)) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(terminal);
                Ok(Output { code: code.into(), text })
            }
            Err(Error::Inconclusive(_)) => Ok(Output { code: 137, text: String::new() }),
            Err(error) => Err(error),
        }
    }

    /// A shell on that node: an idle one of this boot, or a new one. `None` where there is
    /// no such shell to be had.
    async fn take(&self, node: &Node, boot: i64) -> Option<Terminal> {
        let idle = {
            let mut all = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|one| one.node != node.name() || one.boot == boot);
            let found = all.iter().position(|one| one.node == node.name());
            found.map(|at| all.swap_remove(at))
        };
        if idle.is_some() {
            return idle;
        }
        let mut pipes = Pipes::open(node.docker(), node.container(), &SHELL).await.ok()?;
        // An image need not have it: the daemon tells only by what it says.
        pipes.say(":").await.ok().filter(|answer| *answer == (0, String::new()))?;
        Some(Terminal { node: node.name().into(), boot, pipes })
    }
}

/// A command as a shell reads it, each word as it is.
fn words(command: &[&str]) -> Result<String> {
    shlex::try_join(command.iter().copied()).map_err(|_| Error::Bug(format!("no shell takes a zero byte: {command:?}")))
}

/// An operator's hands on a testbed: terminals on its nodes, and their power switches.
pub(crate) struct OnNodes {
    nodes: Vec<Node>,
    terminals: Terminals,
}

impl OnNodes {
    pub(crate) fn new(nodes: &[Node]) -> Self {
        Self { nodes: nodes.to_vec(), terminals: Terminals::default() }
    }

    fn node(&self, name: &str) -> Result<&Node> {
        named(&self.nodes, name)
    }
}

#[async_trait]
impl Hands for OnNodes {
    fn nodes(&self) -> Vec<&str> {
        self.nodes.iter().map(Node::name).collect()
    }

    fn ip(&self, node: &str) -> Result<Ipv4Addr> {
        Ok(self.node(node)?.ip())
    }

    async fn is_up(&self, node: &str) -> Result<bool> {
        let state = self.node(node)?.state().await?;
        Ok(state.running && !state.paused)
    }

    async fn power_on(&self, node: &str) -> Result<()> {
        self.node(node)?.start().await
    }

    async fn run(&self, node: &str, command: &[&str]) -> Result<Output> {
        self.terminals.run(self.node(node)?, command).await
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_each_word_as_it_is(all in prop::collection::vec("[^\0]{0,12}", 1..4)) {
            let command: Vec<_> = ["printf", "%s\\0"].into_iter().chain(all.iter().map(String::as_str)).collect();
            let said = Command::new("sh").args(["-c", &words(&command).expect("a command")]).output().expect("sh runs");
            let expected: String = all.iter().map(|word| format!("{word}\0")).collect();
            prop_assert_eq!(String::from_utf8_lossy(&said.stdout), expected);
        }
    }
}
