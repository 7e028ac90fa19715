//! An operator's hands through the door of a drill: ssh and the power switches, found on the
//! `PATH` and in the variables that a drill sets for whatever it calls. So a runbook of the
//! harness does nothing there that anybody's script cannot.

use std::{net::Ipv4Addr, process::Stdio};

use async_trait::async_trait;
use tokio::process::Command;

use reenact_core::{
    Error, Result,
    runbook::{Hands, Output},
};

/// The nodes and their addresses, `n1=10.213.4.2 n2=…`.
const ADDRESSES: &str = "REENACT_ADDRESSES";

/// Hands that reach the nodes as a drill's command does.
pub struct OverSsh {
    nodes: Vec<(String, Ipv4Addr)>,
}

impl OverSsh {
    /// Those of the drill that has called this process.
    ///
    /// # Errors
    /// [`Error::Usage`] outside a drill.
    pub fn of_drill() -> Result<Self> {
        let outside = |what: String| Error::usage(what, "this is called by a drill: reenact drill SCENARIO --own");
        let said = std::env::var(ADDRESSES).map_err(|_| outside(format!("{ADDRESSES} is not set")))?;
        Self::on(&said).ok_or_else(|| outside(format!("{ADDRESSES} names no nodes: {said:?}")))
    }

    fn on(addresses: &str) -> Option<Self> {
        let node = |pair: &str| {
            let (name, ip) = pair.split_once('=')?;
            Some((name.to_owned(), ip.parse().ok()?))
        };
        let nodes: Vec<_> = addresses.split_whitespace().map(node).collect::<Option<_>>()?;
        (!nodes.is_empty()).then_some(Self { nodes })
    }

    async fn power(&self, node: &str, turn: &str) -> Result<String> {
        let Output { code, text } = said(Command::new("power").args([node, turn])).await?;
        let failed =
            || Error::environment(format!("power {node} {turn} ended with {code}: {text}"), "is the drill over?");
        if code == 0 { Ok(text) } else { Err(failed()) }
    }
}

/// What a program said, and how it ended; by a signal as a shell says it.
async fn said(command: &mut Command) -> Result<Output> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let cannot = |error| Error::environment(format!("{program}: {error}"), "it is on the PATH of what a drill calls");
    let ended = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(cannot)?;
    let code = super::external::code(ended.status);
    let text = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok(Output { code: code.into(), text })
}

#[async_trait]
impl Hands for OverSsh {
    fn nodes(&self) -> Vec<&str> {
        self.nodes.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn ip(&self, node: &str) -> Result<Ipv4Addr> {
        let found = self.nodes.iter().find(|(name, _)| name == node).map(|(_, ip)| *ip);
        found.ok_or_else(|| Error::usage(format!("there is no node {node}"), self.nodes().join(" ")))
    }

    async fn is_up(&self, node: &str) -> Result<bool> {
        Ok(self.power(node, "status").await?.trim() == "on")
    }

    async fn power_on(&self, node: &str) -> Result<()> {
        self.power(node, "on").await.map(drop)
    }

    async fn run(&self, node: &str, command: &[&str]) -> Result<Output> {
        let words = shlex::try_join(command.iter().copied());
        let words = words.map_err(|_| Error::Bug(format!("no shell takes a zero byte: {command:?}")))?;
        // Both of its streams in the order in which they came.
        said(Command::new("ssh").args([node, "--", &format!("{words} 2>&1")])).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_are_those_that_the_drill_names() {
        let hands = OverSsh::on("n1=10.213.4.2 n2=10.213.4.3").expect("two nodes");
        assert_eq!(hands.nodes(), ["n1", "n2"]);
        assert_eq!(hands.ip("n2").ok(), Some(Ipv4Addr::new(10, 213, 4, 3)));
        assert!(hands.ip("n3").is_err());
        for none in ["", "n1", "n1=here", "n1=10.213.4.2 n2"] {
            assert!(OverSsh::on(none).is_none(), "{none:?}");
        }
    }
}
