//! Which disk is thawed.

use super::*;

#[tokio::test]
async fn a_frozen_disk_is_thawed_and_nothing_else_is_done() {
    let bench = bench(Vm { frozen: true, ..Vm::new() });
    is_done(&bench, &ThawFilesystem).await;
    assert_eq!(changes(&bench), ["fsfreeze --unfreeze /var/vcap/store"]);
}

#[tokio::test]
async fn what_is_not_frozen_is_not_thawed() {
    let thaw = &ThawFilesystem;
    refuses(thaw, Vm { mounted: false, ..Vm::new() }, "nothing is mounted").await;
    refuses(thaw, Vm { frozen: true, ..Vm::with_error() }, "e2fsck mends that, no thaw").await;
    refuses(thaw, Vm::read_only(), "it is not frozen").await;
}

/// The thaw fails there, and nobody is told that it is mended.
#[tokio::test]
async fn a_device_that_does_not_answer_is_not_thawed() {
    match bench(Vm { stuck: true, ..Vm::new() }).call(&ThawFilesystem).await {
        Err(Error::Failed(why)) => assert!(why.contains("Invalid argument"), "{why}"),
        other => panic!("the device is stuck: {other:?}"),
    }
}
