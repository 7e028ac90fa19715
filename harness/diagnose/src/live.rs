//! Looks at live nodes: one shell on each, which stays open, and one script for each look.
//!
//! The shells are those of the admin: `ssh` with all of its configuration, `docker exec`, or one
//! on this machine. They are sent the system's [`script`](crate::script), with its synthetic write
//! where that is allowed, and nothing else.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    gathered::{Gathered, Section},
    lines::{Lines, Words},
    look, script,
    system::System,
    time::Zone,
};

/// How long a look may take.
const LIMIT: Duration = Duration::from_secs(90);

/// Where a node's shell is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// On this machine.
    Local,
    /// By ssh, on a host as its configuration calls it.
    Ssh(String),
    /// In a container.
    Docker(String),
}

/// A node, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub node: String,
    /// Where its shell is opened.
    pub way: Way,
    /// Whether the shell is root's, by sudo without a password.
    pub sudo: bool,
}

impl Target {
    /// The command that opens its shell.
    pub fn command(&self) -> Vec<String> {
        let words: &[&str] = match &self.way {
            Way::Local => &[],
            // Whoever is asked for a password or a new host key would wait for nobody.
            Way::Ssh(host) => &[
                "ssh",
                "-T",
                "-o",
                "BatchMode=yes",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "ConnectTimeout=10",
                "--",
                host,
            ],
            Way::Docker(container) => &["docker", "exec", "-i", container],
        };
        let shell: &[&str] = if self.sudo { &["sudo", "-n", "sh", "-s"] } else { &["sh", "-s"] };
        words.iter().chain(shell).map(|word| (*word).to_owned()).collect()
    }
}

/// What is sent for a look.
enum Order {
    Look { reads_logs: bool },
}

/// A shell that stays open, and the thread that speaks to it.
struct Shell {
    target: Target,
    orders: Sender<Order>,
    answers: Receiver<Result<Gathered, String>>,
    child: Option<Child>,
    /// Why it is of no use any more.
    dead: Option<String>,
}

/// The shells on all nodes of a system.
pub struct Shells {
    shells: Vec<Shell>,
    sent: Sent,
}

/// What is sent, and how its answer is read.
#[derive(Clone, Copy)]
struct Sent {
    system: &'static System,
    /// Whether a synthetic write is allowed.
    writes: bool,
}

impl Sent {
    fn script(self) -> String {
        if self.writes { script::with_write(self.system) } else { script::of(self.system) }
    }
}

impl Shells {
    /// Opens a shell for each node. One that cannot be opened is told by its first look. Nothing
    /// is ever written, unless `writes` allows the synthetic write.
    pub fn open(targets: Vec<Target>, system: &'static System, writes: bool) -> Self {
        let sent = Sent { system, writes };
        Self { shells: targets.into_iter().map(|target| Shell::open(target, sent)).collect(), sent }
    }

    /// Looks at every node once, at all of them at the same time. A node that cannot be reached is
    /// what was seen of it.
    pub fn look(&mut self, reads_logs: bool) -> Vec<Gathered> {
        // A look that reads logs takes its time anyway: who was away may be back.
        for shell in self.shells.iter_mut().filter(|shell| reads_logs && shell.dead.is_some()) {
            *shell = Shell::open(shell.target.clone(), self.sent);
        }
        for shell in self.shells.iter().filter(|shell| shell.dead.is_none()) {
            let _ = shell.orders.send(Order::Look { reads_logs });
        }
        let until = Instant::now() + LIMIT;
        let mut looks: Vec<_> = self.shells.iter_mut().map(|shell| shell.answer(until)).collect();
        let system = self.sent.system;
        thread::scope(|scope| {
            for (shell, look) in self.shells.iter().zip(&mut looks) {
                if let Way::Docker(container) = &shell.target.way {
                    scope.spawn(move || by_docker(container, system, reads_logs, look));
                }
            }
        });
        looks
    }
}

impl Drop for Shells {
    fn drop(&mut self) {
        self.shells.iter_mut().for_each(Shell::end);
    }
}

impl Shell {
    fn open(target: Target, sent: Sent) -> Self {
        let (orders, ordered) = channel();
        let (answer, answers) = channel();
        let words = target.command();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = Self { target, orders, answers, child: None, dead: None };
        match command.spawn() {
            Ok(mut child) => {
                if let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) {
                    let node = shell.target.node.clone();
                    thread::spawn(move || {
                        let mut speaker = Speaker { node, sent, input, output: BufReader::new(output) };
                        for Order::Look { reads_logs } in ordered {
                            if answer.send(speaker.look(reads_logs)).is_err() {
                                return;
                            }
                        }
                    });
                }
                shell.child = Some(child);
            }
            Err(error) => shell.dead = Some(format!("cannot start {}: {error}", words[0])),
        }
        shell
    }

    fn answer(&mut self, until: Instant) -> Gathered {
        if self.dead.is_none() {
            match self.answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Ok(gathered)) => return gathered,
                Ok(Err(why)) => self.dead = Some(self.last_words().unwrap_or(why)),
                Err(RecvTimeoutError::Timeout) => {
                    self.dead = Some(format!("it did not answer within {} s", LIMIT.as_secs()))
                }
                Err(RecvTimeoutError::Disconnected) => self.dead = Some("its shell could not be spoken to".into()),
            }
            self.end();
        }
        Gathered { at: Some(Timestamp::now()), unreachable: self.dead.clone(), ..Gathered::of(&self.target.node) }
    }

    /// What ssh or docker said last.
    fn last_words(&mut self) -> Option<String> {
        let child = self.child.as_mut()?;
        let _ = child.kill();
        let mut said = String::new();
        child.stderr.take()?.take(1 << 16).read_to_string(&mut said).ok()?;
        said.lines().rfind(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends scripts to a shell, and reads what they print.
struct Speaker {
    node: String,
    sent: Sent,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Speaker {
    fn look(&mut self, reads_logs: bool) -> Result<Gathered, String> {
        let logs = if reads_logs { "yes" } else { "no" };
        // In a shell of its own, which leaves nothing in this one. Nobody reads its errors.
        let sent = format!("( exec 2>/dev/null\nLOOKS=1 LOGS={logs}\n{}\n)\n", self.sent.script());
        let closed = |_| "its shell has ended".to_owned();
        self.input.write_all(sent.as_bytes()).and_then(|()| self.input.flush()).map_err(closed)?;
        if self.output.fill_buf().map_err(closed)?.is_empty() {
            return Err("its shell has ended".to_owned());
        }
        let system = self.sent.system;
        let looks = look::read(&self.node, &mut self.output, &Words::of(system), system.prefix);
        let looks = looks.map_err(|error| error.to_string())?;
        looks.into_iter().next().ok_or_else(|| "its shell did not run the script".to_owned())
    }
}

/// What docker says of a container, whether or not it runs, and what it keeps of its log.
fn by_docker(container: &str, system: &System, reads_logs: bool, look: &mut Gathered) {
    let inspected = Command::new("docker").args(["inspect", container]).stdin(Stdio::null()).output();
    if let Ok(output) = inspected {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        look.take("inspect", Section { text, status: output.status.code() });
    }
    if !reads_logs {
        return;
    }
    // Its two streams as one, in their order.
    let script = "exec docker logs -t --tail 200000 \"$1\" 2>&1";
    let child =
        Command::new("sh").args(["-c", script, "sh", container]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return };
    if let Some(output) = child.stdout.take() {
        let zone = Zone { offset: jiff::tz::Offset::UTC, now: Timestamp::now() };
        if let Ok(lines) = Lines::read(output, &Words::of(system), zone) {
            look.take_log(lines, None);
        }
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TOY;

    fn target(way: Way, sudo: bool) -> Target {
        Target { node: "n1".into(), way, sudo }
    }

    #[test]
    fn ssh_asks_nobody_and_takes_no_new_host_key() {
        let command = target(Way::Ssh("db1".into()), true).command().join(" ");
        for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "-- db1 sudo -n sh -s"] {
            assert!(command.contains(option), "no {option} in {command}");
        }
        assert_eq!(target(Way::Docker("c".into()), false).command().join(" "), "docker exec -i c sh -s");
        assert_eq!(target(Way::Local, false).command().join(" "), "sh -s");
    }

    #[test]
    fn one_shell_serves_look_after_look() {
        for writes in [false, true] {
            let mut shells = Shells::open(vec![target(Way::Local, false)], &TOY, writes);
            for _ in 0..3 {
                let looks = shells.look(true);
                assert_eq!(looks[0].unreachable, None);
                assert_eq!(looks[0].text("hello"), Some("hello\n"));
                assert_eq!(looks[0].text("written"), writes.then_some("written\n"));
            }
        }
    }

    #[test]
    fn a_shell_that_ends_is_told_and_is_not_waited_for() {
        let mut shells = Shells::open(vec![target(Way::Local, false), target(Way::Local, false)], &TOY, false);
        shells.shells[0].child.as_mut().expect("a child").kill().expect("it is ended");
        for _ in 0..2 {
            let looks = shells.look(false);
            assert!(looks[0].unreachable.is_some() && looks[1].unreachable.is_none(), "{looks:?}");
        }
        // It is opened again by a look that takes its time anyway.
        assert!(shells.look(true).iter().all(|look| look.unreachable.is_none()));
    }
}
