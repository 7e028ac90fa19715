//! A program in a container with this process's own standard input and output: what an ssh
//! client's `ProxyCommand` runs. It needs no Docker client, and works on a remote daemon.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
};

use bollard::{
    Docker,
    container::LogOutput,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use reenact_core::{Error, Result};

/// As much as is taken from the daemon at once.
const CHUNK: usize = 1 << 16;

/// Runs a command in a container, as root, until it ends, and gives its exit code.
///
/// # Errors
/// [`Error::Docker`] if it cannot be run, as in a machine that is off.
pub async fn attach(docker: &Docker, container: &str, command: &[String]) -> Result<u8> {
    let cannot = || Error::docker(format!("reach {container}"));
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        user: Some("0".into()),
        cmd: Some(command.to_vec()),
        ..Default::default()
    };
    let exec = docker.create_exec(container, options).await.map_err(cannot())?;
    let options = StartExecOptions { output_capacity: Some(CHUNK), ..Default::default() };
    let StartExecResults::Attached { mut output, mut input } =
        docker.start_exec(&exec.id, Some(options)).await.map_err(cannot())?
    else {
        return Err(Error::Bug("an attached exec came back detached".into()));
    };
    let given =
        io::stdin().as_fd().try_clone_to_owned().map_err(|error| Error::Bug(format!("standard input: {error}")))?;
    let mut given = tokio::fs::File::from_std(File::from(given));
    let sending = tokio::spawn(async move {
        let sent = tokio::io::copy(&mut given, &mut input).await;
        let _ = input.shutdown().await;
        // Held, so that what it answers to the end of its input still comes.
        sent.map(|_| input)
    });
    while let Some(chunk) = output.next().await {
        let written = match chunk.map_err(cannot())? {
            LogOutput::StdErr { message } => write(io::stderr(), &message),
            other => write(io::stdout(), &other.into_bytes()),
        };
        if written.is_err() {
            break;
        }
    }
    sending.abort();
    let code = docker.inspect_exec(&exec.id).await.map_err(cannot())?.exit_code;
    Ok(u8::try_from(code.unwrap_or(255)).unwrap_or(255))
}

fn write(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
