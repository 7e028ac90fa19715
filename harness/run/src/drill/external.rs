//! A command of somebody's own as a runbook: a process group with a deadline, its output kept
//! up to a bound, and nothing of it left when it has ended.

use std::{
    collections::BTreeSet,
    fmt,
    os::{fd::AsFd, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    task::JoinSet,
};

use super::{Exercise, Files, files};
use reenact_core::{
    Error, Result,
    drill::Ending,
    runbook::{Conclusion, Operator, Runbook},
};
use reenact_testbed::{Desk, Place, Strays};

/// So much of a call's output is kept; the rest is read and let go.
const MOST_OUTPUT: usize = 1 << 20;
/// How long its output may take to end when all its processes are gone.
const DRAINED: Duration = Duration::from_secs(5);

/// A command that is called as a runbook.
pub struct External {
    what: Vec<String>,
    command: Vec<String>,
    by_hand: bool,
    goes_on: bool,
    refused: BTreeSet<i32>,
    limit: Duration,
    desk: Arc<Desk>,
    place: Option<Place>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    strays: Strays,
    calls: AtomicUsize,
    ending: Mutex<Option<Ending>>,
}

impl External {
    /// The command of an exercise, on a testbed with that desk and those files; from a box, if
    /// there is one.
    ///
    /// # Errors
    /// [`Error::Environment`] where this program cannot be found again.
    pub fn new(
        exercise: &Exercise,
        desk: Arc<Desk>,
        files: &Files,
        place: Option<Place>,
        strays: Strays,
    ) -> Result<Self> {
        let rc = files.folder().join(files::RC).display().to_string();
        let command = match &place {
            _ if exercise.by_hand => ["bash", "--rcfile", &rc, "-i"].map(str::to_owned).into(),
            None => exercise.command.clone(),
            Some(place) => in_box(&files::program()?, place, &exercise.command),
        };
        Ok(Self {
            what: exercise.command.clone(),
            command,
            by_hand: exercise.by_hand,
            goes_on: exercise.goes_on,
            refused: exercise.refused.clone(),
            limit: exercise.limit,
            desk,
            place,
            environment: files.environment().to_vec(),
            folder: files.folder().to_owned(),
            strays,
            calls: AtomicUsize::new(0),
            ending: Mutex::default(),
        })
    }

    /// How its last call ended.
    pub fn ending(&self) -> Option<Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls it, and kills it once so many of its commands have ended, if that is given.
    async fn call(&self, kill: Option<usize>) -> Result<Ending> {
        let begun = self.desk.commands().len();
        self.desk.hold_after(kill.map(|after| begun + after)).await?;
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Ending::Failed(127)),
            Err(_) => return Ok(Ending::Failed(126)),
        };
        let keeping = self.keep_output(&mut child).await?;
        let killed = async {
            match kill {
                Some(after) => drop(self.desk.ended(begun + after).await),
                None => std::future::pending().await,
            }
        };
        let ending = tokio::select! {
            () = killed => Ending::Killed(kill.unwrap_or_default()),
            () = tokio::time::sleep(self.limit) => Ending::Late,
            ended = child.wait() => self.ending_of(ended.map_err(|error| Error::Bug(format!("a child: {error}")))?),
        };
        self.end(child, keeping).await;
        self.desk.hold_after(None).await?;
        Ok(ending)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let (program, arguments) = self.command.split_first().ok_or(std::io::ErrorKind::NotFound)?;
        let (name, value) = self.strays.mark();
        let mut command = Command::new(program);
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value))).env(name, value);
        if self.by_hand {
            // It keeps the terminal, which belongs to this process's group; standard output is for
            // the result.
            command.stdout(std::io::stderr().as_fd().try_clone_to_owned()?);
        } else {
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        }
        command.kill_on_drop(true).spawn()
    }

    fn ending_of(&self, status: ExitStatus) -> Ending {
        match code(status) {
            // What a shell ends with is its last command's.
            0 if self.goes_on => Ending::GoesOn,
            0 => Ending::Success,
            _ if self.by_hand => Ending::Success,
            code if self.refused.contains(&code) => Ending::Refused(code),
            code => Ending::Failed(code),
        }
    }

    /// Keeps what it says beside the other files of the call.
    async fn keep_output(&self, child: &mut Child) -> Result<JoinSet<()>> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let mut keeping = JoinSet::new();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        if self.by_hand {
            return Ok(keeping);
        }
        for (name, pipe) in [("out", out.map(boxed)), ("err", err.map(boxed))] {
            let path = self.folder.join(format!("call-{number}.{name}"));
            let file = File::create(&path).await.map_err(Error::file("create", path))?;
            if let Some(pipe) = pipe {
                keeping.spawn(keep(pipe, file));
            }
        }
        Ok(keeping)
    }

    /// Kills what is left of it, also what has left its group.
    async fn end(&self, mut child: Child, mut keeping: JoinSet<()>) {
        // Of the group, for a process may have put its environment away; the rest by the mark.
        let group = child.id().filter(|_| !self.by_hand);
        if let Some(group) = group.and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let strays = self.strays.clone();
        let _ = tokio::task::spawn_blocking(move || strays.kill()).await;
        if let Some(place) = &self.place
            && let Err(error) = place.clear().await
        {
            tracing::warn!(%error, "something may still run in the operator's box");
        }
        let _ = child.wait().await;
        let drained = async { while keeping.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(DRAINED, drained).await;
    }
}

/// How a process ended, as a shell says it.
pub(super) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// The same command, run in a box by this program's own way into containers.
fn in_box(program: &str, place: &Place, command: &[String]) -> Vec<String> {
    let script = format!(". {}/env && exec \"$@\"", files::BOX);
    let words = [program, "operator", "exec", place.container(), "bash", "-c", &script, "bash"];
    words.into_iter().map(str::to_owned).chain(command.iter().cloned()).collect()
}

fn boxed(pipe: impl AsyncRead + Send + Unpin + 'static) -> Box<dyn AsyncRead + Send + Unpin> {
    Box::new(pipe)
}

/// Reads all, and keeps the first of it.
async fn keep(mut from: Box<dyn AsyncRead + Send + Unpin>, mut to: File) {
    let (mut buffer, mut room) = (vec![0; 1 << 16], MOST_OUTPUT);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if room == 0 {
            continue;
        }
        let kept = read.min(room);
        room -= kept;
        let _ = to.write_all(&buffer[..kept]).await;
        if room == 0 {
            let _ = to.write_all(b"\n(reenact keeps no more of this output)\n").await;
        }
    }
    let _ = to.flush().await;
}

/// A call that is given up, as at a run's limit, leaves nothing either.
impl Drop for External {
    fn drop(&mut self) {
        self.strays.kill();
    }
}

#[async_trait]
impl Runbook for External {
    async fn run(&self, operator: &Operator) -> Result<Conclusion> {
        let ending = self.call(operator.limit()).await?;
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending.clone());
        match ending {
            Ending::Success | Ending::GoesOn => Ok(Conclusion::Done),
            Ending::Refused(code) => Ok(Conclusion::Refused { why: format!("exit code {code}") }),
            Ending::Killed(after) => Err(Error::Killed { after, step: self.to_string() }),
            Ending::Failed(_) | Ending::Late => Err(Error::failed(format!("{self}: {ending}"))),
        }
    }
}

impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shlex::try_join(self.what.iter().map(String::as_str)).unwrap_or_default())
    }
}
