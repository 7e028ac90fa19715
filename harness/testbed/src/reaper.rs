//! The reaper: a child process that outlives the harness by any signal and
//! removes what it left.
//!
//! The harness's own binary runs again as a child in a session of its own, with a
//! pipe as its standard input. The kernel closes the pipe when the harness is
//! gone, whatever killed it; then the child removes all that bears the label.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use tokio::signal::unix::{SignalKind, signal};

use super::{
    SESSION_LABEL, docker,
    leftovers::{Calm, Held, Leftovers},
    strays::Strays,
};
use reenact_core::{Error, Result};

/// Set in the child's environment: the session to reap.
const VARIABLE: &str = "REENACT_REAP_SESSION";

/// What the child says first, once it is the reaper and nothing else.
const READY: &str = "reaper";

/// How long the child may take to say so: well over what a binary takes to start on a
/// machine that is saturated.
const START_LIMIT: Duration = Duration::from_secs(30);

const INTERCEPT: &str = "call `reenact::testbed::reaper::intercept()` first in every `main` that opens a session";

/// A request that the daemon was still working on when the harness died may make
/// something later; so the reaper goes on until nothing came for this long.
const SETTLED: Duration = Duration::from_secs(3);

/// How long the reaper tries before it leaves the rest to the next start's sweep.
const LIMIT: Duration = Duration::from_secs(60);

/// The harness's end of the pipe.
pub struct Reaper {
    child: Mutex<Option<(Child, ChildStdin)>>,
}

impl Reaper {
    /// Starts the child, and waits until it is at its post.
    ///
    /// # Errors
    /// [`Error::Environment`] if the running binary cannot be run again; [`Error::Usage`] if
    /// its `main` does not call [`intercept`]: such a child would start what its parent
    /// starts, and a child of its own, and so on.
    pub async fn start(session: &str) -> Result<Self> {
        if env::var_os(VARIABLE).is_some() {
            return Err(Error::usage("this process was started as a reaper, and opens a session", INTERCEPT));
        }
        let spawn = || {
            let mut child = Command::new(env::current_exe()?)
                .env(VARIABLE, session)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()?;
            match (child.stdin.take(), child.stdout.take()) {
                (Some(pipe), Some(said)) => Ok((child, pipe, said)),
                _ => Err(std::io::Error::other("no pipe")),
            }
        };
        let (mut child, pipe, said) = spawn().map_err(|error: std::io::Error| {
            Error::environment(format!("cannot start the reaper: {error}"), "is the binary still where it was started?")
        })?;
        if let Err(error) = is_ready(said).await {
            // It ends by itself, or it is no reaper; and then nothing is there to reap.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        Ok(Self { child: Mutex::new(Some((child, pipe))) })
    }

    /// Has the child do its work now, and waits for its end: for a session that was
    /// cut off while the daemon may still be making something for it.
    ///
    /// # Errors
    /// [`Error::Environment`] if it did not come to an end with nothing left.
    pub async fn finish(&self) -> Result<()> {
        let child = self.child.lock().ok().and_then(|mut child| child.take());
        let Some((mut child, pipe)) = child else { return Ok(()) };
        drop(pipe);
        let ended = tokio::task::spawn_blocking(move || child.wait()).await;
        match ended {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => Err(Error::environment(
                "not everything that this session made could be removed",
                "`reenact clean` removes the rest once the daemon answers",
            )),
        }
    }

    /// Sends the child away: nothing is left to reap. Tells whether it was at its post until now.
    pub fn dismiss(&self) -> bool {
        let child = self.child.lock().ok().and_then(|mut child| child.take());
        let Some((mut child, mut pipe)) = child else { return false };
        let told = pipe.write_all(b"done");
        drop(pipe);
        let ended = child.wait();
        let was_there = told.is_ok() && ended.as_ref().is_ok_and(|status| status.success());
        if !was_there {
            let signal = ended.ok().and_then(|status| status.signal());
            tracing::warn!(?signal, "the reaper was gone before it was dismissed");
        }
        was_there
    }
}

/// Whether the child says that it is the reaper.
async fn is_ready(said: ChildStdout) -> Result<()> {
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).map(|_| line)
    });
    match tokio::time::timeout(START_LIMIT, first).await {
        Ok(Ok(Ok(line))) if line.trim_end() == READY => Ok(()),
        Ok(Ok(Ok(line))) => {
            Err(Error::usage(format!("this binary, run again as the reaper, says {:?}", line.trim_end()), INTERCEPT))
        }
        _ => Err(Error::usage(
            format!("this binary, run again as the reaper, says nothing in {START_LIMIT:?}"),
            INTERCEPT,
        )),
    }
}

/// To be called first in every `main` that opens a session: if this process is a
/// reaper it does that work here and exits.
pub fn intercept() {
    let Ok(session) = env::var(VARIABLE) else { return };
    // Out of the harness's process group: Ctrl-C is not for the reaper. Nor is what ends all processes of the
    // harness's name, as `pkill` does: who listens to a signal does not die of it.
    let _ = rustix::process::setsid();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let _deaf = runtime.as_ref().map(|runtime| {
        let _entered = runtime.enter();
        [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()].map(signal)
    });
    // A harness that is gone already does not hear it.
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{READY}").and_then(|()| out.flush());
    let mut said = Vec::new();
    let dismissed = std::io::stdin().read_to_end(&mut said).is_ok() && said == b"done";
    if dismissed {
        std::process::exit(0);
    }
    Strays::of(&session).end();
    let reaped = runtime.is_ok_and(|runtime| runtime.block_on(reap(&session)).is_ok());
    std::process::exit(i32::from(!reaped));
}

/// Removes what bears the session's label until nothing more comes. A daemon that
/// refuses or fails once is asked again: nobody else will before the next start.
async fn reap(session: &str) -> Result<()> {
    let docker = docker::connect().await?;
    let label = format!("{SESSION_LABEL}={session}");
    let begun = Instant::now();
    let (mut last_seen, mut calm, mut held) = (begun, Calm::default(), Held::default());
    while begun.elapsed() < LIMIT {
        match Leftovers::find(&docker, &label).await {
            Ok(left) => {
                let rest = left.clone().without(&held);
                if rest.is_empty() && last_seen.elapsed() > SETTLED {
                    return Ok(());
                }
                if calm.has_come(&left) || rest.is_empty() {
                    // What cannot be removed yet, such as a network with an endpoint that
                    // is just being made, is tried again in the next round.
                    held = left.remove(&docker).await.unwrap_or_default();
                }
                // Only now: a busy daemon may take longer to remove it than SETTLED.
                if !rest.is_empty() {
                    last_seen = Instant::now();
                }
            }
            Err(_) => last_seen = Instant::now(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Error::failed(format!("something was still there after {LIMIT:?}")))
}
