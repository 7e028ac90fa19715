//! The runbooks in each state in which they must refuse, and the guards of their steps: no
//! Docker.

mod absent;
mod folder;
mod service;
mod start;
mod thaw;
mod vm;

use std::time::Duration;

use reenact::{
    Error,
    runbook::{Conclusion, Runbook, testing::Bench},
};

use super::{
    CheckWithoutCopy, EndOrphanedWorkers, MountAndBringOver, Reattach, RemountAndRestart, RepairFilesystem, StartNginx,
    ThawFilesystem,
};
use service::bench;
use vm::Vm;

/// The runbook refuses, says this word in its reason, and has only looked.
async fn refuses(runbook: &dyn Runbook, vm: Vm, word: &str) {
    let bench = bench(vm);
    match bench.call(runbook).await {
        Ok(Conclusion::Refused { why }) => assert!(why.contains(word), "\"{runbook}\" refuses: {why}"),
        other => panic!("\"{runbook}\" should refuse for \"{word}\": {other:?}"),
    }
    assert_eq!(changes(&bench), Vec::<String>::new());
}

/// The commands that were more than a look.
fn changes(bench: &Bench<Vm>) -> Vec<String> {
    let looks = |command: &str| {
        let scripts =
            [super::survey::LOOK, super::workers::TEST, super::workers::KNOWN, super::super::LACKS, "pgrep -f ^nginx"];
        scripts.iter().any(|script| command.contains(script))
    };
    let rest = bench.commands().into_iter().filter(|command| !looks(command));
    rest.map(|command| command.trim_start_matches("nfs-server$ ").to_owned()).collect()
}

async fn is_done(bench: &Bench<Vm>, runbook: &dyn Runbook) {
    assert_eq!(bench.call(runbook).await.expect("no error"), Conclusion::Done, "{runbook}");
    assert!(bench.nodes().stores(), "\"{runbook}\" is done, and nothing is stored");
    let before = changes(bench);
    assert_eq!(bench.call(runbook).await.expect("no error"), Conclusion::NothingToDo, "{runbook}");
    assert_eq!(changes(bench), before, "called again, it has done more");
}

/// The runbook goes on waiting while the jobs do not serve: it must not be done.
async fn waits_for_service(runbook: &dyn Runbook, vm: Vm) {
    let bench = bench(Vm { dead: true, ..vm });
    let ended = tokio::time::timeout(Duration::from_secs(2), bench.call(runbook)).await;
    assert!(ended.is_err(), "\"{runbook}\" has come to an end, and nothing serves: {ended:?}");
    assert!(!changes(&bench).is_empty(), "\"{runbook}\" has done nothing");
}

#[tokio::test]
async fn a_remount_is_refused_where_it_is_wrong() {
    let remount = &RemountAndRestart;
    let rescue = Vm::read_only();
    rescue.folder.leave_rescue();
    refuses(remount, rescue, "repair").await;
    refuses(remount, Vm { mounted: false, ..Vm::read_only() }, "nothing is mounted").await;
    refuses(remount, Vm { errors: 2, ..Vm::read_only() }, "2 errors").await;
    for options in ["rw,emergency_ro", "rw,shutdown", "rw,abort,ro"] {
        refuses(remount, Vm { super_options: options, ..Vm::new() }, "e2fsck").await;
    }
    refuses(remount, Vm { write_protected: true, ..Vm::read_only() }, "write-protected").await;
    for filesystem in ["btrfs", "xfs", "jfs", "reiserfs", "f2fs", ""] {
        refuses(remount, Vm { filesystem, ..Vm::read_only() }, "whether it is sound is not known").await;
    }
    refuses(remount, Vm { full: true, ..Vm::new() }, "full").await;
    refuses(remount, Vm { frozen: true, ..Vm::new() }, "frozen").await;
}

#[tokio::test]
async fn a_remount_heals_the_mount_that_is_read_only() {
    for (vm, remount) in [
        (Vm::read_only(), "mount -o remount,rw /dev/sdd1"),
        (Vm { options: "ro,relatime", ..Vm::new() }, "mount -o remount,bind,rw /var/vcap/store"),
    ] {
        let bench = bench(vm);
        is_done(&bench, &RemountAndRestart).await;
        assert_eq!(changes(&bench), [remount, "director restart"]);
    }
}

#[tokio::test]
async fn what_can_be_written_to_is_not_remounted() {
    let stopped = Vm { jobs: false, ..Vm::new() };
    stopped.folder.set("master", false);
    stopped.folder.set("workers", false);
    for vm in [stopped, Vm { confused: true, ..Vm::new() }] {
        let bench = bench(vm);
        is_done(&bench, &RemountAndRestart).await;
        assert_eq!(changes(&bench), ["director restart"]);
    }
}

#[tokio::test]
async fn a_remount_that_only_says_so_is_not_believed() {
    let bench = bench(Vm { remount_lies: true, ..Vm::read_only() });
    match bench.call(&RemountAndRestart).await {
        Err(Error::Failed(why)) => assert!(why.contains("still cannot be written to"), "{why}"),
        other => panic!("a remount that changed nothing: {other:?}"),
    }
    assert!(!changes(&bench).contains(&"director restart".to_owned()), "the jobs were restarted all the same");
}

#[tokio::test]
async fn no_recovery_is_done_before_the_jobs_serve() {
    tokio::join!(
        waits_for_service(&RemountAndRestart, Vm::read_only()),
        waits_for_service(&RepairFilesystem, Vm::with_error()),
        waits_for_service(&EndOrphanedWorkers, Vm::orphaned()),
        waits_for_service(&MountAndBringOver, Vm::without_disk()),
    );
}

#[tokio::test]
async fn a_check_is_refused_where_it_mends_nothing_or_harms() {
    let repair = &RepairFilesystem;
    refuses(repair, Vm { write_protected: true, ..Vm::with_error() }, "write-protected").await;
    refuses(repair, Vm { device_bytes: (300 << 20) - 1, ..Vm::with_error() }, "1 bytes smaller").await;
    refuses(repair, Vm { filesystem: "btrfs", ..Vm::with_error() }, "e2fsck is not for it").await;
    refuses(repair, Vm::read_only(), "no error").await;
    refuses(repair, Vm { full: true, ..Vm::new() }, "no error").await;
    refuses(repair, Vm { confused: true, ..Vm::new() }, "no error").await;
    refuses(repair, Vm::orphaned(), "no error").await;
    refuses(repair, Vm { mounted: false, ..Vm::with_error() }, "nothing is mounted").await;
}

#[tokio::test]
async fn a_repair_keeps_what_was_in_memory_only() {
    // As far as e2fsck mends: 3 is "mended, and reboot".
    for check in [0, 1, 3] {
        let bench = bench(Vm { check, ..Vm::with_error() });
        is_done(&bench, &RepairFilesystem).await;
        holds(&bench, "an old blob");
    }
}

/// Nothing is lost, the old blob is this one, and no copy is left.
fn holds(bench: &Bench<Vm>, old: &str) {
    let nodes = bench.nodes();
    assert_eq!(nodes.folder.blob("young").as_deref(), Some("a young blob"));
    assert_eq!(nodes.folder.blob("old").as_deref(), Some(old));
    assert!(!nodes.folder.has_rescue());
}

#[tokio::test]
async fn a_repair_that_is_killed_once_loses_nothing() {
    for step in 1..=8 {
        let bench = bench(Vm::with_error());
        let killed = bench.call_killed(&RepairFilesystem, step).await;
        assert!(matches!(killed, Err(Error::Killed { .. })), "step {step}: {killed:?}");
        let ended = bench.call(&RepairFilesystem).await.expect("no error");
        assert!(matches!(ended, Conclusion::Done | Conclusion::NothingToDo), "after step {step}: {ended:?}");
        holds(&bench, "an old blob");
    }
}

/// The trap is in the fake as well: else the test above would prove nothing.
#[tokio::test]
async fn a_check_without_a_copy_loses_it() {
    let bench = bench(Vm::with_error());
    assert_eq!(bench.call(&CheckWithoutCopy).await.expect("no error"), Conclusion::Done);
    assert_eq!(bench.nodes().folder.blob("young").as_deref(), Some(""));
}

/// Killed after one step more each time; as soon as the jobs run, a client changes a blob before
/// the repair is called again.
#[tokio::test]
async fn a_repair_puts_no_old_copy_over_a_new_blob() {
    let bench = bench(Vm::with_error());
    let mut stored_anew = false;
    for step in 1..20 {
        match bench.call_killed(&RepairFilesystem, step).await {
            Err(Error::Killed { .. }) => {}
            Ok(Conclusion::Done | Conclusion::NothingToDo) => break,
            other => panic!("killed after step {step}: {other:?}"),
        }
        if bench.nodes().stores() && !stored_anew {
            bench.nodes().folder.put("old", "a new value");
            stored_anew = true;
        }
    }
    assert!(stored_anew, "it was never killed between the jobs' start and its end");
    holds(&bench, "a new value");
}

/// The jobs run again, and the next error comes before the repair has ended.
#[tokio::test]
async fn a_repair_that_is_called_again_copies_what_came_meanwhile() {
    let bench = bench(Vm::with_error());
    let killed = bench.call_killed(&RepairFilesystem, 7).await;
    assert!(matches!(killed, Err(Error::Killed { .. })), "{killed:?}");
    assert!(bench.nodes().stores(), "the jobs do not run");
    bench.nodes().folder.put("late", "a late blob");
    bench.nodes().fails_once_more("late");
    is_done(&bench, &RepairFilesystem).await;
    holds(&bench, "an old blob");
    assert_eq!(bench.nodes().folder.blob("late").as_deref(), Some("a late blob"));
}

#[tokio::test]
async fn a_check_that_leaves_errors_ends_the_repair() {
    let bench = bench(Vm { check: 4, ..Vm::with_error() });
    match bench.call(&RepairFilesystem).await {
        Err(Error::Failed(why)) => assert!(why.contains("left errors"), "{why}"),
        other => panic!("e2fsck left errors: {other:?}"),
    }
    assert!(bench.nodes().folder.has_rescue(), "the copy is gone");
    assert!(!bench.nodes().mounted, "a file system with errors was mounted");
}

#[tokio::test]
async fn workers_with_a_master_are_left_alone() {
    refuses(&EndOrphanedWorkers, Vm { confused: true, ..Vm::new() }, "another cause").await;
    refuses(&EndOrphanedWorkers, Vm::read_only(), "another cause").await;
    let healthy = bench(Vm::new());
    assert_eq!(healthy.call(&EndOrphanedWorkers).await.expect("no error"), Conclusion::NothingToDo);
    assert_eq!(changes(&healthy), Vec::<String>::new());
}

#[tokio::test]
async fn orphaned_workers_are_ended() {
    for stubborn in [false, true] {
        let vm = Vm::orphaned();
        vm.folder.set("stubborn", stubborn);
        let bench = bench(vm);
        is_done(&bench, &EndOrphanedWorkers).await;
        assert_eq!(bench.nodes().folder.is("killed"), stubborn);
    }
}

/// Clients are served, and monit sees nothing amiss: without the workers it would start nothing.
#[tokio::test]
async fn orphans_that_monit_does_not_miss_are_ended_by_a_restart() {
    let bench = bench(Vm { mistaken: true, ..Vm::orphaned() });
    let refused = bench.call(&StartNginx).await.expect("no error");
    assert!(matches!(&refused, Conclusion::Refused { why } if why.contains("without a master")), "{refused:?}");
    is_done(&bench, &EndOrphanedWorkers).await;
    assert!(bench.nodes().folder.is("master"), "no nginx has been started");
}

/// The nginx that runs has read the one before; the restart at a recovery's end would be the first to meet it.
#[tokio::test]
async fn a_configuration_that_nginx_does_not_take_stops_no_recovery() {
    let recoveries: [(&dyn Runbook, _); 2] =
        [(&RepairFilesystem, Vm::with_error()), (&RemountAndRestart, Vm::read_only())];
    for (recovery, vm) in recoveries {
        vm.folder.configure("a value that nginx does not take");
        let bench = bench(vm);
        is_done(&bench, recovery).await;
        assert!(bench.nodes().folder.is_configured());
    }
}

/// It would keep the port, and the restart at the end of any recovery would fail.
#[tokio::test]
async fn a_restart_finds_no_nginx_that_monit_does_not_know() {
    for has_master in [false, true] {
        let left_over = |vm: Vm| {
            // monit has found the pid of a dead master, and removed its file; or nobody made one.
            vm.folder.set("master", has_master);
            vm.folder.set("pid", false);
            bench(vm)
        };
        is_done(&left_over(Vm::with_error()), &RepairFilesystem).await;
        is_done(&left_over(Vm::read_only()), &RemountAndRestart).await;
        is_done(&left_over(Vm::without_disk()), &MountAndBringOver).await;
    }
}

/// Its pid file cannot be made: it would serve, and monit would wait for it for ever.
#[tokio::test]
async fn workers_are_not_ended_where_nginx_would_not_start() {
    let without_folder = || {
        let vm = Vm::orphaned();
        vm.folder.set("run_folder", false);
        vm.folder.set("pid", false);
        vm
    };
    refuses(&EndOrphanedWorkers, without_folder(), "would not start either").await;
    is_done(&bench(without_folder()), &StartNginx).await;
}

/// Killed after its step it finds an nginx that monit has started and not looked at yet.
#[tokio::test]
async fn a_master_that_is_a_moment_old_is_waited_for() {
    let bench = bench(Vm::orphaned());
    let killed = bench.call_killed(&EndOrphanedWorkers, 1).await;
    assert!(matches!(killed, Err(Error::Killed { .. })), "{killed:?}");
    bench.nodes().monit_looks();
    bench.nodes().monit_is_late = 3;
    assert_eq!(bench.call(&EndOrphanedWorkers).await.expect("no error"), Conclusion::NothingToDo);
}

/// monit starts nginx while the old workers end: the new ones are not to be killed.
#[tokio::test]
async fn workers_that_have_a_master_again_are_not_killed() {
    let vm = Vm::orphaned();
    vm.folder.set("quick_monit", true);
    let bench = bench(vm);
    is_done(&bench, &EndOrphanedWorkers).await;
    assert!(!bench.nodes().folder.is("killed"));
}
