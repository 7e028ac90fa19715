//! Packet filters between nodes.
//!
//! The rules stand in a table of the *bridge* family on the host side of the
//! testbed's network: fully silent for both ends, one transaction for any number
//! of pairs, and still there when a node restarts (rules in a node's own network
//! namespace die with it). The table has the `owner` flag and is held by one
//! long-lived `nft -i`: the kernel drops the table the moment that process ends,
//! so that no death of ours can leave a rule behind.

use std::{fmt::Write, net::Ipv4Addr, time::Duration};

use bollard::Docker;
use tokio::{sync::Mutex, time::timeout};

use super::shell::Pipes;
use reenact_core::{Error, Result};

/// How long nft may take: milliseconds, but while the kernel takes dozens of network
/// namespaces down, as after many testbeds that ended at once, over 10 s were seen.
const LIMIT: Duration = Duration::from_secs(60);

/// Packets from one address to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The sender.
    pub from: Ipv4Addr,
    /// The receiver.
    pub to: Ipv4Addr,
}

/// A table of rules that belongs to one testbed.
pub struct Firewall {
    table: String,
    nft: Mutex<Option<Pipes>>,
}

impl Firewall {
    /// Makes the table `name`, which must be unique on the daemon's machine.
    pub(super) async fn open(docker: &Docker, helper: &str, name: &str) -> Result<Self> {
        // One pipe for both of its outputs: of two, the daemon may bring the answer to a command
        // before the error of the one before it, which would then pass for done.
        let nft = Pipes::open(docker, helper, &["sh", "-c", "exec nft -i 2>&1"]).await?;
        let firewall = Self { table: format!("reenact_{name}"), nft: Mutex::new(Some(nft)) };
        let table = &firewall.table;
        // The counter `ack` never counts: listing it ends every answer.
        firewall
            .commit(&format!("add table bridge {table} {{ flags owner; }}; add counter bridge {table} ack"))
            .await?;
        Ok(firewall)
    }

    /// Drops the flows, under a name to [`Firewall::lift`] them by.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if nft refuses, with its words.
    pub async fn drop_flows(&self, name: &str, flows: &[Flow]) -> Result<()> {
        let table = &self.table;
        let mut pairs = String::new();
        for Flow { from, to } in flows {
            let separator = if pairs.is_empty() { "" } else { ", " };
            let _ = write!(pairs, "{separator}{from} . {to}");
        }
        self.commit(&format!(
            "add chain bridge {table} {name} {{ type filter hook forward priority -300; }}; \
             add rule bridge {table} {name} ip saddr . ip daddr {{ {pairs} }} drop"
        ))
        .await
    }

    /// Lets the flows of that name pass again.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if nft refuses, with its words.
    pub async fn lift(&self, name: &str) -> Result<()> {
        let table = &self.table;
        self.commit(&format!("flush chain bridge {table} {name}; delete chain bridge {table} {name}")).await
    }

    /// One transaction: all of it or nothing, in force when this returns.
    async fn commit(&self, commands: &str) -> Result<()> {
        let mut held = self.nft.lock().await;
        let mut nft =
            held.take().ok_or_else(|| Error::inconclusive("an earlier change of the firewall was cut off"))?;
        let talk = async {
            nft.write(format!("{commands}\nlist counter bridge {} ack\n", self.table).as_bytes()).await?;
            let mut said = String::new();
            let mut acknowledged = false;
            loop {
                let line = nft.read_until(b'\n').await?;
                acknowledged |= line.contains("counter ack {");
                if acknowledged && line == "}" {
                    break Ok::<_, Error>(said);
                }
                if !acknowledged && line.starts_with("list counter bridge") {
                    // Even that failed, and nft shows the line that it could not read.
                    break Ok(said);
                }
                let _ = writeln!(said, "{line}");
            }
        };
        let said = timeout(LIMIT, talk)
            .await
            .map_err(|_| Error::inconclusive(format!("nft did not answer within {LIMIT:.0?} to: {commands}")))??;
        *held = Some(nft);
        match said.find("Error:") {
            Some(at) => Err(Error::environment(
                format!("nft refused `{commands}`: {}", said[at..].trim()),
                "the kernel needs nf_tables with the bridge family and table owners (5.12 or later)",
            )),
            None => Ok(()),
        }
    }
}
