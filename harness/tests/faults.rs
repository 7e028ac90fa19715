//! Every fault on real containers: it proves itself, spares what it should, and goes
//! without a trace. What the faults claim is checked by other means than their own
//! proofs: single datagrams, `/proc`, and the nodes' disks.
//!
//! Without a Docker daemon all of it is skipped; with `REENACT_REQUIRE=all` that is
//! a failure.

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
    Error, Result,
    fault::{
        self, Active, Disconnect, DiskFull, Effect, Fault, Flap, Kill, Partition, Pause, PowerOff, PowerOn, ShutDown,
        Signal, Undo,
    },
    testbed::{Disk, Flow, Node, NodeSpec, Session, Testbed, reaper},
    wait::{self, Look},
};
use tokio::{runtime::Runtime, sync::OnceCell};

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
        partitions_heal_in_either_order,
        overlapping_partitions_heal_last_first,
        a_partition_outlives_a_power_cycle,
        testbeds_are_apart,
        power_goes_and_comes_in_order,
        machines_shut_down_in_order,
        signals_end_processes,
        a_stop_freezes_a_process,
        a_kill_of_the_first_process_ends_the_node,
        what_died_meanwhile_heals,
        a_pause_freezes_a_node,
        a_full_disk_takes_nothing,
        misfits_are_refused,
    ];
    let trial = |(name, test): (&'static str, Test)| {
        let rig = Arc::clone(&rig);
        Trial::ignorable_test(name, move || rig.run(test))
    };
    let conclusion = libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect());
    match rig.close() {
        Ok(()) => conclusion.exit_code(),
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "this is the end of a main")]
fn fail(error: &Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(error.exit_code())
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
    let disk = |name| (name != N3).then_some(Disk { mount: "/data", mebibytes: 1 });
    let spec = |name| NodeSpec { name, image: image.clone(), env: vec![], disk: disk(name), single_cpu: false };
    Testbed::create(session, lab, &[N1, N2, N3], |_| [N1, N2, N3].map(spec).into()).await
}

// Cuts.

/// From whom to whom.
type Way = (&'static str, &'static str);

/// All ways but these.
fn all_but(cut: &[Way]) -> BTreeSet<Way> {
    let nodes = [N1, N2, N3];
    let ways = nodes.into_iter().flat_map(|from| nodes.map(|to| (from, to)));
    ways.filter(|way @ (from, to)| from != to && !cut.contains(way)).collect()
}

/// These ways and their ways back.
fn both(cut: &[Way]) -> Vec<Way> {
    cut.iter().flat_map(|&(from, to)| [(from, to), (to, from)]).collect()
}

/// Sends one datagram from `$1` to `$2` (process ids), to the address `$3`, where
/// nobody listens, and says `$4` if the receiver's kernel counted it. Other than a
/// ping this tells the two ways of a link apart. What arrives is counted within a
/// millisecond; what does not within 400 ms is lost.
const SEND: &str = r#"
count() { while read -r kind _ none _; do [ "$kind" = Udp: ] && count=$none; done <"/proc/$1/net/snmp"; }
send() {
  count "$2"; before=$count
  nsenter -t "$1" -n bash -c "echo >/dev/udp/$3/9" 2>/dev/null
  end=$((${EPOCHREALTIME/./} + 400000))
  while count "$2"; [ "$count" = "$before" ]; do
    [ "${EPOCHREALTIME/./}" -gt "$end" ] && return
    sleep 0.01
  done
  echo "$4"
}
"#;

/// The ways on which a datagram arrives. In each of two rounds every node hears from
/// one other node only, so that a count belongs to one way.
async fn open_ways(bed: &Testbed) -> Result<BTreeSet<Way>> {
    let running = running(bed).await?;
    let mut script = String::from(SEND);
    for round in [[(N1, N2), (N2, N3), (N3, N1)], [(N2, N1), (N3, N2), (N1, N3)]] {
        for (from, to) in round {
            if let (Some(sender), Some(receiver)) = (running.get(from), running.get(to)) {
                script.push_str(&format!("send {sender} {receiver} {} {from},{to} &\n", bed.node(to)?.ip()));
            }
        }
        script.push_str("wait\n");
    }
    let arrived = bed.probe_shell().must(&script).await?;
    let arrived = |(from, to): &Way| arrived.lines().any(|line| line == format!("{from},{to}"));
    Ok(all_but(&[]).into_iter().filter(arrived).collect())
}

/// The first processes of the nodes that run.
async fn running(bed: &Testbed) -> Result<HashMap<&str, i64>> {
    let states = try_join_all(bed.nodes().iter().map(|node| node.state())).await?;
    let nodes = bed.nodes().iter().map(Node::name).zip(states);
    Ok(nodes.filter(|(_, status)| status.running).map(|(name, status)| (name, status.pid)).collect())
}

/// Asserts that these ways are cut and no others.
async fn only_cut(bed: &Testbed, cut: &[Way]) -> Result<()> {
    assert_eq!(open_ways(bed).await?, all_but(cut), "the open ways");
    Ok(())
}

/// Waits at most 5 s until a look says that it holds.
async fn until(what: &str, look: impl AsyncFn() -> Result<(bool, String)>) -> Result<()> {
    wait::until(what, Duration::from_secs(5), || async {
        match look().await {
            Ok((true, _)) => Look::Ready(()),
            Ok((false, seen)) => Look::NotYet(seen),
            Err(error) => Look::Never(error),
        }
    })
    .await
}

/// Injects a fault that must prove itself.
async fn inject(bed: &Testbed, fault: impl Fault) -> Result<Active> {
    let active = fault::inject(bed, fault, false).await?;
    assert!(!active.took.is_zero(), "it took no time");
    assert!(!active.proof.is_empty(), "it has no proof");
    Ok(active)
}

/// Injects a fault whose effect is there already.
async fn inject_again(bed: &Testbed, fault: impl Fault) {
    inconclusive(fault::inject(bed, fault, false).await, "there already");
}

/// Heals a fault that something takes back.
async fn heal(bed: &Testbed, active: Active) -> Result<()> {
    let took = active.heal(bed).await?;
    assert!(!took.is_zero(), "nothing was healed");
    Ok(())
}

/// Asserts that nothing was proved, and why.
#[track_caller]
fn inconclusive<T>(result: Result<T>, why: &str) {
    match result.map(drop) {
        Err(Error::Inconclusive(text)) if text.contains(why) => {}
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

/// A cut's whole life: it cuts these ways and no others, is not proved twice, and
/// ends when it is healed.
async fn live(bed: &Testbed, fault: impl Fault + Clone, cut: &[Way]) -> Result<()> {
    let active = inject(bed, fault.clone()).await?;
    inject_again(bed, fault).await;
    only_cut(bed, cut).await?;
    heal(bed, active).await?;
    only_cut(bed, &[]).await
}

async fn a_partition_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::between(&[N1, N2], &[N3]), &both(&[(N1, N3), (N2, N3)])).await
}

async fn an_isolation_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::isolate(N1, &[N2, N3]), &both(&[(N1, N2), (N1, N3)])).await
}

async fn a_shattering_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::shatter(&[N1, N2, N3]), &both(&[(N1, N2), (N1, N3), (N2, N3)])).await
}

async fn a_bridge_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::bridge(N1, N2), &both(&[(N1, N2)])).await
}

async fn a_one_way_cut_lives(bed: Bed) -> Result<()> {
    live(&bed, Partition::one_way(&[N2, N3], &[N1]), &[(N2, N1), (N3, N1)]).await
}

async fn a_disconnect_lives(bed: Bed) -> Result<()> {
    live(&bed, Disconnect { node: N2.into() }, &both(&[(N1, N2), (N2, N3)])).await
}

/// Healed while it is down: its first phase lasts longer than the test.
async fn a_flap_lives(bed: Bed) -> Result<()> {
    let (down, up) = (Duration::from_secs(60), Duration::from_secs(1));
    live(&bed, Flap { cut: Partition::isolate(N1, &[N2, N3]), down, up }, &both(&[(N1, N2), (N1, N3)])).await
}

async fn a_flap_comes_and_goes_until_it_is_healed(bed: Bed) -> Result<()> {
    let (down, up) = (Duration::from_secs(2), Duration::from_secs(2));
    let active = inject(&bed, Flap { cut: Partition::bridge(N1, N2), down, up }).await?;
    let (whole, cut) = (all_but(&[]), all_but(&both(&[(N1, N2)])));
    for phase in [&whole, &cut, &whole] {
        let look = async || {
            let open = open_ways(&bed).await?;
            Ok((open == *phase, format!("open: {open:?}")))
        };
        until(&format!("only the ways {phase:?} to be open"), look).await?;
    }
    heal(&bed, active).await?;
    // It must not come down once more.
    let healed = Instant::now();
    while healed.elapsed() < down + up {
        only_cut(&bed, &[]).await?;
    }
    Ok(())
}

/// A partition that does other than it declares: it cuts these ways, and its undo
/// leaves those to the testbed's end.
#[derive(Debug, Clone)]
struct Crooked {
    declared: Partition,
    cuts: Vec<Way>,
    leaves: Vec<Way>,
}

impl fmt::Display for Crooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crooked: {}", self.declared)
    }
}

#[async_trait]
impl Fault for Crooked {
    async fn inject(&self, bed: &Testbed) -> Result<Undo> {
        drop_ways(bed, "cut", &self.cuts).await?;
        if !self.leaves.is_empty() {
            drop_ways(bed, "left", &self.leaves).await?;
        }
        let bed = bed.clone();
        Ok(Undo::by(async move { bed.firewall().lift("cut").await }))
    }

    async fn effect(&self, bed: &Testbed) -> Result<Effect> {
        self.declared.effect(bed).await
    }
}

/// Cuts these ways under a name, past all faults.
async fn drop_ways(bed: &Testbed, name: &str, ways: &[Way]) -> Result<()> {
    let flow = |&(from, to): &Way| Ok(Flow { from: bed.node(from)?.ip(), to: bed.node(to)?.ip() });
    bed.firewall().drop_flows(name, &ways.iter().map(flow).collect::<Result<Vec<_>>>()?).await
}

async fn a_fault_that_hits_too_much_is_noticed(bed: Bed) -> Result<()> {
    let cuts = both(&[(N1, N2), (N2, N3)]);
    let crooked = Crooked { declared: Partition::bridge(N1, N2), cuts, leaves: vec![] };
    inconclusive(fault::inject(&bed, crooked, false).await, "hit more than it should");
    bed.firewall().lift("cut").await
}

async fn a_fault_that_hits_too_little_is_noticed(bed: Bed) -> Result<()> {
    let cuts = both(&[(N1, N2)]);
    let declared = Partition::isolate(N1, &[N2, N3]);
    let crooked = Crooked { declared, cuts: cuts.clone(), leaves: vec![] };
    inconclusive(fault::inject(&bed, crooked, false).await, "n1→n3 answers");
    bed.firewall().lift("cut").await?;
    // The way back was to stay open.
    let crooked = Crooked { declared: Partition::one_way(&[N1], &[N2]), cuts, leaves: vec![] };
    inconclusive(fault::inject(&bed, crooked, false).await, "n2→n1 lost");
    bed.firewall().lift("cut").await
}

async fn a_heal_that_leaves_something_is_noticed(bed: Bed) -> Result<()> {
    let declared = Partition::isolate(N1, &[N2, N3]);
    let crooked = Crooked { declared, cuts: both(&[(N1, N2)]), leaves: both(&[(N1, N3)]) };
    let active = inject(&bed, crooked).await?;
    inconclusive(active.heal(&bed).await, "n1→n3 silent");
    bed.firewall().lift("left").await
}

async fn partitions_heal_in_either_order(bed: Bed) -> Result<()> {
    let (left, right) = (both(&[(N1, N2)]), both(&[(N2, N3)]));
    for first_is_healed_first in [true, false] {
        let first = inject(&bed, Partition::bridge(N1, N2)).await?;
        let second = inject(&bed, Partition::bridge(N2, N3)).await?;
        only_cut(&bed, &[left.clone(), right.clone()].concat()).await?;
        let (sooner, later, still) =
            if first_is_healed_first { (first, second, &right) } else { (second, first, &left) };
        heal(&bed, sooner).await?;
        only_cut(&bed, still).await?;
        heal(&bed, later).await?;
        only_cut(&bed, &[]).await?;
    }
    Ok(())
}

/// What an earlier fault holds is not the later one's to end.
async fn overlapping_partitions_heal_last_first(bed: Bed) -> Result<()> {
    let narrow = inject(&bed, Partition::bridge(N1, N2)).await?;
    let wide = inject(&bed, Partition::isolate(N1, &[N2, N3])).await?;
    only_cut(&bed, &both(&[(N1, N2), (N1, N3)])).await?;
    heal(&bed, wide).await?;
    only_cut(&bed, &both(&[(N1, N2)])).await?;
    heal(&bed, narrow).await?;
    only_cut(&bed, &[]).await
}

async fn a_partition_outlives_a_power_cycle(bed: Bed) -> Result<()> {
    let active = inject(&bed, Partition::isolate(N1, &[N2, N3])).await?;
    let _off = inject(&bed, PowerOff::of(&[N1])).await?;
    let _on = inject(&bed, PowerOn::of(&[N1])).await?;
    only_cut(&bed, &both(&[(N1, N2), (N1, N3)])).await?;
    heal(&bed, active).await?;
    only_cut(&bed, &[]).await
}

/// The same fault in both; healed in one, it holds in the other.
async fn testbeds_are_apart(bed: Bed) -> Result<()> {
    let session = &bed.session;
    let other = create(session, &format!("{}-2", bed.lab())).await?;
    let cut = both(&[(N1, N2), (N1, N3)]);
    let here = inject(&bed, Partition::isolate(N1, &[N2, N3])).await?;
    only_cut(&other, &[]).await?;
    let there = inject(&other, Partition::isolate(N1, &[N2, N3])).await?;
    heal(&bed, here).await?;
    only_cut(&bed, &[]).await?;
    only_cut(&other, &cut).await?;
    heal(&other, there).await?;
    Testbed::remove(session, other.lab()).await
}

// Machines and processes.

/// Starts the program `name` on a node: a `sleep` of that name. Nobody reaps it: when
/// it ends it stays as a zombie.
async fn start(bed: &Testbed, node: &str, name: &str) -> Result<()> {
    // A shell's background jobs ignore SIGINT unless told otherwise.
    let run = format!("env --default-signal=INT /tmp/{name} infinity >/dev/null 2>&1");
    run_on(bed, node, &format!("cp /bin/sleep /tmp/{name} && {{ {run} & }}")).await?;
    let running = async || {
        let states = states(bed, node, name).await?;
        Ok((states == "S", states))
    };
    until(&format!("{name} to run"), running).await
}

/// Runs a script on a node that must succeed, and gives what it said.
async fn run_on(bed: &Testbed, node: &str, script: &str) -> Result<String> {
    let output = bed.node(node)?.exec(&["sh", "-c", script]).await?;
    assert_eq!(output.code, 0, "{script}: {}", output.text);
    Ok(output.text)
}

/// The states of a node's programs of that name, as its kernel tells them, a letter
/// each: `S` sleeps, `T` is stopped, `Z` is a zombie.
async fn states(bed: &Testbed, node: &str, name: &str) -> Result<String> {
    let script = "for status in /proc/[0-9]*/status; do
        while read -r key value _; do
          case $key in Name:) name=$value ;; State:) echo \"$name $value\" ;; esac
        done <$status
      done 2>/dev/null; :";
    let all = run_on(bed, node, script).await?;
    Ok(all.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect())
}

fn kill(process: &str, signal: Signal) -> Kill {
    Kill { node: N1.into(), process: process.into(), signal }
}

async fn signals_end_processes(bed: Bed) -> Result<()> {
    start(&bed, N1, "bystander").await?;
    for signal in [Signal::Kill, Signal::Term, Signal::Int, Signal::Abrt] {
        let name = format!("victim-{signal:?}");
        start(&bed, N1, &name).await?;
        start(&bed, N2, &name).await?;
        let active = inject(&bed, kill(&name, signal)).await?;
        inject_again(&bed, kill(&name, signal)).await;
        assert!(active.heal(&bed).await?.is_zero(), "something took {signal:?} back");
        assert_eq!(states(&bed, N1, &name).await?, "Z");
        assert_eq!(states(&bed, N1, "bystander").await?, "S");
        assert_eq!(states(&bed, N2, &name).await?, "S");
    }
    Ok(())
}

async fn a_stop_freezes_a_process(bed: Bed) -> Result<()> {
    for name in ["frozen", "neighbour"] {
        start(&bed, N1, name).await?;
    }
    let active = inject(&bed, kill("frozen", Signal::Stop)).await?;
    inject_again(&bed, kill("frozen", Signal::Stop)).await;
    assert_eq!(states(&bed, N1, "frozen").await?, "T");
    assert_eq!(states(&bed, N1, "neighbour").await?, "S");
    heal(&bed, active).await?;
    assert_eq!(states(&bed, N1, "frozen").await?, "S");
    Ok(())
}

/// The first process of a pid namespace gets no signal that it does not handle.
async fn a_blocked_signal_proves_nothing(bed: Bed) -> Result<()> {
    inconclusive(fault::inject(&bed, kill("sleep infinity", Signal::Term), false).await, "1 such process");
    assert!(bed.node(N1)?.state().await?.running, "n1 ended");
    Ok(())
}

async fn a_kill_of_the_first_process_ends_the_node(bed: Bed) -> Result<()> {
    let _active = inject(&bed, kill("sleep infinity", Signal::Kill)).await?;
    assert!(!bed.node(N1)?.state().await?.running, "n1 runs");
    let _on = inject(&bed, PowerOn::of(&[N1])).await?;
    Ok(())
}

/// A fault whose victim is gone is over.
async fn what_died_meanwhile_heals(bed: Bed) -> Result<()> {
    start(&bed, N1, "dead").await?;
    let stopped = inject(&bed, kill("dead", Signal::Stop)).await?;
    let _killed = inject(&bed, kill("dead", Signal::Kill)).await?;
    stopped.heal(&bed).await?;

    let paused = inject(&bed, Pause { node: N1.into() }).await?;
    let unplugged = inject(&bed, Disconnect { node: N2.into() }).await?;
    let _off = inject(&bed, PowerOff::of(&[N1, N2])).await?;
    paused.heal(&bed).await?;
    unplugged.heal(&bed).await?;
    let _on = inject(&bed, PowerOn::of(&[N1, N2])).await?;
    only_cut(&bed, &[]).await
}

/// Starts a program on a node that writes to its disk until `/tmp/beating` goes.
async fn start_beat(bed: &Testbed, node: &str) -> Result<()> {
    let beat = "while [ -e /tmp/beating ]; do echo; sleep 0.02; done >/data/beat 2>&1 &";
    run_on(bed, node, &format!("touch /tmp/beating; ({beat})")).await.map(drop)
}

/// Whether that program writes: looked at for 300 ms from outside of the node.
async fn beats(bed: &Testbed, node: &str) -> Result<bool> {
    let file = bed.node(node)?.disk_path("/data/beat")?;
    let size = format!("$(stat -c %s {file})");
    let script =
        format!("before={size}; for i in {{1..30}}; do sleep 0.01; [ {size} -gt $before ] && exit; done; exit 9");
    match bed.probe_shell().run(&script).await? {
        (0, _) => Ok(true),
        (9, _) => Ok(false),
        (code, said) => panic!("{script}: {code}: {said}"),
    }
}

async fn a_pause_freezes_a_node(bed: Bed) -> Result<()> {
    for node in [N1, N2] {
        start_beat(&bed, node).await?;
        until("a beat", async || Ok((beats(&bed, node).await?, "none".into()))).await?;
    }
    let active = inject(&bed, Pause { node: N1.into() }).await?;
    inject_again(&bed, Pause { node: N1.into() }).await;
    assert!(!beats(&bed, N1).await?, "n1 goes on");
    assert!(beats(&bed, N2).await?, "n2 stands still");
    // The kernel of a frozen machine still answers.
    only_cut(&bed, &[]).await?;
    heal(&bed, active).await?;
    assert!(beats(&bed, N1).await?, "n1 stands still");
    for node in [N1, N2] {
        run_on(&bed, node, "rm /tmp/beating /data/beat").await?;
    }
    Ok(())
}

/// When a node's machine was last started.
async fn started_at(bed: &Bed, node: &str) -> Result<Timestamp> {
    Ok(container(bed, node).await?.started_at.expect("it was started").parse().expect("a time"))
}

/// When a node's machine last ended.
async fn finished_at(bed: &Bed, node: &str) -> Result<Timestamp> {
    Ok(container(bed, node).await?.finished_at.expect("it has ended").parse().expect("a time"))
}

/// The state of a node as the daemon tells it.
async fn container(bed: &Bed, node: &str) -> Result<ContainerState> {
    let inspected = bed.session.docker().inspect_container(bed.node(node)?.container(), None).await;
    Ok(inspected.map_err(Error::docker("inspect a node"))?.state.expect("a state"))
}

async fn power_goes_and_comes_in_order(bed: Bed) -> Result<()> {
    run_on(&bed, N1, "echo kept >/data/file").await?;
    let untouched = started_at(&bed, N3).await?;
    let off = inject(&bed, PowerOff::of(&[N1, N2])).await?;
    inject_again(&bed, PowerOff::of(&[N1, N2])).await;
    assert!(off.heal(&bed).await?.is_zero(), "something gave the power back");
    for node in [N1, N2] {
        let status = bed.node(node)?.state().await?;
        assert!(!status.running && status.exit_code == 137, "{node} was not killed: {status:?}");
    }
    let _on = inject(&bed, PowerOn::of(&[N2, N1])).await?;
    inject_again(&bed, PowerOn::of(&[N2, N1])).await;
    assert!(started_at(&bed, N2).await? < started_at(&bed, N1).await?, "n1 came first");
    assert_eq!(started_at(&bed, N3).await?, untouched, "n3 was touched");
    assert_eq!(run_on(&bed, N1, "cat /data/file; rm /data/file").await?, "kept\n");
    Ok(())
}

/// The nodes' first process ignores SIGTERM, so that each takes its grace.
async fn machines_shut_down_in_order(bed: Bed) -> Result<()> {
    let down = ShutDown { nodes: [N2, N1].map(String::from).into(), grace_s: 1 };
    let active = inject(&bed, down.clone()).await?;
    assert!(active.took >= Duration::from_secs(2), "one had no grace: {:?}", active.took);
    inject_again(&bed, down).await;
    assert!(active.heal(&bed).await?.is_zero(), "something gave the power back");
    assert_eq!(running(&bed).await?.into_keys().collect::<Vec<_>>(), [N3]);
    assert!(finished_at(&bed, N2).await? < finished_at(&bed, N1).await?, "n1 went first");
    let _on = inject(&bed, PowerOn::of(&[N1, N2])).await?;
    Ok(())
}

async fn a_full_disk_takes_nothing(bed: Bed) -> Result<()> {
    run_on(&bed, N1, "echo kept >/data/file").await?;
    let full = DiskFull { node: N1.into() };
    let active = inject(&bed, full.clone()).await?;
    inject_again(&bed, full).await;
    let wrote = bed.node(N1)?.exec(&["sh", "-c", "cat /etc/issue >/data/more"]).await?;
    assert!(wrote.code != 0 && wrote.text.contains("No space left"), "n1 wrote: {wrote:?}");
    run_on(&bed, N2, "cat /etc/issue >/data/more; rm /data/more").await?;
    heal(&bed, active).await?;
    run_on(&bed, N1, "cat /etc/issue >/data/more").await?;
    assert_eq!(run_on(&bed, N1, "cd /data; ls -A; cat file; rm *").await?, "file\nmore\nkept\n");
    Ok(())
}

// Faults that prove nothing.

/// Each kind of fault, on nodes where n3 is off and n1 runs a `victim`.
fn each_kind() -> Vec<Box<dyn Fault>> {
    let (down, up) = (Duration::from_secs(1), Duration::from_secs(1));
    vec![
        Box::new(Partition::bridge(N1, N2)),
        Box::new(Partition::one_way(&[N1], &[N2])),
        Box::new(Flap { cut: Partition::bridge(N1, N2), down, up }),
        Box::new(Disconnect { node: N1.into() }),
        Box::new(PowerOff::of(&[N1])),
        Box::new(ShutDown { nodes: vec![N1.into()], grace_s: 0 }),
        Box::new(PowerOn::of(&[N3])),
        Box::new(kill("victim", Signal::Kill)),
        Box::new(kill("victim", Signal::Term)),
        Box::new(kill("victim", Signal::Stop)),
        Box::new(Pause { node: N1.into() }),
        Box::new(DiskFull { node: N1.into() }),
    ]
}

async fn faults_left_out_prove_nothing(bed: Bed) -> Result<()> {
    start(&bed, N1, "victim").await?;
    let _off = inject(&bed, PowerOff::of(&[N3])).await?;
    // At once, for each waits as long as an effect may take.
    let shams = each_kind().into_iter().map(|fault| fault::inject(&bed, fault, true));
    for sham in join_all(shams).await {
        inconclusive(sham, "waited 5s for the effect of the fault");
    }
    assert_eq!(states(&bed, N1, "victim").await?, "S");
    let _on = inject(&bed, PowerOn::of(&[N3])).await?;
    Ok(())
}

/// A fault that no look ever shows, each look taking a while.
#[derive(Debug)]
struct Unseen;

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unseen")
    }
}

#[async_trait]
impl Fault for Unseen {
    async fn inject(&self, _: &Testbed) -> Result<Undo> {
        Ok(Undo::none())
    }

    async fn effect(&self, bed: &Testbed) -> Result<Effect> {
        bed.shell().must("sleep 0.7").await?;
        Ok(Effect::new(false, "nothing"))
    }
}

/// A script that is cut off would close the shell to every later fault.
async fn a_look_at_the_limit_leaves_the_shell_usable(bed: Bed) -> Result<()> {
    inconclusive(fault::inject(&bed, Unseen, false).await, "nothing");
    bed.shell().must(":").await.map(drop)
}

async fn misfits_are_refused(bed: Bed) -> Result<()> {
    let diskless = fault::inject(&bed, DiskFull { node: N3.into() }, false).await;
    refused(diskless, "n3 has no disk of its own", "give its NodeSpec a disk");

    let second = Duration::from_secs(1);
    let unknown: [Box<dyn Fault>; 9] = [
        Box::new(Partition::isolate("n9", &[N1])),
        Box::new(Partition::one_way(&[N1], &[N2, "n9"])),
        Box::new(Flap { cut: Partition::bridge(N1, "n9"), down: second, up: second }),
        Box::new(Disconnect { node: "n9".into() }),
        Box::new(PowerOff::of(&[N1, "n9"])),
        Box::new(ShutDown { nodes: vec![N1.into(), "n9".into()], grace_s: 0 }),
        Box::new(PowerOn::of(&["n9"])),
        Box::new(Pause { node: "n9".into() }),
        Box::new(Kill { node: "n9".into(), process: "sleep".into(), signal: Signal::Term }),
    ];
    for fault in unknown {
        refused(fault::inject(&bed, fault, false).await, "there is no node \"n9\"", "there are: n1, n2, n3");
    }

    inconclusive(fault::inject(&bed, kill("nonesuch", Signal::Term), false).await, "nonesuch");
    inconclusive(fault::inject(&bed, kill("nonesuch", Signal::Stop), false).await, "no process nonesuch runs on n1");
    assert!(bed.node(N1)?.state().await?.running, "n1 is off");
    only_cut(&bed, &[]).await
}
