//! The migration: brings the data in etcd into this BBS's form. Here there is one form,
//! so what remains is the look, and that the process ends where it fails.

use super::{Failure, store::Store};
use crate::diego::model::{VERSION, Version};

/// Looks at the data's version. Data without one is new.
pub(super) async fn run(store: &Store) -> Result<(), Failure> {
    match store.version().await? {
        None => Ok(store.set_version(VERSION).await?),
        Some(version) => judge(version),
    }
}

fn judge(found: Version) -> Result<(), Failure> {
    let (current, target) = (VERSION.current_version, found.target_version);
    if found.current_version > current {
        return Err(format!("Existing DB version ({}) exceeds bbs version ({current})", found.current_version).into());
    }
    if target > current {
        return Err(format!("Existing DB target version ({target}) exceeds bbs version ({current})").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_a_newer_bbs_is_left_alone() {
        let newer = VERSION.current_version + 1;
        assert!(judge(VERSION).is_ok());
        assert!(judge(Version { current_version: newer, ..VERSION }).is_err());
        assert!(judge(Version { target_version: newer, ..VERSION }).is_err());
    }
}
