//! Shells in containers that stay open, so that a command costs a fork and not a
//! `docker exec`.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecResults},
};
use futures::{Stream, StreamExt};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

use reenact_core::{Error, Result};

/// Reads scripts that end in NUL, runs each in a subshell, answers with its exit
/// code and its output, each ended by NUL. Nothing that it runs reads its input.
const LOOP: &str = r#"while IFS= read -r -d '' script; do
  out=$(eval "$script" 2>&1 </dev/null); printf '%s\0%s\0' "$?" "$out"
done"#;

/// The shell's command.
pub(super) const SHELL: [&str; 3] = ["bash", "-c", LOOP];

/// How long a script may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A program in a container with its pipes open.
pub(super) struct Pipes {
    input: Pin<Box<dyn AsyncWrite + Send>>,
    output: Pin<Box<dyn Stream<Item = Result<bollard::container::LogOutput, bollard::errors::Error>> + Send>>,
    buffer: VecDeque<u8>,
}

impl Pipes {
    /// Runs a program in a container.
    pub(super) async fn open(docker: &Docker, container: &str, command: &[&str]) -> Result<Self> {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let refused = || Error::docker(format!("run {} in {container}", command[0]));
        let exec = docker.create_exec(container, options).await.map_err(refused())?;
        match docker.start_exec(&exec.id, None).await.map_err(refused())? {
            StartExecResults::Attached { output, input } => Ok(Self { input, output, buffer: VecDeque::new() }),
            StartExecResults::Detached => Err(Error::Bug("an attached exec came back detached".into())),
        }
    }

    /// Writes to the program's standard input.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.input.write_all(bytes).await.map_err(gone)?;
        self.input.flush().await.map_err(gone)
    }

    /// Has a shell run a script; gives its exit code and its output. Where it is not awaited
    /// to its end the pipes are of no more use.
    pub(super) async fn say(&mut self, script: &str) -> Result<(i32, String)> {
        self.write(format!("{script}\0").as_bytes()).await?;
        let code = self.read_until(0).await?;
        let output = self.read_until(0).await?;
        let code = code.parse().map_err(|_| Error::Bug(format!("a shell answered {code:?}")))?;
        Ok((code, output))
    }

    /// Reads up to and without the next `end` byte.
    pub(super) async fn read_until(&mut self, end: u8) -> Result<String> {
        loop {
            if let Some(at) = self.buffer.iter().position(|&byte| byte == end) {
                let mut bytes: Vec<u8> = self.buffer.drain(..=at).collect();
                bytes.pop();
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            let chunk = self.output.next().await.ok_or_else(|| gone("its output ended"))?;
            self.buffer.extend(chunk.map_err(gone)?.into_bytes());
        }
    }
}

/// The lines that a program in the helper writes, as they come.
pub struct Lines(Pipes);

impl Lines {
    pub(super) fn new(pipes: Pipes) -> Self {
        Self(pipes)
    }

    /// Waits for the next line.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if the program has ended.
    pub async fn next(&mut self) -> Result<String> {
        self.0.read_until(b'\n').await
    }
}

fn gone(error: impl std::fmt::Display) -> Error {
    Error::inconclusive(format!("the helper container does not answer any more ({error}); was it removed by hand?"))
}

/// A shell in the helper container. Its scripts run one after another.
///
/// Cancel safe: a script whose caller has gone is not begun, or runs to its end for nobody.
pub struct Shell {
    pipes: Arc<Mutex<Option<Pipes>>>,
}

impl Shell {
    pub(super) async fn open(docker: &Docker, container: &str) -> Result<Self> {
        let pipes = Pipes::open(docker, container, &SHELL).await?;
        Ok(Self { pipes: Arc::new(Mutex::new(Some(pipes))) })
    }

    /// Runs a script and gives its exit code and its output.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if the helper is gone or the script takes over 20 s.
    pub async fn run(&self, script: &str) -> Result<(i32, String)> {
        let held = Arc::clone(&self.pipes).lock_owned().await;
        let talk = tokio::spawn(talk(held, script.to_owned()));
        talk.await.unwrap_or_else(|error| Err(Error::Bug(format!("the helper's shell: {error}"))))
    }

    /// Runs a script that must succeed and gives its output.
    ///
    /// # Errors
    /// As [`Shell::run`]; [`Error::Inconclusive`] with its output if it fails.
    pub async fn must(&self, script: &str) -> Result<String> {
        match self.run(script).await? {
            (0, output) => Ok(output),
            (code, output) => {
                Err(Error::inconclusive(format!("in the helper, `{script}` ended with {code}: {}", output.trim())))
            }
        }
    }
}

/// Says a script to the shell, and hears it out. A shell that did not answer in time is not
/// used again: its next answer would be this script's.
async fn talk(mut held: OwnedMutexGuard<Option<Pipes>>, script: String) -> Result<(i32, String)> {
    let mut pipes = held.take().ok_or_else(|| gone("an earlier command was cut off"))?;
    let answer = timeout(LIMIT, pipes.say(&script)).await;
    let answer = answer.map_err(|_| gone(format!("no answer in {LIMIT:?} to: {script}")))?;
    *held = Some(pipes);
    answer
}
