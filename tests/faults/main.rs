//! Every fault on real containers: it proves itself, spares what it should, and goes
//! without a trace. What the faults claim is checked by other means than their own
//! proofs: single datagrams, `/proc`, and the nodes' disks.
//!
//! Without a Docker daemon all of it is skipped; with `REENACT_REQUIRE=all` that is
//! a failure.

mod cuts;
mod disks;
mod files;
mod frozen;
mod machines;
mod sessions;
mod terminals;
mod unproved;

use std::{
    collections::{BTreeSet, HashMap},
    env, fmt,
    ops::Deref,
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bollard::models::ContainerState;
use futures::future::{LocalBoxFuture, join_all, try_join_all};
use jiff::Timestamp;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use reenact::{
    Error, Result, cli,
    fault::{
        self, CrashLoop, Disconnect, DiskFull, Effect, Fault, FaultHandle, FileLeft, Flap, Kill, Partition, Pause,
        PowerOff, PowerOn, ShutDown, Signal, Undo,
    },
    poll::{self, Look},
    testbed::{Disk, Flow, Node, NodeSpec, Session, Testbed, reaper},
};
use tokio::{runtime::Runtime, sync::OnceCell};

use cuts::*;
use disks::*;
use files::*;
use frozen::*;
use machines::*;
use sessions::*;
use terminals::*;
use unproved::*;

/// How many tests run at once, unless `--test-threads` says otherwise. Most of their
/// time they wait for pings.
const THREADS: usize = 4;

const N1: &str = "n1";
const N2: &str = "n2";
const N3: &str = "n3";

/// A test: it gets a testbed to itself, and leaves it as it was.
type Test = fn(Bed) -> LocalBoxFuture<'static, Result<()>>;

/// A testbed, and the session for those who want more of it.
#[derive(Clone)]
struct Bed {
    session: Arc<Session>,
    bed: Testbed,
}

impl Deref for Bed {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.bed
    }
}

/// Names each test by its function.
macro_rules! tests {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), (|bed| Box::pin($name(bed))) as Test)),*] };
}

fn main() -> ExitCode {
    reaper::intercept();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let rig = Arc::new(Rig::new());
    // The long ones first, so that the others run beside them.
    let tests = tests![
        faults_left_out_prove_nothing,
        look_alikes_prove_nothing,
        a_blocked_signal_proves_nothing,
        a_look_at_the_limit_leaves_the_shell_usable,
        a_flap_comes_and_goes_until_it_is_healed,
        a_fault_that_hits_too_little_is_noticed,
        a_heal_that_leaves_something_is_noticed,
        a_flap_lives,
        a_partition_lives,
        an_isolation_lives,
        a_shattering_lives,
        a_bridge_lives,
        a_one_way_cut_lives,
        a_disconnect_lives,
        a_fault_that_hits_too_much_is_noticed,
        a_refusal_of_the_firewall_is_heard,
        partitions_heal_in_either_order,
        overlapping_partitions_heal_last_first,
        a_partition_outlives_a_power_cycle,
        testbeds_are_apart,
        a_namesake_of_another_session_stays,
        an_owner_lives_as_long_as_its_container,
        power_goes_and_comes_in_order,
        machines_shut_down_in_order,
        signals_end_processes,
        a_crash_loop_ends_each_start,
        a_left_file_is_taken_back,
        a_left_file_that_was_replaced_stays,
        a_stop_freezes_a_process,
        a_kill_of_the_first_process_ends_the_node,
        what_died_meanwhile_heals,
        terminals_run_commands_and_leave_nothing,
        terminals_outlive_no_machine,
        a_pause_freezes_a_node,
        a_full_disk_takes_nothing,
        misfits_are_refused,
        file_systems_left_alone_prove_nothing,
        a_remount_takes_writes_and_gives_them_back,
        a_remount_waits_for_the_last_writer,
        a_bind_mount_alone_can_be_read_only,
        a_file_system_error_shows_in_the_kernels_log,
        a_file_system_that_shut_down_answers_nothing,
        a_shrunk_device_gets_its_end_back,
        a_write_protected_device_mounts_read_only,
        a_full_block_device_takes_nothing,
        a_slowed_device_writes_late_and_loses_nothing,
        a_slow_device_heals_under_load,
        only_what_can_be_slowed_is,
        a_slow_device_goes_with_its_keeper,
        a_write_to_a_stuck_device_hangs,
        a_frozen_file_system_takes_writes_once_it_is_thawed,
        only_a_file_system_on_a_device_is_frozen,
        a_testbed_with_a_frozen_disk_is_removed,
    ];
    let trial = |(name, test): (&'static str, Test)| {
        let rig = Arc::clone(&rig);
        Trial::ignorable_test(name, move || rig.run(test))
    };
    let conclusion = libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect());
    match rig.close() {
        Ok(()) => conclusion.exit_code(),
        Err(error) => cli::fail(&error),
    }
}

/// What the tests share: the session, opened by the first of them, and the testbeds.
struct Rig {
    runtime: Runtime,
    session: OnceCell<Result<Arc<Session>, String>>,
    /// Those that no test uses now. A test that fails does not give its testbed back.
    idle: Mutex<Vec<Bed>>,
    made: AtomicUsize,
}

impl Rig {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        Self { runtime, session: OnceCell::new(), idle: Mutex::default(), made: AtomicUsize::new(0) }
    }

    fn run(&self, test: Test) -> Result<Completion, Failed> {
        let session = match self.runtime.block_on(self.session.get_or_init(open)) {
            Ok(session) => session,
            Err(why) if env::var("REENACT_REQUIRE").as_deref() == Ok("all") => return Err(why.into()),
            Err(why) => return Ok(Completion::ignored_with(why)),
        };
        self.runtime.block_on(async {
            let bed = self.bed(session).await?;
            test(bed.clone()).await?;
            only_cut(&bed, &[]).await?;
            self.idle().push(bed);
            Ok::<_, Error>(())
        })?;
        Ok(Completion::Completed)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Bed>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn bed(&self, session: &Arc<Session>) -> Result<Bed> {
        if let Some(bed) = self.idle().pop() {
            return Ok(bed);
        }
        let lab = format!("faults-{}", self.made.fetch_add(1, Ordering::Relaxed));
        Ok(Bed { session: Arc::clone(session), bed: create(session, &lab).await? })
    }

    fn close(&self) -> Result<()> {
        let Some(Ok(session)) = self.session.get() else { return Ok(()) };
        self.runtime.block_on(session.close())
    }
}

async fn open() -> Result<Arc<Session>, String> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    let opened = async {
        let session = Session::open(&results, HashMap::new(), false).await?;
        // The image is made outside of every test's time.
        session.image("helper").await?;
        Ok::<_, Error>(session)
    };
    opened.await.map_err(|error| error.to_string())
}

/// Three machines, each with a small disk but for n3, which has none.
async fn create(session: &Arc<Session>, lab: &str) -> Result<Testbed> {
    let image = session.image("helper").await?;
    let disks = |name| if name == N3 { vec![] } else { vec![Disk::volume("/data", 1)] };
    let spec = |name| NodeSpec { name, image: image.clone(), disks: disks(name), ..NodeSpec::default() };
    Testbed::create(session, lab, &[N1, N2, N3], |_| [N1, N2, N3].map(spec).into()).await
}

/// Waits at most 5 s until a look says that it holds.
async fn until(what: &str, look: impl AsyncFn() -> Result<(bool, String)>) -> Result<()> {
    poll::until(what, Duration::from_secs(5), || async {
        match look().await {
            Ok((true, _)) => Look::Ready(()),
            Ok((false, seen)) => Look::NotYet(seen),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// Injects a fault that must prove itself.
async fn inject(bed: &Testbed, fault: impl Fault<Testbed>) -> Result<FaultHandle<Testbed>> {
    let active = fault::inject(bed, fault, false).await?;
    assert!(!active.took.is_zero(), "it took no time");
    assert!(!active.proof.is_empty(), "it has no proof");
    Ok(active)
}

/// Injects a fault whose effect is there already.
async fn inject_again(bed: &Testbed, fault: impl Fault<Testbed>) {
    inconclusive(fault::inject(bed, fault, false).await, "there already");
}

/// Heals a fault that something takes back.
async fn heal(bed: &Testbed, active: FaultHandle<Testbed>) -> Result<()> {
    let took = active.heal(bed).await?;
    assert!(!took.is_zero(), "nothing was healed");
    Ok(())
}

/// Asserts that nothing was proved, and why.
#[track_caller]
fn inconclusive<T>(result: Result<T>, why: &str) {
    match result.map(drop) {
        Err(Error::Inconclusive(text) | Error::Unproved(text)) if text.contains(why) => {}
        other => panic!("expected inconclusive, \"{why}\", got: {other:?}"),
    }
}

/// Asserts that the request was refused, and how.
#[track_caller]
fn refused<T>(result: Result<T>, what: &str, help: &str) {
    match result.map(drop) {
        Err(Error::Usage { what: is, help: helps }) if is.contains(what) && helps.contains(help) => {}
        other => panic!("expected a usage error, \"{what}\", \"{help}\", got: {other:?}"),
    }
}
