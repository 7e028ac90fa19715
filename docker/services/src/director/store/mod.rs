//! The tables as the director reads and writes them: one module a table, each function a statement or two.

pub mod configs;
pub mod deployments;
pub mod disks;
pub mod events;
pub mod instances;
pub mod links;
pub mod locks;
pub mod tasks;
