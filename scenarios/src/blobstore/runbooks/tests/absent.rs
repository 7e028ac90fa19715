//! The recovery of a service that was started without its disk.

use reenact::{
    Error,
    runbook::{Conclusion, testing::Bench},
};

use super::{
    MountAndBringOver, Reattach, RemountAndRestart, RepairFilesystem, bench, changes, is_done, refuses, vm::Vm,
};

/// Nothing is lost, the newer value stays, and nothing is left aside.
fn holds(bench: &Bench<Vm>) {
    let folder = &bench.nodes().folder;
    let blobs = ["old", "young", "changed"].map(|name| folder.blob(name));
    assert_eq!(blobs, ["an old blob", "a young blob", "a new value"].map(|text| Some(text.to_owned())));
    assert!(!folder.has_strays());
}

#[tokio::test]
async fn a_disk_is_not_mounted_where_that_is_wrong() {
    let mount = &MountAndBringOver;
    let rescue = Vm::without_disk();
    rescue.folder.leave_rescue();
    refuses(mount, rescue, "repair").await;
    refuses(mount, Vm { errors: 2, ..Vm::without_disk() }, "2 errors").await;
    refuses(mount, Vm { write_protected: true, ..Vm::without_disk() }, "write-protected").await;
    refuses(mount, Vm { elsewhere: "/mnt", ..Vm::without_disk() }, "mounted at /mnt").await;
    refuses(mount, Vm { held: "multipathd", ..Vm::without_disk() }, "held by multipathd").await;
    refuses(mount, Vm { filesystem: "btrfs", ..Vm::without_disk() }, "is not known").await;
    refuses(mount, Vm { confused: true, ..Vm::new() }, "another cause").await;
    refuses(mount, Vm::read_only(), "another cause").await;
}

#[tokio::test]
async fn what_was_stored_without_the_disk_is_brought_over() {
    let bench = bench(Vm::without_disk());
    is_done(&bench, &MountAndBringOver).await;
    holds(&bench);
}

#[tokio::test]
async fn a_disk_that_is_there_is_left_alone() {
    let bench = bench(Vm::new());
    assert_eq!(bench.call(&MountAndBringOver).await.expect("no error"), Conclusion::NothingToDo);
    assert_eq!(changes(&bench), Vec::<String>::new());
}

#[tokio::test]
async fn killed_after_any_step_it_loses_nothing() {
    for step in 1..=6 {
        let bench = bench(Vm::without_disk());
        let killed = bench.call_killed(&MountAndBringOver, step).await;
        assert!(matches!(killed, Err(Error::Killed { .. })), "step {step}: {killed:?}");
        let ended = bench.call(&MountAndBringOver).await.expect("no error");
        assert!(matches!(ended, Conclusion::Done | Conclusion::NothingToDo), "after step {step}: {ended:?}");
        holds(&bench);
    }
}

/// Killed once the jobs run; a client removes and changes blobs before it is called again.
#[tokio::test]
async fn what_a_client_did_since_is_not_undone() {
    let bench = bench(Vm::without_disk());
    let killed = bench.call_killed(&MountAndBringOver, 5).await;
    assert!(matches!(killed, Err(Error::Killed { .. })), "{killed:?}");
    assert!(bench.nodes().stores(), "the jobs do not run yet");
    bench.nodes().folder.remove("young");
    bench.nodes().folder.put("changed", "the newest value");
    assert_eq!(bench.call(&MountAndBringOver).await.expect("no error"), Conclusion::Done);
    let folder = &bench.nodes().folder;
    assert_eq!((folder.blob("young"), folder.blob("changed").as_deref()), (None, Some("the newest value")));
}

#[tokio::test]
async fn others_leave_it_to_its_end() {
    for step in 2..=5 {
        for other in [&RemountAndRestart as &dyn reenact::runbook::Runbook, &RepairFilesystem] {
            let bench = bench(Vm::without_disk());
            _ = bench.call_killed(&MountAndBringOver, step).await;
            let refused = bench.call(other).await.expect("no error");
            assert!(matches!(&refused, Conclusion::Refused { why } if why.contains("brought over")), "{refused:?}");
        }
    }
}

/// The trap is in the fake as well: else the tests above would prove nothing.
#[tokio::test]
async fn a_disk_mounted_over_it_hides_it() {
    let bench = bench(Vm::without_disk());
    assert_eq!(bench.call(&Reattach).await.expect("no error"), Conclusion::Done);
    let folder = &bench.nodes().folder;
    assert_eq!((folder.blob("young"), folder.blob("changed").as_deref()), (None, Some("an old value")));
}
