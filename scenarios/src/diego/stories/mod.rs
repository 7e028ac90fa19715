//! What several incidents have in common, by what they are about.

pub(super) mod backup;
pub(super) mod consul;
pub(super) mod data;
pub(super) mod members;
pub(super) mod night;
pub(super) mod orphan;
pub(super) mod quorum;
