//! The recovery of an nginx that does not start.

use reenact::{
    Error,
    runbook::{Conclusion, testing::Bench},
};

use super::{EndOrphanedWorkers, StartNginx, bench, changes, is_done, refuses, vm::Vm, waits_for_service};

#[tokio::test]
async fn nginx_is_not_started_where_that_is_not_what_is_missing() {
    let start = &StartNginx;
    let unmounted = Vm::without_disk();
    unmounted.folder.set("workers", false);
    refuses(start, Vm { dead: true, ..unmounted }, "is not mounted").await;
    refuses(start, Vm::read_only(), "cannot be written to").await;
    let rescue = Vm::without_nginx();
    rescue.folder.leave_rescue();
    refuses(start, Vm { dead: true, ..rescue }, "recovery of the disk").await;
    refuses(start, Vm::orphaned(), "workers hold its port").await;
    refuses(start, Vm { confused: true, ..Vm::new() }, "which monit knows").await;
    let denied = "nginx: [emerg] open() \"/var/vcap/sys/run/blobstore/nginx.pid\" failed (13: Permission denied)";
    refuses(start, Vm { complaint: Some(denied), ..Vm::without_nginx() }, "Permission denied").await;
}

#[tokio::test]
async fn a_configuration_is_put_back_as_it_was_rendered() {
    let bench = bench(Vm::misconfigured());
    is_done(&bench, &StartNginx).await;
    let done = changes(&bench);
    assert!(done[0].contains("/var/vcap/data/jobs/blobstore/nginx.conf") && done[1] == "director restart", "{done:?}");
    assert_eq!(done.len(), 2);
    assert!(bench.nodes().folder.is("jobs/blobstore/config/nginx.conf.broken"), "the broken one is not kept");
}

/// What somebody changed on purpose, and nginx takes, is not touched.
#[tokio::test]
async fn a_folder_comes_with_the_pre_start_and_nothing_is_put_back() {
    let bench = bench(Vm::without_run_folder());
    is_done(&bench, &StartNginx).await;
    assert_eq!(changes(&bench), ["director restart"]);
}

/// It would hold the port of the one that is to start.
#[tokio::test]
async fn an_nginx_that_monit_does_not_know_is_ended_first() {
    let bench = bench(Vm::with_stray_nginx());
    is_done(&bench, &StartNginx).await;
    let done = changes(&bench);
    assert_eq!((done.len(), done[0].as_str(), done[2].as_str()), (3, "agent stop", "director restart"), "{done:?}");
    assert!(done[1].contains("pkill -QUIT -f '^nginx: master process'"), "{done:?}");
}

#[tokio::test]
async fn a_service_that_serves_is_left_alone() {
    let bench = bench(Vm::new());
    assert_eq!(bench.call(&StartNginx).await.expect("no error"), Conclusion::NothingToDo);
    assert_eq!(changes(&bench), Vec::<String>::new());
}

#[tokio::test]
async fn killed_after_any_step_it_comes_to_its_end() {
    let states = [(Vm::misconfigured as fn() -> Vm, 1), (Vm::without_run_folder, 1), (Vm::with_stray_nginx, 2)];
    for (vm, steps) in states {
        for step in 1..=steps {
            let bench: Bench<Vm> = bench(vm());
            let killed = bench.call_killed(&StartNginx, step).await;
            assert!(matches!(killed, Err(Error::Killed { .. })), "step {step}: {killed:?}");
            let ended = bench.call(&StartNginx).await.expect("no error");
            assert!(matches!(ended, Conclusion::Done | Conclusion::NothingToDo), "after step {step}: {ended:?}");
            assert!(bench.nodes().stores() && bench.nodes().folder.is_configured());
        }
    }
}

/// A port that nobody holds is not freed by ending anybody.
#[tokio::test]
async fn where_no_worker_runs_none_is_ended() {
    tokio::join!(
        refuses(&EndOrphanedWorkers, Vm::misconfigured(), "no workers either"),
        waits_for_service(&StartNginx, Vm::without_run_folder()),
    );
}
