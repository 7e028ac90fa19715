//! The reaper: a child process that outlives the harness by any signal and
//! removes what it left.
//!
//! The harness's own binary runs again as a child in a session of its own, with a
//! pipe as its standard input. The kernel closes the pipe when the harness is
//! gone, whatever killed it; then the child removes all that bears the label.

use std::{
    env,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{Leftovers, SESSION_LABEL, docker};
use reenact_core::{Error, Result};

/// Set in the child's environment: the session to reap.
const VARIABLE: &str = "REENACT_REAP_SESSION";

/// A request that the daemon was still working on when the harness died may make
/// something later; so the reaper goes on until nothing came for this long.
const SETTLED: Duration = Duration::from_secs(3);

/// A container that is removed while the daemon still starts it was seen to leave its
/// network behind for good (Docker 20.10 then counts an endpoint too many). So nothing
/// is removed before nothing new came for this long.
const CALM: Duration = Duration::from_secs(1);

/// How long the reaper tries before it leaves the rest to the next start's sweep.
const LIMIT: Duration = Duration::from_secs(60);

/// The harness's end of the pipe.
pub struct Reaper {
    child: Mutex<Option<(Child, ChildStdin)>>,
}

impl Reaper {
    /// Starts the child.
    ///
    /// # Errors
    /// [`Error::Environment`] if the running binary cannot be run again.
    pub fn start(session: &str) -> Result<Self> {
        let spawn = || {
            let mut child = Command::new(env::current_exe()?)
                .env(VARIABLE, session)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            let pipe = child.stdin.take().ok_or_else(|| std::io::Error::other("no pipe"))?;
            Ok((child, pipe))
        };
        let child = spawn().map_err(|error: std::io::Error| {
            Error::environment(format!("cannot start the reaper: {error}"), "is the binary still where it was started?")
        })?;
        Ok(Self { child: Mutex::new(Some(child)) })
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

    /// Sends the child away: nothing is left to reap.
    pub fn dismiss(&self) {
        let child = self.child.lock().ok().and_then(|mut child| child.take());
        if let Some((mut child, mut pipe)) = child {
            let told = pipe.write_all(b"done");
            drop(pipe);
            let ended = child.wait();
            if told.is_err() || !ended.as_ref().is_ok_and(|status| status.success()) {
                let signal = ended.ok().and_then(|status| status.signal());
                tracing::warn!(?signal, "the reaper was gone before it was dismissed");
            }
        }
    }
}

/// To be called first in every `main` that opens a session: if this process is a
/// reaper it does that work here and exits.
pub fn intercept() {
    let Ok(session) = env::var(VARIABLE) else { return };
    // Out of the harness's process group: Ctrl-C is not for the reaper.
    let _ = rustix::process::setsid();
    let mut said = Vec::new();
    let dismissed = std::io::stdin().read_to_end(&mut said).is_ok() && said == b"done";
    if dismissed {
        std::process::exit(0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reaped = runtime.is_ok_and(|runtime| runtime.block_on(reap(&session)).is_ok());
    std::process::exit(i32::from(!reaped));
}

/// Removes what bears the session's label until nothing more comes. A daemon that
/// refuses or fails once is asked again: nobody else will before the next start.
async fn reap(session: &str) -> Result<()> {
    let docker = docker::connect().await?;
    let label = format!("{SESSION_LABEL}={session}");
    let begun = Instant::now();
    let (mut last_seen, mut known, mut calm_since) = (begun, Leftovers::default(), begun);
    while begun.elapsed() < LIMIT {
        match Leftovers::find(&docker, &label).await {
            Ok(left) if left.is_empty() => {
                if last_seen.elapsed() > SETTLED {
                    return Ok(());
                }
            }
            Ok(left) if left.has_more_than(&known) || calm_since.elapsed() < CALM => {
                if left.has_more_than(&known) {
                    calm_since = Instant::now();
                }
                (known, last_seen) = (left, Instant::now());
            }
            Ok(left) => {
                // What cannot be removed yet, such as a network with an endpoint that
                // is just being made, is tried again in the next round.
                let _ = left.remove(&docker).await;
                // Only now: a busy daemon may take longer to remove it than SETTLED.
                last_seen = Instant::now();
            }
            Err(_) => last_seen = Instant::now(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Error::failed(format!("something was still there after {LIMIT:?}")))
}
