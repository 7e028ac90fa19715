//! The harness leaves nothing behind, however it dies.
//!
//! It is killed at random moments while it builds testbeds, fills disks, cuts networks,
//! and breaks or freezes file systems on block devices. Each time, what bears its session must go
//! by itself: containers, networks, volumes, packet filters, mounts, loop devices, the
//! containers' processes, and the reaper. Where the reaper is killed as well, the next
//! start or `reenact clean` must remove the rest; so too where it ran in a container, which
//! was killed.
//!
//! `REENACT_KILLS` sets how often (30), `REENACT_SEED` which moments are drawn (1),
//! `REENACT_VICTIM` whose testbeds alone (`galera`, `blobstore`, `frozen`; else all in turn).

mod contained;
mod daemon;
mod figures;
mod harness;
mod kill;
mod marks;
mod observer;
mod watch;

use std::{env, fs};

use bollard::Docker;
use futures::{StreamExt, stream};
use reenact::testbed::connect;
use scenarios as _;
use tokio::sync::Mutex;

use contained::{its_own_network_is_told, sweep_goes_by_the_container};
use figures::{judge, tell};
use harness::reenact;
use kill::{Victim, draw};
use observer::Observer;
use watch::Death;

/// Makes the images, if they are not there yet.
const WARM_UP: [&str; 5] = ["run", "galera::twin_healthy_under_load", "blobstore::twin_monit_reload", "--jobs", "2"];

/// How many harnesses live, and die, at once. They must not disturb each other.
const AT_ONCE: usize = 3;

/// Whether the images were made. Held by each test to its end: the sweep of one would
/// hide what a reaper of the other cannot remove.
static PREPARED: Mutex<bool> = Mutex::const_new(false);

#[tokio::test]
async fn nothing_is_left_however_the_harness_dies() {
    let mut prepared = PREPARED.lock().await;
    let observer = match prepare(&mut prepared).await {
        Ok(docker) => Observer::start(docker).await,
        Err(why) => Err(why),
    };
    let observer = match observer {
        Ok(observer) => observer,
        Err(why) => return skip(&why),
    };
    let kills = draw(number("REENACT_SEED", 1), number("REENACT_KILLS", 30), &victims());
    let before = observer.look().await;
    let (alone, together): (Vec<_>, Vec<_>) = kills.into_iter().partition(|kill| kill.target.with_reaper());
    let mut deaths: Vec<Death> =
        stream::iter(together).map(|kill| observer.watch(kill)).buffer_unordered(AT_ONCE).collect().await;
    // One at a time: another start would sweep what this one's reaper cannot.
    for kill in alone {
        deaths.push(observer.watch(kill).await);
    }
    let after = observer.look().await;
    observer.leave().await;
    deaths.sort_by_key(|death| death.kill.number);
    tell(&deaths);
    judge(&deaths, &before, &after, &observer.held());
}

#[tokio::test]
async fn what_a_killed_container_left_is_swept_and_a_living_one_has_its_own() {
    let mut prepared = PREPARED.lock().await;
    let results = tempfile::tempdir().expect("a folder");
    let swept = match prepare(&mut prepared).await {
        Ok(docker) => sweep_goes_by_the_container(&docker, results.path()).await,
        Err(why) => Err(why),
    };
    if let Err(why) = swept {
        skip(&why);
    }
}

#[tokio::test]
async fn a_container_on_a_network_of_its_own_reaches_no_testbed_and_says_so() {
    let mut prepared = PREPARED.lock().await;
    let results = tempfile::tempdir().expect("a folder");
    let told = match prepare(&mut prepared).await {
        Ok(docker) => its_own_network_is_told(&docker, results.path()).await,
        Err(why) => Err(why),
    };
    if let Err(why) = told {
        skip(&why);
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Whose testbeds to kill.
fn victims() -> Vec<Victim> {
    let all = vec![Victim::Galera, Victim::Blobstore, Victim::Frozen];
    let Ok(name) = env::var("REENACT_VICTIM") else { return all };
    let one: Vec<_> = all.iter().copied().filter(|victim| victim.to_string() == name).collect();
    assert!(!one.is_empty(), "REENACT_VICTIM={name}: there are {all:?}, in small letters");
    one
}

/// As the scenarios do: a skip with its reason, or a failure where nothing may be
/// skipped.
fn skip(why: &str) {
    assert!(env::var("REENACT_REQUIRE").as_deref() != Ok("all"), "{why}");
    eprintln!("skipped: {why}");
}

/// Has the images made; an error says what is missing here.
async fn prepare(prepared: &mut bool) -> Result<Docker, String> {
    let docker = connect().await.map_err(|error| error.to_string())?;
    if *prepared {
        return Ok(docker);
    }
    let results = tempfile::tempdir().expect("a folder");
    let warm_up = reenact(results.path(), &WARM_UP).status().await.expect("the binary");
    let said = fs::read_to_string(results.path().join("stderr")).unwrap_or_default();
    assert!(!said.contains("panicked"), "{said}");
    // Whether those scenarios passed is not this test's business.
    *prepared = warm_up.code() != Some(3);
    if *prepared { Ok(docker) } else { Err(said) }
}
