//! The probes that any system can use.

mod disk;

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard::query_parameters::LogsOptionsBuilder;
use futures::{StreamExt, future::BoxFuture, stream::BoxStream};
use reenact_core::{
    Error, Result,
    probe::{Answer, PortState, Probe, Signal, blind},
};
use tokio::{net::TcpStream, time::timeout};

use crate::{Node, Shell};

pub use disk::{KernelLog, Mounts, Writer};

/// A port at which no system here listens.
const UNUSED: u16 = 1;
/// How many connects in a row may be silent, each for [`Ports::LIMIT`].
const SILENCES: u32 = 10;

/// Connects to TCP ports of a node.
#[derive(Debug)]
pub struct Ports {
    node: String,
    ip: Ipv4Addr,
    ports: Vec<u16>,
}

impl Ports {
    /// How long a connect may take before the port counts as silent. Inside one
    /// machine an answer takes well under a millisecond.
    pub const LIMIT: Duration = Duration::from_millis(500);

    /// Looks at these ports of the node.
    pub fn new(node: &Node, ports: &[u16]) -> Self {
        Self { node: node.name().into(), ip: node.ip(), ports: ports.into() }
    }

    /// Connects once.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] for an error of this machine's own, such as too many open
    /// files: it says nothing of the port.
    pub async fn connect(ip: Ipv4Addr, port: u16) -> Result<PortState> {
        match timeout(Self::LIMIT, TcpStream::connect((ip, port))).await {
            Ok(Ok(_)) => Ok(PortState::Open),
            Ok(Err(error)) => state_after(&error)
                .ok_or_else(|| Error::inconclusive(format!("could not connect to {ip}:{port} at all: {error}"))),
            Err(_) => Ok(PortState::Silent),
        }
    }
}

/// Waits until a port where nobody listens refuses: only silence means that the address is not
/// reached from here.
///
/// # Errors
/// [`Error::Environment`] if it stays silent.
pub(crate) async fn reached(ip: Ipv4Addr) -> Result<()> {
    for _ in 0..SILENCES {
        if Ports::connect(ip, UNUSED).await? != PortState::Silent {
            return Ok(());
        }
    }
    Err(Error::environment(
        format!("a container's address ({ip}) is not reached from here"),
        "run reenact on the Docker daemon's own Linux machine, in a container with `--network host`: its clients \
         speak to the nodes directly",
    ))
}

#[async_trait]
impl Probe for Ports {
    fn node(&self) -> &str {
        &self.node
    }

    async fn look(&mut self) -> Vec<Signal> {
        let ip = self.ip;
        let look = |port| async move {
            match Self::connect(ip, port).await {
                Ok(state) => Signal::Port { port, state },
                Err(error) => blind("ports", error),
            }
        };
        futures::future::join_all(self.ports.iter().copied().map(look)).await
    }
}

/// Puts one question to a node over its service's own protocol.
pub struct Query {
    node: Node,
    of: &'static str,
    ask: Box<dyn Fn(Ipv4Addr) -> BoxFuture<'static, Answer> + Send + Sync>,
}

impl Query {
    /// Asks this node by its address; `of` names the question, such as `sql:status`.
    pub fn new<F>(node: &Node, of: &'static str, ask: impl Fn(Ipv4Addr) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self { node: node.clone(), of, ask: Box::new(move |ip| Box::pin(ask(ip))) }
    }
}

#[async_trait]
impl Probe for Query {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![Signal::Query { of: self.of.into(), answer: (self.ask)(self.node.ip()).await }]
    }
}

/// What a connect that failed says of the port; `None`: nothing.
fn state_after(error: &io::Error) -> Option<PortState> {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut,
    };
    match error.kind() {
        ConnectionRefused => Some(PortState::Closed),
        HostUnreachable | NetworkUnreachable | TimedOut | ConnectionReset | ConnectionAborted => {
            Some(PortState::Silent)
        }
        _ => None,
    }
}

/// Asks the daemon whether a node's machine runs.
pub struct Machine(Node);

impl Machine {
    /// Looks at this node.
    pub fn new(node: &Node) -> Self {
        Self(node.clone())
    }
}

#[async_trait]
impl Probe for Machine {
    fn node(&self) -> &str {
        self.0.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![match self.0.state().await {
            Ok(state) => Signal::Machine {
                running: state.running,
                paused: state.paused,
                exit_code: (!state.running).then_some(state.exit_code),
                oom_killed: !state.running && state.oom_killed,
                finished: state.finished.filter(|_| !state.running),
            },
            Err(error) => blind("machine", error),
        }]
    }

    fn state(&self, signal: &Signal) -> Option<String> {
        match signal {
            Signal::Machine { running: false, .. } => Some("off".into()),
            Signal::Machine { paused: true, .. } => Some("paused".into()),
            _ => None,
        }
    }
}

/// Lists the command lines of a node's processes.
pub struct Processes {
    node: Node,
    shell: Arc<Shell>,
}

impl Processes {
    /// Looks at this node.
    pub fn new(node: &Node, shell: &Arc<Shell>) -> Self {
        Self { node: node.clone(), shell: Arc::clone(shell) }
    }
}

#[async_trait]
impl Probe for Processes {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        vec![match self.node.commands(&self.shell).await {
            Ok(commands) => Signal::Processes { commands },
            Err(error) => blind("processes", error),
        }]
    }
}

/// Reads small text files of a node.
pub struct Files {
    node: Node,
    shell: Arc<Shell>,
    paths: Vec<String>,
}

impl Files {
    /// Reads these paths.
    pub fn new(node: &Node, shell: &Arc<Shell>, paths: &[&str]) -> Self {
        Self { node: node.clone(), shell: Arc::clone(shell), paths: paths.iter().map(|&path| path.into()).collect() }
    }
}

#[async_trait]
impl Probe for Files {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        match self.node.read_each(&self.shell, &self.paths).await {
            Ok(all) => {
                let file = |(path, content): (&String, _)| Signal::File { path: path.clone(), content };
                self.paths.iter().zip(all).map(file).collect()
            }
            Err(error) => vec![blind("files", error)],
        }
    }
}

/// Follows a node's log, also across restarts of its machine.
pub struct LogTail {
    node: Node,
    lines: Option<BoxStream<'static, Result<String>>>,
    /// How many lines were passed on. After a restart the log is read again from its
    /// start (the daemon seeks by whole seconds only), and that many are left out:
    /// unlike the lines' stamps, their number does not depend on anybody's clock.
    passed: usize,
    to_skip: usize,
}

impl LogTail {
    /// Follows this node's log from its first line.
    pub fn new(node: &Node) -> Self {
        Self { node: node.clone(), lines: None, passed: 0, to_skip: 0 }
    }

    fn open(&self) -> BoxStream<'static, Result<String>> {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let chunks = self.node.docker().logs(self.node.container(), Some(options));
        let follow = format!("follow the log of {}", self.node.name());
        chunks.map(move |chunk| chunk.map(|chunk| chunk.to_string()).map_err(Error::docker(&follow))).boxed()
    }

    /// What comes of the next line, of the log's end, or of an error.
    fn signal(&mut self, next: Option<Result<String>>) -> Option<Signal> {
        let line = match next {
            Some(Ok(line)) => line,
            // The machine stopped, or it cannot be followed: look again shortly.
            ended => {
                self.lines = None;
                return ended.and_then(Result::err).map(|error| blind("log", error));
            }
        };
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return None;
        }
        self.passed += 1;
        Some(Signal::Log { line: line.trim_end_matches(['\n', '\r']).into() })
    }
}

#[async_trait]
impl Probe for LogTail {
    fn node(&self) -> &str {
        self.node.name()
    }

    async fn look(&mut self) -> Vec<Signal> {
        if self.lines.is_none() {
            (self.lines, self.to_skip) = (Some(self.open()), self.passed);
        }
        let Some(lines) = &mut self.lines else { return Vec::new() };
        let next = lines.next().await;
        let signal = self.signal(next);
        if self.lines.is_none() {
            tokio::time::sleep(reenact_core::poll::EVERY * 5).await;
        }
        signal.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeSpec, node::Disks};

    /// The log of a node whose daemon is not there.
    fn tail() -> LogTail {
        let nowhere = bollard::Docker::connect_with_http("http://127.0.0.1:1", 5, bollard::API_DEFAULT_VERSION);
        let disks = Disks::new(&NodeSpec::default(), 0, Vec::new());
        let (container, id) = ("c1".into(), String::new());
        LogTail::new(&Node::new("n1", Ipv4Addr::LOCALHOST, container, id, nowhere.expect("a client"), disks))
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_followed_is_told() {
        let signals = tail().look().await;
        let [Signal::Blind { probe, why }] = &signals[..] else { panic!("{signals:?}") };
        assert_eq!(probe, "log");
        assert!(why.contains("follow the log of n1"), "{why}");
    }

    #[tokio::test]
    async fn after_an_error_or_a_restart_no_line_comes_twice() {
        let mut tail = tail();
        let line = |text: &str| Some(Ok(format!("{text}\n")));
        let log = |text: &str| Some(Signal::Log { line: text.into() });
        assert_eq!(tail.signal(line("one")), log("one"));
        assert!(matches!(tail.signal(Some(Err(Error::failed("torn")))), Some(Signal::Blind { .. })));
        for ended in [false, true] {
            tail.to_skip = tail.passed;
            assert_eq!(tail.signal(line("one")), None);
            if ended {
                assert_eq!(tail.signal(line("two")), log("two"));
            }
            assert_eq!(tail.signal(None), None, "an end is no error");
        }
    }

    #[test]
    fn an_error_of_this_machine_says_nothing_of_a_port() {
        let state = |code| state_after(&io::Error::from_raw_os_error(code));
        let [refused, unreachable, too_many_files, no_address] = [111, 113, 24, 99];
        assert_eq!(state(refused), Some(PortState::Closed));
        assert_eq!(state(unreachable), Some(PortState::Silent));
        assert_eq!([state(too_many_files), state(no_address)], [None, None]);
    }
}
