//! What is known of a node before anybody looks.

use serde::{Deserialize, Serialize};

use crate::questions;

/// What an inventory, or a person, says of a node. A detector that has to know what was before
/// (whether a node ever answered, whether a cluster ever had a leader) learns it from looks where
/// there were any, and else from this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prior {
    /// Whether it was well before the incident.
    pub was_well: bool,
    /// The address by which its peers know it, such as `10.0.0.1:3306`; several, and names, with spaces between.
    pub address: Option<String>,
}

questions! { Prior = "inventory" }
