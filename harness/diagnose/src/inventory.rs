//! What is known of a system without a look: which nodes it has and where, what disks they should
//! have, and whether it was well.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use reenact_core::{
    Error, Result,
    probe::{Access, Prior},
};
use serde::Deserialize;

/// An inventory, as a TOML file has it.
///
/// ```toml
/// was_well = true
/// [nodes.n1]
/// host = "db1.example"
/// address = "10.0.0.1:3306"
/// [nodes.n1.disks]
/// "/var/vcap/store" = "read_write"
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Whether the system was well before the incident.
    #[serde(default)]
    pub was_well: bool,
    /// For how long what is seen has been so, as far as a person knows.
    #[serde(skip)]
    pub lasted: Duration,
    /// Its nodes by name.
    #[serde(default)]
    pub nodes: BTreeMap<String, Host>,
}

/// A node of an inventory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// What ssh calls it; else it is the node's name.
    pub host: Option<String>,
    /// The address by which its peers know it.
    pub address: Option<String>,
    /// The disks that it should have.
    #[serde(default)]
    pub disks: BTreeMap<String, Access>,
}

impl Inventory {
    /// Reads an inventory.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read; [`Error::Usage`] if it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
        toml::from_str(&text).map_err(|error| {
            Error::usage(format!("{} is no inventory: {error}", path.display()), "docs/diagnose.md shows one")
        })
    }

    /// What is known of a node.
    pub(crate) fn prior(&self, node: &str) -> Prior {
        let address = self.nodes.get(node).and_then(|host| host.address.clone());
        Prior { was_well: self.was_well, address }
    }

    /// The disks that a node should have.
    pub fn disks(&self, node: &str) -> Vec<(String, Access)> {
        let disks = self.nodes.get(node).into_iter().flat_map(|host| &host.disks);
        disks.map(|(path, access)| (path.clone(), *access)).collect()
    }
}
