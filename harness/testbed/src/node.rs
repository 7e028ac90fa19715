//! One node: a container that stands for a machine.

use std::{fmt, net::Ipv4Addr, sync::Arc};

use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecResults},
    query_parameters::{KillContainerOptionsBuilder, StopContainerOptionsBuilder, TopOptionsBuilder},
};
use futures::StreamExt;
use jiff::Timestamp;

use super::{Device, EXPORTERS, NodeSpec, Shell};
use reenact_core::{Error, Result, probe::Access, runbook::Output};

/// A node of a testbed; cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    name: String,
    ip: Ipv4Addr,
    container: String,
    id: String,
    docker: Docker,
    disks: Disks,
}

/// What a node has of disks.
#[derive(Debug, Clone)]
pub(super) struct Disks {
    /// Where the volume is mounted on the node, and where the helper reaches it while
    /// the node is down.
    volume: Option<(String, String)>,
    devices: Vec<Device>,
    /// Where the node was made with what access: its disks, then its root.
    declared: Vec<(String, Access)>,
}

impl Disks {
    pub(super) fn new(spec: &NodeSpec, keeper: i64, devices: Vec<Device>) -> Self {
        let volume = spec.disks.iter().find(|disk| disk.device_path().is_none());
        let from_helper = format!("/proc/{keeper}/root/disks/{}", spec.name);
        let mut declared: Vec<_> = spec.disks.iter().map(|disk| (disk.mount.to_owned(), disk.access())).collect();
        declared.dedup();
        declared.push(("/".into(), if spec.read_only { Access::ReadOnly } else { Access::ReadWrite }));
        Self { volume: volume.map(|disk| (disk.mount.into(), from_helper)), devices, declared }
    }
}

/// The state of a node's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeStatus {
    /// Whether it runs; true also while it is paused.
    pub running: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// The exit code of its last end; 0 while it runs.
    pub exit_code: i64,
    /// Whether the kernel ended its last run for want of memory.
    pub oom_killed: bool,
    /// When it last ended, by the daemon's clock; `None` if it never did.
    pub finished: Option<Timestamp>,
    /// Its first process on the daemon's machine; 0 while it does not run.
    pub pid: i64,
}

/// A process of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id on the daemon's machine.
    pub pid: u32,
    /// Its arguments, joined by spaces.
    pub command: String,
}

impl Node {
    pub(super) fn new(name: &str, ip: Ipv4Addr, container: String, id: String, docker: Docker, disks: Disks) -> Self {
        Self(Arc::new(Inner { name: name.into(), ip, container, id, docker, disks }))
    }

    /// Its name in the testbed, such as `n1`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its address in the testbed's network; it keeps it over restarts.
    pub fn ip(&self) -> Ipv4Addr {
        self.0.ip
    }

    /// Its container's name.
    pub fn container(&self) -> &str {
        &self.0.container
    }

    /// Its container's id, which its processes' control groups bear.
    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.0.docker
    }

    fn cannot(&self, action: &str) -> impl FnOnce(bollard::errors::Error) -> Error {
        Error::docker(format!("{action} {}", self.0.name))
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot tell.
    pub async fn state(&self) -> Result<NodeStatus> {
        let inspected = self.0.docker.inspect_container(&self.0.container, None).await;
        let state = inspected.map_err(self.cannot("inspect"))?.state.unwrap_or_default();
        Ok(NodeStatus {
            running: state.running.unwrap_or_default(),
            paused: state.paused.unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            oom_killed: state.oom_killed.unwrap_or_default(),
            // The daemon says the year 1 for never.
            finished: state.finished_at.and_then(|at| at.parse().ok()).filter(|at| *at > Timestamp::UNIX_EPOCH),
            pid: state.pid.unwrap_or_default(),
        })
    }

    /// The signal that stops it, such as `SIGTERM`: its image's `STOPSIGNAL`, if it has one.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot tell.
    pub async fn stop_signal(&self) -> Result<String> {
        let inspected = self.0.docker.inspect_container(&self.0.container, None).await;
        let config = inspected.map_err(self.cannot("inspect"))?.config.unwrap_or_default();
        Ok(signal_name(config.stop_signal.as_deref().unwrap_or_default()))
    }

    /// Its processes, without the exporters; none while it does not run.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot tell.
    pub async fn processes(&self) -> Result<Vec<Process>> {
        let options = TopOptionsBuilder::new().ps_args("-eo pid,args").build();
        let listed = match self.0.docker.top_processes(&self.0.container, Some(options)).await {
            Ok(listed) => listed,
            // The daemon has many words for a container that is gone or just going.
            Err(error) if self.state().await?.running => return Err(self.cannot("list the processes of")(error)),
            Err(_) => return Ok(Vec::new()),
        };
        let process = |row: Vec<String>| {
            let [pid, command]: [String; 2] = row.try_into().ok()?;
            let is_own = !command.starts_with(EXPORTERS);
            is_own.then_some(Process { pid: pid.parse().ok()?, command })
        };
        Ok(listed.processes.unwrap_or_default().into_iter().filter_map(process).collect())
    }

    /// Runs a command and waits for its end. Costs some 80 ms.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be run; a command that fails is no error.
    pub async fn exec(&self, command: &[&str]) -> Result<Output> {
        let ran = exec(&self.0.docker, &self.0.container, command).await;
        ran.map_err(self.cannot(&format!("run `{}` on", command.join(" "))))
    }

    /// Sends a signal to its first process; `SIGKILL` cuts its power.
    ///
    /// # Errors
    /// [`Error::Docker`] if it does not run.
    pub async fn signal(&self, signal: &str) -> Result<()> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        let sent = self.0.docker.kill_container(&self.0.container, Some(options)).await;
        sent.map_err(self.cannot(&format!("send {signal} to")))
    }

    /// Starts its machine; no error if it runs.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be started.
    pub async fn start(&self) -> Result<()> {
        self.0.docker.start_container(&self.0.container, None).await.map_err(self.cannot("start"))
    }

    /// Stops its machine as an operator would: SIGTERM, and SIGKILL after `grace`
    /// seconds. No error if it does not run.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be stopped.
    pub async fn stop(&self, grace: i32) -> Result<()> {
        let options = StopContainerOptionsBuilder::new().t(grace).build();
        self.0.docker.stop_container(&self.0.container, Some(options)).await.map_err(self.cannot("stop"))
    }

    /// Freezes all its processes.
    ///
    /// # Errors
    /// [`Error::Docker`] if it does not run or is paused already.
    pub async fn pause(&self) -> Result<()> {
        self.0.docker.pause_container(&self.0.container).await.map_err(self.cannot("pause"))
    }

    /// Thaws its processes.
    ///
    /// # Errors
    /// [`Error::Docker`] if it is not paused.
    pub async fn unpause(&self) -> Result<()> {
        self.0.docker.unpause_container(&self.0.container).await.map_err(self.cannot("unpause"))
    }

    /// Its block devices.
    pub fn devices(&self) -> &[Device] {
        &self.0.disks.devices
    }

    /// The block device under that path.
    ///
    /// # Errors
    /// [`Error::Usage`] if it has none there; it lists those there are.
    pub fn device(&self, path: &str) -> Result<&Device> {
        let devices = self.devices();
        devices.iter().find(|device| device.path == path).ok_or_else(|| {
            let known: Vec<_> = devices.iter().map(|device| device.path.as_str()).collect();
            Error::usage(
                format!("{} has no block device {path:?}", self.0.name),
                format!("it has: [{}]", known.join(", ")),
            )
        })
    }

    /// Where it was made with what access: its disks, then its root. A person on call
    /// finds the same in Docker's `.Mounts[].RW`, or in a pod's specification.
    pub fn declared(&self) -> &[(String, Access)] {
        &self.0.disks.declared
    }

    /// Where its first disk is mounted, or will be.
    ///
    /// # Errors
    /// [`Error::Usage`] if it has none of its own.
    pub fn disk_mount(&self) -> Result<&str> {
        let first = self.0.disks.declared.iter().find(|(path, _)| path != "/");
        first
            .map(|(path, _)| path.as_str())
            .ok_or_else(|| Error::usage(format!("{} has no disk of its own", self.0.name), "give its NodeSpec a disk"))
    }

    /// Where the helper sees a path of the node. What lies on a volume can be reached
    /// also while the node is down.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if the node is down and the path does not lie on a
    /// volume.
    pub async fn reach(&self, path: &str) -> Result<String> {
        if let Some((on_node, from_helper)) = &self.0.disks.volume
            && let Some(rest) = path.strip_prefix(on_node.as_str())
        {
            return Ok(format!("{from_helper}{rest}"));
        }
        match self.state().await?.pid {
            0 => Err(Error::inconclusive(format!("{path} cannot be reached while {} is down", self.0.name))),
            pid => Ok(format!("/proc/{pid}/root{path}")),
        }
    }

    /// Reads a text file of the node; `None`: there is no such file.
    ///
    /// # Errors
    /// As [`Node::read_each`].
    pub async fn read(&self, shell: &Shell, path: &str) -> Result<Option<String>> {
        Ok(self.read_each(shell, &[path]).await?.pop().flatten())
    }

    /// Reads text files of the node in one look; `None`: there is no such file.
    ///
    /// # Errors
    /// As [`Node::reach`] and [`Shell::run`]; [`Error::Inconclusive`] if one cannot be read.
    pub async fn read_each<P: AsRef<str>>(&self, shell: &Shell, paths: &[P]) -> Result<Vec<Option<String>>> {
        let mut script = String::new();
        for path in paths {
            // `read` takes it as it is, and without a fork; that it meets no NUL is no error.
            let path = self.reach(path.as_ref()).await?;
            script += &format!(
                "if {{ IFS= read -r -d '' text || :; }} 2>/dev/null <{path}; then printf '\\036+%s' \"$text\"
                 elif [ -e {path} ]; then echo {path}; exit 45; else printf '\\036-'; fi\n"
            );
        }
        match shell.run(&script).await? {
            (0, said) => {
                let told = contents(&said).filter(|told| told.len() == paths.len());
                told.ok_or_else(|| {
                    Error::inconclusive(format!("cannot tell the files of {} apart in {said:?}", self.0.name))
                })
            }
            (_, said) => Err(Error::inconclusive(format!("a file of {} cannot be read: {said}", self.0.name))),
        }
    }

    /// The command lines of its processes, without the exporters, as its own `/proc` has them; none
    /// while it does not run. No process is made for it.
    ///
    /// # Errors
    /// [`Error::Docker`] if the daemon cannot tell whether it runs, [`Error::Inconclusive`] if the
    /// helper is gone.
    pub async fn commands(&self, shell: &Shell) -> Result<Vec<String>> {
        let pid = match self.state().await?.pid {
            0 => return Ok(Vec::new()),
            pid => pid,
        };
        // One that has ended has no words, nor has a thread of the kernel's.
        let said = shell
            .must(&format!(
                "for file in /proc/{pid}/root/proc/[0-9]*/cmdline; do
                   {{ mapfile -d '' -t words <$file; }} 2>/dev/null || continue
                   line=${{words[*]}}; [ -z \"$line\" ] || printf '%s\\n' \"${{line//$'\\n'/ }}\"
                 done"
            ))
            .await?;
        Ok(said.lines().filter(|line| !line.starts_with(EXPORTERS)).map(str::to_owned).collect())
    }
}

/// Reads what [`Node::read_each`] prints: for each file a record separator, then `+` and its text,
/// or `-` for none. Line ends at a text's end are left out, as a shell does.
fn contents(said: &str) -> Option<Vec<Option<String>>> {
    let text = |told: &str| match told.split_at_checked(1)? {
        ("+", text) => Some(Some(text.trim_end_matches('\n').to_owned())),
        ("-", "") => Some(None),
        _ => None,
    };
    said.split('\x1e').skip(1).map(text).collect()
}

/// A signal by its whole name: images may also have it as `QUIT` or `3`.
fn signal_name(said: &str) -> String {
    match said.trim().to_ascii_uppercase() {
        none if none.is_empty() => "SIGTERM".into(),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("signal {number}"),
        whole if whole.starts_with("SIG") => whole,
        short => format!("SIG{short}"),
    }
}

/// Runs a command in a container and waits for its end.
pub(super) async fn exec(
    docker: &Docker,
    container: &str,
    command: &[&str],
) -> std::result::Result<Output, bollard::errors::Error> {
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.to_vec()),
        ..Default::default()
    };
    let exec = docker.create_exec(container, options).await?;
    let mut text = String::new();
    if let StartExecResults::Attached { mut output, .. } = docker.start_exec(&exec.id, None).await? {
        while let Some(chunk) = output.next().await {
            text.push_str(&chunk?.to_string());
        }
    }
    let code = docker.inspect_exec(&exec.id).await?.exit_code.unwrap_or(-1);
    Ok(Output { code, text })
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.name)
    }
}

/// The node of that name.
///
/// # Errors
/// [`Error::Usage`] if there is none; it lists those there are.
pub(super) fn named<'n>(nodes: &'n [Node], name: &str) -> Result<&'n Node> {
    nodes.iter().find(|node| node.name() == name).ok_or_else(|| {
        let known: Vec<_> = nodes.iter().map(Node::name).collect();
        Error::usage(format!("there is no node {name:?}"), format!("there are: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::{contents, signal_name};

    #[test]
    fn files_are_told_apart() {
        let text = |text: &str| Some(text.to_owned());
        let all = contents("\x1e+a\n+b\n\x1e-\x1e+\x1e+-").expect("four files");
        assert_eq!(all, [text("a\n+b"), None, text(""), text("-")]);
        assert_eq!(contents(""), Some(Vec::new()));
        assert_eq!(contents("\x1e+a \x1e b"), None, "a text that holds the separator");
    }

    #[test]
    fn a_signal_has_one_name_however_an_image_writes_it() {
        for (said, name) in [("", "SIGTERM"), ("SIGQUIT", "SIGQUIT"), ("quit", "SIGQUIT"), ("3", "signal 3")] {
            assert_eq!(signal_name(said), name);
        }
    }
}
