//! What is known of a system without a look: which nodes it has and where, what disks they should
//! have, and whether it was well.

use std::{collections::BTreeMap, fmt, fs, path::Path, time::Duration};

use reenact_core::{
    Error, Result,
    probe::{Access, Prior},
};
use serde::Deserialize;

use crate::gathered::Gathered;

/// An inventory, as a TOML file has it.
///
/// ```toml
/// was_well = true
/// [nodes.n1]
/// host = "db1.example"
/// address = "10.0.0.1:3306"
/// [nodes.n1.disks]
/// "/var/vcap/store" = "read_write"
/// [settings]
/// renew_ms = 60000
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
    /// What the system is set to, where that is not what it is by default and no look tells it.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
}

/// A number, or a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// Such as milliseconds.
    Whole(u64),
    /// Such as a share.
    Part(f64),
    /// Such as a network.
    Text(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Part(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
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

    /// Tells what was gathered of its nodes what it knows of them.
    pub fn tell(&self, gathered: &mut [Gathered]) {
        let settings: BTreeMap<_, _> =
            self.settings.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        for one in gathered {
            (one.declared, one.settings) = (self.disks(&one.node), settings.clone());
        }
    }

    /// The disks that a node should have.
    pub fn disks(&self, node: &str) -> Vec<(String, Access)> {
        let disks = self.nodes.get(node).into_iter().flat_map(|host| &host.disks);
        disks.map(|(path, access)| (path.clone(), *access)).collect()
    }
}
