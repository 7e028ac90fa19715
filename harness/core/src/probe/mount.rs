//! A node's mount table, row by row.

use serde::{Deserialize, Serialize};

/// What a node may do on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read and write.
    ReadWrite,
    /// Read only, on purpose.
    ReadOnly,
}

/// One row of a node's mount table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is mounted.
    pub path: String,
    /// What is mounted, such as `/dev/sdd1`.
    pub source: String,
    /// The file system's type, such as `ext4`.
    pub filesystem: String,
    /// The mount's own options, such as `ro,relatime`: a bind mount can be read-only
    /// while its file system is not.
    pub options: String,
    /// The file system's options, such as `rw,errors=remount-ro,emergency_ro`.
    pub super_options: String,
    /// What the node was made with there; `None`: it says nothing of this mount.
    pub declared: Option<Access>,
}

impl Mount {
    /// Whether the mount itself has the option.
    pub fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|one| one == option)
    }

    /// Whether its file system has the option.
    pub fn filesystem_has(&self, option: &str) -> bool {
        self.super_options.split(',').any(|one| one == option)
    }
}
