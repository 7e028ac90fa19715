//! The harness leaves nothing behind, however it dies.
//!
//! It is killed at random moments while it builds testbeds, fills disks and cuts
//! networks. Each time, what bears its session must go by itself: containers,
//! networks, volumes, packet filters, mounts, loop devices, and the reaper. Where the
//! reaper is killed as well, the next start or `reenact clean` must remove the rest.
//!
//! `REENACT_KILLS` sets how often (30), `REENACT_SEED` which moments are drawn (1).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env, fmt, fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Mutex,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecResults},
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListVolumesOptions,
        RemoveContainerOptionsBuilder,
    },
};
use futures::{StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use reenact::testbed::{OWNER_LABEL, Owner, SESSION_LABEL, connect};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use scenarios as _;
use tokio::process::{Child, Command};

/// What is killed: two testbeds at once, which cut networks and fill disks.
const VICTIM: [&str; 5] = ["run", "galera::non_primary_wedge", "galera::minority_partition", "--jobs", "2"];
/// Makes the images, if they are not there yet.
const WARM_UP: [&str; 2] = ["run", "galera::twin_healthy_under_load"];

/// How many harnesses live, and die, at once. They must not disturb each other.
const AT_ONCE: usize = 3;
/// How long it may take until nothing is left.
const LIMIT: Duration = Duration::from_secs(30);
/// How often is looked.
const EVERY: Duration = Duration::from_millis(100);
/// With its reaper dead, a harness's last requests to the daemon have come to their
/// end when nothing changed for this long.
const SETTLED: Duration = Duration::from_secs(2);

/// Everything there is that could be left behind, one line each.
type Snapshot = BTreeSet<String>;

#[tokio::test]
async fn nothing_is_left_however_the_harness_dies() {
    let observer = match prepare().await {
        Ok(observer) => observer,
        Err(why) => return skip(&why),
    };
    let before = observer.look().await;
    let (alone, together): (Vec<_>, Vec<_>) = draw(env_number("REENACT_SEED", 1), env_number("REENACT_KILLS", 30))
        .into_iter()
        .partition(|kill| kill.target.with_reaper());
    let mut deaths: Vec<Death> =
        stream::iter(together).map(|kill| observer.watch(kill)).buffer_unordered(AT_ONCE).collect().await;
    // One at a time: another start would sweep what this one's reaper cannot.
    for kill in alone {
        deaths.push(observer.watch(kill).await);
    }
    let after = observer.look().await;
    observer.leave().await;
    let held = observer.held.lock().expect("no test panicked").clone();
    deaths.sort_by_key(|death| death.kill.number);
    tell(&deaths);
    judge(&deaths, &before, &after, &held);
}

fn env_number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// As the scenarios do: a skip with its reason, or a failure where nothing may be
/// skipped.
fn skip(why: &str) {
    assert!(env::var("REENACT_REQUIRE").as_deref() != Ok("all"), "{why}");
    eprintln!("skipped: {why}");
}

/// Whose death it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The harness's process alone.
    Harness,
    /// Its whole process group, as a terminal or a CI runner kills.
    Group,
    /// The harness and its reaper; `reenact clean` comes after.
    ThenClean,
    /// The harness and its reaper; another start comes after.
    ThenStart,
}

impl Target {
    fn with_reaper(self) -> bool {
        matches!(self, Self::ThenClean | Self::ThenStart)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Harness => "harness",
            Self::Group => "group",
            Self::ThenClean => "and reaper: clean",
            Self::ThenStart => "and reaper: start",
        })
    }
}

/// One kill to be done.
struct Kill {
    number: usize,
    since: Since,
    moment: Duration,
    target: Target,
}

/// What a kill's moment is counted from, so that the same share of kills comes at each
/// of these times however busy the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// The start of the process.
    Start,
    /// The first request to make something: many are under way at once.
    Making,
    /// The moment that the first fault is in force.
    Fault,
}

impl Since {
    /// The latest moment after it, in seconds.
    fn latest(self) -> f64 {
        match self {
            Self::Start => 14.0,
            Self::Making => 1.2,
            Self::Fault => 6.0,
        }
    }

    /// Whether it has come, by what the harness keeps on disk.
    fn has_come(self, results: &Path) -> bool {
        match self {
            Self::Start => true,
            Self::Making => !journals(results).is_empty(),
            Self::Fault => journals(results).iter().any(|journal| journal.contains(r#""kind":"fault""#)),
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Making => "making",
            Self::Fault => "fault",
        })
    }
}

/// Draws the kills.
fn draw(seed: u64, count: u64) -> Vec<Kill> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut moment = move |since: Since| Duration::from_secs_f64(since.latest() * random.random::<f64>());
    let target = |number: usize| match number % 10 {
        4 => Target::Group,
        6 => Target::ThenClean,
        8 => Target::ThenStart,
        _ => Target::Harness,
    };
    let kill = |number: usize| {
        let since = [Since::Fault, Since::Making, Since::Start][number % 3];
        Kill { number, since, moment: moment(since), target: target(number) }
    };
    (1..=count as usize).map(kill).collect()
}

/// What came of a kill.
struct Death {
    kill: Kill,
    marks: Marks,
    phase: String,
    /// What was there when it died, by kind.
    had: BTreeMap<String, usize>,
    /// Until nothing was left; the reaper itself ends later.
    clean_after: Option<Duration>,
    /// What was wrong, if anything.
    trouble: Option<String>,
}

/// The harness's command line.
fn reenact(results: &Path, arguments: &[&str]) -> Command {
    let log = fs::File::create(results.join("stderr")).expect("the log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.arg("--results").arg(results).args(arguments);
    // A group of its own, for the kills of whole groups; killed on drop, so that a
    // test that panics leaves the rest to the reapers.
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command
}

/// Has the images made and starts the observer; an error says what is missing here.
async fn prepare() -> Result<Observer, String> {
    let docker = connect().await.map_err(|error| error.to_string())?;
    let results = tempfile::tempdir().expect("a folder");
    let warm_up = reenact(results.path(), &WARM_UP).status().await.expect("the binary");
    let said = fs::read_to_string(results.path().join("stderr")).unwrap_or_default();
    assert!(!said.contains("panicked"), "{said}");
    // Whether that scenario passed is not this test's business.
    if warm_up.code() == Some(3) { Err(said) } else { Observer::start(docker).await }
}

/// Looks from a container on the daemon's machine, because the test may have
/// neither its rights nor its tools.
struct Observer {
    docker: Docker,
    container: String,
    /// What the daemon cannot remove any more.
    held: Mutex<Snapshot>,
}

impl Observer {
    async fn start(docker: Docker) -> Result<Self, String> {
        let container = format!("leaves-nothing-{}", std::process::id());
        let here = Owner::this_process().expect("/proc");
        let host_config = HostConfig {
            network_mode: Some("host".into()),
            pid_mode: Some("host".into()),
            cap_add: Some(vec!["NET_ADMIN".into(), "SYS_PTRACE".into()]),
            security_opt: Some(vec!["apparmor=unconfined".into()]),
            auto_remove: Some(true),
            ..Default::default()
        };
        let body = ContainerCreateBody {
            image: Some(helper_image(&docker).await.ok_or("the helper's image is not there")?),
            // An end of its own, should nobody be left to remove it.
            cmd: Some(vec!["sleep".into(), "1h".into()]),
            labels: Some(HashMap::from([
                (SESSION_LABEL.into(), container.clone()),
                (OWNER_LABEL.into(), here.to_string()),
            ])),
            host_config: Some(host_config),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&container).build();
        docker.create_container(Some(options), body).await.map_err(|error| error.to_string())?;
        docker.start_container(&container, None).await.map_err(|error| error.to_string())?;
        Ok(Self { docker, container, held: Mutex::default() })
    }

    async fn leave(&self) {
        let force = RemoveContainerOptionsBuilder::new().force(true).build();
        self.docker.remove_container(&self.container, Some(force)).await.expect("the observer removed");
    }

    /// All there is, ours or not.
    async fn look(&self) -> Snapshot {
        let (objects, machine) = tokio::join!(self.objects(), self.machine());
        objects.into_iter().chain(machine).chain(reapers()).collect()
    }

    /// What the daemon has, by name, and by the session that it says it belongs to.
    async fn objects(&self) -> Snapshot {
        let all = ListContainersOptionsBuilder::new().all(true).build();
        let (containers, networks, volumes) = tokio::try_join!(
            self.docker.list_containers(Some(all)),
            self.docker.list_networks(None),
            self.docker.list_volumes(None::<ListVolumesOptions>),
        )
        .expect("the daemon lists its objects");
        let line = |kind: &str, name: String, labels: Option<HashMap<String, String>>| {
            let session = labels.and_then(|mut labels| labels.remove(SESSION_LABEL)).unwrap_or_default();
            format!("{kind} {name} {session}")
        };
        let containers =
            containers.into_iter().map(|one| line("container", one.names.unwrap_or_default().concat(), one.labels));
        let networks = networks.into_iter().map(|one| line("network", one.name.unwrap_or_default(), one.labels));
        let volumes = volumes.volumes.unwrap_or_default().into_iter();
        let volumes = volumes.map(|one| line("volume", one.name, Some(one.labels)));
        containers.chain(networks).chain(volumes).collect()
    }

    /// The tables of packet filters, with their rules, and the mounts and loop devices
    /// of the daemon's machine.
    async fn machine(&self) -> Snapshot {
        let script = "nft list ruleset; sed 's/^/mount /' /proc/1/mounts; \
                      sed 's/^/loop /' /sys/block/loop*/loop/backing_file 2>/dev/null";
        let said = self.exec(&["sh", "-c", script]).await;
        let mut table = String::new();
        let mut found = Snapshot::new();
        for line in said.lines() {
            if line.starts_with("table ") {
                table = line.trim_end_matches(" {").to_owned();
                found.insert(table.clone());
            } else if line.ends_with(" drop") && table.contains("reenact") {
                found.insert(format!("rule of {table}: {}", line.trim()));
            } else if line.starts_with("mount ") || line.starts_with("loop ") {
                found.insert(line.to_owned());
            }
        }
        // A look that sees no mount at all is blind and would find everything clean.
        assert!(said.lines().any(|line| line.starts_with("mount ")), "the observer sees no mounts: {said}");
        found
    }

    async fn exec(&self, command: &[&str]) -> String {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let exec = self.docker.create_exec(&self.container, options).await.expect("an exec in the observer");
        let started = self.docker.start_exec(&exec.id, None).await.expect("the exec starts");
        let StartExecResults::Attached { mut output, .. } = started else {
            panic!("an attached exec came back detached")
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = output.next().await {
            bytes.extend_from_slice(&chunk.expect("the exec's output").into_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts a harness, kills it, and watches until nothing of it is left.
    async fn watch(&self, kill: Kill) -> Death {
        let results = tempfile::tempdir().expect("a folder");
        let mut child = reenact(results.path(), &VICTIM).spawn().expect("the binary");
        let pid = child.id().expect("a running child");
        let marks = Marks { pid };
        // A run that found the machine too busy ends before; it, too, must leave nothing.
        tokio::select! {
            () = moment_of(&kill, results.path()) => {}
            ended = child.wait() => drop(ended.expect("the harness's end")),
        }
        // A look takes longer than some kills have time for, and what it is to see in a
        // fault is soon gone afterwards.
        let in_fault = kill.since == Since::Fault;
        let seen = if in_fault { self.look().await } else { Snapshot::new() };
        strike(&kill, &mut child, &marks).await;
        let died = Instant::now();
        let seen = if in_fault { seen } else { self.look().await };
        let (had, phase) = (marks.of_kinds(&seen), last_phase(results.path()));
        let after = if kill.target.with_reaper() { self.tidy(kill.target, &marks).await } else { Ok(()) };
        let watched = self.until_clean(&kill, &marks, died).await;
        let said = stderr_of(results.path());
        let panicked = said.contains("panicked").then(|| format!("it panicked: {said}"));
        let trouble = after.err().or(watched.as_ref().err().cloned()).or(panicked);
        Death { kill, marks, phase, had, clean_after: watched.ok(), trouble }
    }

    /// With the reaper dead: waits until the daemon is done, then has the leavings
    /// removed by those who come later.
    async fn tidy(&self, target: Target, marks: &Marks) -> Result<(), String> {
        let (mut seen, mut since) = (Snapshot::new(), Instant::now());
        while since.elapsed() < SETTLED {
            let now = marks.among(&self.objects().await);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            tokio::time::sleep(EVERY).await;
        }
        // Doctor opens a session as every other start does, and is soon done.
        let command = if target == Target::ThenClean { "clean" } else { "doctor" };
        let results = tempfile::tempdir().expect("a folder");
        reenact(results.path(), &[command]).status().await.expect("the binary");
        // Its exit code may be about what others left; what counts is looked at next.
        let said = stderr_of(results.path());
        if said.contains("panicked") { Err(format!("`reenact {command}`: {said}")) } else { Ok(()) }
    }

    /// Waits until nothing bears the marks and the reaper has ended, and gives the
    /// time from the death to the first look that found nothing and no later look
    /// anything. A reaper must not end before: another start's sweep would hide it.
    async fn until_clean(&self, kill: &Kill, marks: &Marks, died: Instant) -> Result<Duration, String> {
        let begun = Instant::now();
        let mut clean_after = None;
        loop {
            // Processes first: what a reaper made an end of is gone before its own end.
            let reaping = !marks.among(&reapers()).is_empty();
            let looked = died.elapsed();
            let mut left = marks.among(&self.objects().await);
            if left.is_empty() {
                left = marks.among(&self.machine().await);
            }
            clean_after = if left.is_empty() { clean_after.or(Some(looked)) } else { None };
            let gave_up = !reaping && !kill.target.with_reaper();
            match clean_after {
                Some(time) if !reaping => return Ok(time),
                _ if gave_up || begun.elapsed() > LIMIT => {
                    if self.held_by_daemon(&left).await {
                        return Ok(looked);
                    }
                    let reaper = if reaping { "still runs" } else { "has ended" };
                    let left: Vec<_> = left.into_iter().collect();
                    return Err(format!(
                        "after {looked:.1?}, when its reaper {reaper}, there is left: {}",
                        left.join(", ")
                    ));
                }
                _ => tokio::time::sleep(EVERY).await,
            }
        }
    }
}

impl Observer {
    /// Whether all that is left are networks that the daemon itself can no longer
    /// remove: nothing is attached to them, and it refuses for their "active
    /// endpoints". Docker 20.10 was seen to lose count of a container's endpoint when
    /// the container is removed while it starts; only the daemon's restart helps.
    /// They are counted and told apart.
    async fn held_by_daemon(&self, left: &Snapshot) -> bool {
        for line in left {
            let Some(name) = line.strip_prefix("network ").and_then(|rest| rest.split(' ').next()) else {
                return false;
            };
            let Ok(network) = self.docker.inspect_network(name, None).await else { return false };
            let refused = self.docker.remove_network(name).await.is_err_and(|error| {
                error.to_string().contains("active endpoints") && network.containers.is_none_or(|all| all.is_empty())
            });
            if !refused {
                return false;
            }
        }
        self.held.lock().expect("no test panicked").extend(left.iter().cloned());
        !left.is_empty()
    }
}

/// Comes back when it is time for the kill.
async fn moment_of(kill: &Kill, results: &Path) {
    while !kill.since.has_come(results) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(kill.moment).await;
}

/// Kills, and waits for the harness's own end only.
async fn strike(kill: &Kill, child: &mut Child, marks: &Marks) {
    let pid = Pid::from_raw(marks.pid.cast_signed()).expect("a process id");
    if kill.target.with_reaper() {
        // The reaper first, for it would begin as soon as the harness is gone.
        for reaper in reaper_processes().into_iter().filter(|reaper| marks.bear(&reaper.session)) {
            let _ = kill_process(reaper.pid, Signal::KILL);
        }
    }
    // Until it was waited for, its id cannot be another's.
    if child.try_wait().expect("its state").is_none() {
        let sent = match kill.target {
            Target::Group => kill_process_group(pid, Signal::KILL),
            _ => kill_process(pid, Signal::KILL),
        };
        sent.expect("the kill is sent");
    }
    child.wait().await.expect("the harness ends");
}

async fn helper_image(docker: &Docker) -> Option<String> {
    let filters = HashMap::from([("reference", vec!["reenact/helper"])]);
    let images = docker.list_images(Some(ListImagesOptionsBuilder::new().filters(&filters).build())).await.ok()?;
    images.into_iter().flat_map(|image| image.repo_tags).next()
}

/// What tells one harness's things from all others: its process's id is part of its
/// session's, and so of all names and labels, and of its tables' names.
struct Marks {
    pid: u32,
}

impl Marks {
    fn bear(&self, line: &str) -> bool {
        let (session, table) = (format!("Z-{}", self.pid), format!("reenact_{}_", self.pid));
        let ends = |(at, _): (usize, &str)| !line[at + session.len()..].starts_with(|next: char| next.is_ascii_digit());
        line.contains(&table) || line.match_indices(&session).any(ends)
    }

    fn among(&self, snapshot: &Snapshot) -> Snapshot {
        snapshot.iter().filter(|line| self.bear(line)).cloned().collect()
    }

    fn of_kinds(&self, snapshot: &Snapshot) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for line in self.among(snapshot) {
            *kinds.entry(line.split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        kinds
    }
}

fn folders(under: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(under).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn stderr_of(results: &Path) -> String {
    fs::read_to_string(results.join("stderr")).unwrap_or_default()
}

/// What the runs did last, by their journals.
fn last_phase(results: &Path) -> String {
    let phase = |journal: String| {
        let notes = journal.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let phase = notes.into_iter().find(|note| note["kind"] == "phase")?;
        Some(phase["text"].as_str()?.chars().take(34).collect::<String>())
    };
    journals(results).into_iter().filter_map(phase).collect::<Vec<_>>().join(" | ")
}

/// What the runs did so far.
fn journals(results: &Path) -> Vec<String> {
    let runs = folders(results).into_iter().flat_map(|session| folders(&session));
    runs.filter_map(|run| fs::read_to_string(run.join("events.jsonl")).ok()).collect()
}

struct ReaperProcess {
    pid: Pid,
    session: String,
}

/// The reapers that run, found by the variable that makes them one.
fn reaper_processes() -> Vec<ReaperProcess> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let reaper = |entry: fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let session = environment.split('\0').find_map(|pair| pair.strip_prefix("REENACT_REAP_SESSION="))?;
        Some(ReaperProcess { pid, session: session.to_owned() })
    };
    processes.filter_map(reaper).collect()
}

fn reapers() -> Snapshot {
    let line = |reaper: ReaperProcess| format!("process {} reaps {}", reaper.pid.as_raw_nonzero(), reaper.session);
    reaper_processes().into_iter().map(line).collect()
}

/// Prints what came of each kill.
#[expect(clippy::print_stdout, reason = "the figures are a result of this test")]
fn tell(deaths: &[Death]) {
    println!(" #  killed at         who, and who tidies");
    for Death { kill, phase, had, clean_after, trouble, .. } in deaths {
        let count = |kind| had.get(kind).copied().unwrap_or_default();
        let had = format!(
            "{} containers {} networks {} volumes {} tables {} rules {} mounts",
            count("container"),
            count("network"),
            count("volume"),
            count("table"),
            count("rule"),
            count("mount")
        );
        let Kill { number, since, target: who, .. } = kill;
        let moment = kill.moment.as_secs_f64();
        let clean =
            clean_after.map_or("never clean".into(), |time| format!("clean after {:>5.2} s", time.as_secs_f64()));
        println!("{number:>2} {since:<6} + {moment:>5.2} s  {who:<18} had {had}; {clean}; {phase}");
        if let Some(trouble) = trouble {
            println!("    NOT CLEAN: {trouble}");
        }
    }
    let clean = deaths.iter().filter(|death| death.trouble.is_none()).count();
    println!("{clean} of {} clean", deaths.len());
    for (by, later) in [("the reaper", false), ("whoever came later", true)] {
        let mut times: Vec<_> = deaths
            .iter()
            .filter(|death| death.kill.target.with_reaper() == later)
            .filter_map(|death| death.clean_after)
            .collect();
        times.sort_unstable();
        if let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) {
            println!("until clean, by {by}: {} kills, median {median:.2?}, longest {longest:.2?}", times.len());
        }
    }
}

/// Holds that nothing is left, and that there was something to leave.
#[expect(clippy::print_stdout, reason = "the figures are a result of this test")]
fn judge(deaths: &[Death], before: &Snapshot, after: &Snapshot, held: &Snapshot) {
    let troubles: Vec<_> = deaths.iter().filter_map(|death| death.trouble.as_deref()).collect();
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
    println!("{} networks that the daemon itself cannot remove any more", held.len());
    let new: Vec<_> = after.difference(before).filter(|line| !held.contains(*line)).collect();
    let ours: Vec<_> = new.iter().filter(|line| deaths.iter().any(|death| death.marks.bear(line))).collect();
    assert!(ours.is_empty(), "left at the end: {ours:?}");
    if !new.is_empty() {
        println!("other sessions made {} things meanwhile", new.len());
    }
    let killed_with = |kind| deaths.iter().filter(|death| death.had.contains_key(kind)).count();
    let kinds = ["container", "network", "volume", "table", "rule", "mount"];
    println!("killed while there were: {}", kinds.map(|kind| format!("{kind}s {}", killed_with(kind))).join(", "));
    // Else it was not shown that any of it goes.
    let faults = deaths.iter().any(|death| death.kill.since == Since::Fault);
    assert!(killed_with("volume") > 0, "every kill came before there was anything to leave");
    assert!(!faults || killed_with("rule") > 0, "no kill came while a network was cut");
}
