//! Faults of the VM's own: what befalls its disk, and what keeps nginx from starting.

mod disk;
mod nginx;

pub(super) use disk::{DiskHeld, MigrationFails, Unmounted};
pub(super) use nginx::{ConfigurationBroken, RunFolderGone};
