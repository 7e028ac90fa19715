//! The truth of the fake IaaS: its directory on the director's machine, read and written
//! past everything that runs there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use reenact::{
    Error, Result,
    testbed::{Node, Shell},
};
use serde_json::Value;

/// Its directory.
const DIR: &str = "/var/vcap/store/iaas";

/// The fake IaaS.
#[derive(Clone)]
pub(super) struct Iaas {
    node: Node,
    shell: Arc<Shell>,
}

impl Iaas {
    pub(super) fn of(node: &Node, shell: &Arc<Shell>) -> Self {
        Self { node: node.clone(), shell: Arc::clone(shell) }
    }

    /// Its VMs: cid to whose it is.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub(super) async fn vms(&self) -> Result<BTreeMap<String, String>> {
        let folder = self.node.reach(&format!("{DIR}/vms")).await?;
        let script = format!("for file in {folder}/*.json; do [ ! -e $file ] || echo \"$(<$file)\"; done");
        let said = self.shell.must(&script).await?;
        let named = |vm: Value| Some((vm["cid"].as_str()?.into(), vm["deployment"].as_str()?.into()));
        Ok(records("vms", &said)?.into_iter().filter_map(named).collect())
    }

    /// Every `create_vm` that began while another for the same instance and address was in
    /// flight: the numbers of their requests, `cpi-210425`.
    ///
    /// # Errors
    /// If its record of calls cannot be read.
    pub(super) async fn doubles(&self) -> Result<BTreeSet<u64>> {
        let calls = self.node.read(&self.shell, &format!("{DIR}/calls.ndjson")).await?.unwrap_or_default();
        let calls = records("calls.ndjson", &calls)?.into_iter();
        let doubling = calls.filter(|call| call["doubles"].as_array().is_some_and(|others| !others.is_empty()));
        Ok(doubling.filter_map(|call| call["request_id"].as_str()?.strip_prefix("cpi-")?.parse().ok()).collect())
    }

    /// How it behaves: see `docker/services/src/director/cpi/behaviour.rs`.
    ///
    /// # Errors
    /// If that cannot be read.
    pub(super) async fn behaviour(&self) -> Result<Value> {
        let text = self.node.read(&self.shell, &format!("{DIR}/behaviour.json")).await?.unwrap_or_default();
        serde_json::from_str(&text).map_err(|error| Error::inconclusive(format!("behaviour.json: {error}")))
    }

    /// Has it behave otherwise, from the next look of any call on, also of those in flight.
    ///
    /// # Errors
    /// If that cannot be written.
    pub(super) async fn behave(&self, behaviour: &Value) -> Result<()> {
        let path = self.node.reach(&format!("{DIR}/behaviour.json")).await?;
        // At once, whole or not at all: calls read it at any time.
        let script = format!("printf '%s' '{behaviour}' >{path}.half && mv {path}.half {path}");
        self.shell.must(&script).await.map(drop)
    }
}

/// Records, one a line. One that cannot be read is not left out: it may be the one that counts.
fn records(name: &str, text: &str) -> Result<Vec<Value>> {
    let read = |line: &str| {
        serde_json::from_str(line).map_err(|error| Error::inconclusive(format!("the IaaS's {name}: {error}: {line}")))
    };
    text.lines().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_is_an_error() {
        assert_eq!(records("vms", "{\"cid\": \"a\"}\n{}\n").expect("two").len(), 2);
        assert!(records("vms", "{\"cid\": \"a\"}\n{\"cid\":").is_err());
        assert!(records("vms", "").expect("none").is_empty());
    }
}
