//! The operator's desk: it has made the keys, and hears of each command on each node.

use std::time::Duration;

use bollard::query_parameters::LogsOptionsBuilder;
use futures::StreamExt;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{super::node::exec, power};
use crate::Testbed;
use reenact_core::{Error, Result, runbook::Output};

/// What the desk says once the keys are made.
const READY: &str = "ready";
/// How long that may take, on a loaded machine.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// So much of a machine's log is given to whoever reads it there.
const MOST_LOG: usize = 100_000;

/// The run's keys.
pub struct Keys {
    /// The operator's private key, as OpenSSH has it.
    pub private: String,
    /// The public key of all nodes: type and key.
    pub host: String,
}

/// A command on a node, a file transfer, a line typed in a shell, or a turn of a power switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Where it was run; `desk`: a power switch.
    pub node: String,
    /// Its text, on one line.
    pub text: String,
    /// Its exit code, once it has ended.
    pub code: Option<i64>,
}

/// What the desk hears of a command: its number from 1, the command, and whether it ended.
pub type Told = Box<dyn Fn(usize, &Command, bool) + Send>;

/// A desk beside a testbed's nodes. It follows the journal until it is dropped.
pub struct Desk {
    bed: Testbed,
    container: String,
    commands: watch::Receiver<Vec<Command>>,
    following: JoinHandle<()>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Desk {
    /// Sits down at the desk of a testbed; takes the keys away from it, and hands each command
    /// to `told` when it begins and when it ends.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be reached.
    pub async fn open(bed: &Testbed, told: Told) -> Result<(Self, Keys)> {
        let container = bed.desk_container()?;
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let mut lines = bed.session().docker().logs(&container, Some(options));
        let ready = async {
            while let Some(line) = lines.next().await {
                let line = line.map_err(Error::docker("follow the operator's desk"))?.to_string();
                if line.trim_end() == READY {
                    return Ok(());
                }
                tracing::warn!(line, "the operator's desk");
            }
            Err(Error::Bug("the operator's desk has ended".into()))
        };
        timeout(READY_LIMIT, ready)
            .await
            .map_err(|_| Error::inconclusive("the operator's desk is not ready in time"))??;
        let (heard, commands) = watch::channel(Vec::new());
        let (there, at) = (bed.clone(), container.clone());
        let following = tokio::spawn(async move {
            while let Some(Ok(line)) = lines.next().await {
                let line = line.to_string();
                match Line::read(line.trim_end_matches('\n')) {
                    Some(Line::Ask { ticket, what }) => {
                        let (bed, container) = (there.clone(), at.clone());
                        let (ticket, what) = (ticket.to_owned(), what.into_iter().map(str::to_owned).collect());
                        tokio::spawn(answer(bed, container, ticket, what));
                    }
                    Some(line) => heard.send_modify(|all| line.put(all, &told)),
                    None => tracing::warn!(line, "the operator's desk"),
                }
            }
        });
        let desk = Self { bed: bed.clone(), container, commands, following };
        let private = desk.must("cat /run/operator/key && rm /run/operator/key").await?;
        let host = desk.must("cut -d' ' -f1,2 /run/operator/host_key.pub").await?;
        Ok((desk, Keys { private, host: host.trim().into() }))
    }

    /// The testbed.
    pub(super) fn bed(&self) -> &Testbed {
        &self.bed
    }

    /// The container, in which `power` is the power switch of the nodes.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Every command so far, in the order of their begin.
    pub fn commands(&self) -> Vec<Command> {
        self.commands.borrow().clone()
    }

    /// Has whoever runs the command of that number, from 1, wait at its end, so that it can be
    /// killed then; `None`: nobody waits.
    ///
    /// # Errors
    /// [`Error::Docker`] if it cannot be said.
    pub async fn hold_after(&self, number: Option<usize>) -> Result<()> {
        let script =
            number.map_or_else(|| "rm -f /run/operator/last".into(), |at| format!("echo {at} >/run/operator/last"));
        self.must(&script).await.map(drop)
    }

    /// Waits until the command of that number has ended.
    pub async fn ended(&self, number: usize) -> Command {
        let mut commands = self.commands.clone();
        let has_ended = |all: &Vec<Command>| all.get(number - 1).is_some_and(|command| command.code.is_some());
        let found = commands.wait_for(has_ended).await.ok().and_then(|all| all.get(number - 1).cloned());
        match found {
            Some(command) => command,
            // The desk is gone: it tells of nothing any more.
            None => std::future::pending().await,
        }
    }

    async fn must(&self, script: &str) -> Result<String> {
        let command = ["sh", "-c", script];
        let ran = exec(self.bed.session().docker(), &self.container, &command).await;
        match ran.map_err(Error::docker("reach the operator's desk"))? {
            Output { code: 0, text } => Ok(text),
            Output { code, text } => {
                Err(Error::Bug(format!("at the operator's desk, {script:?} ended with {code}: {text}")))
            }
        }
    }
}

/// A line of the journal: see `docker/operator/journal.sh`.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Begin { number: usize, node: &'a str, text: &'a str },
    End { number: usize, code: i64 },
    Ask { ticket: &'a str, what: Vec<&'a str> },
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        match next()? {
            "begin" => Some(Self::Begin { number: next()?.parse().ok()?, node: next()?, text: next()? }),
            "end" => Some(Self::End { number: next()?.parse().ok()?, code: next()?.parse().ok()? }),
            "ask" => Some(Self::Ask { ticket: next()?, what: fields.collect() }),
            _ => None,
        }
    }

    /// Adds it to the commands.
    fn put(&self, all: &mut Vec<Command>, told: &Told) {
        match *self {
            // They are numbered under a lock, so they come in order.
            Self::Begin { number, node, text } if number == all.len() + 1 => {
                let command = Command { node: node.into(), text: text.into(), code: None };
                told(number, &command, false);
                all.push(command);
            }
            Self::End { number, code } => {
                if let Some(command) = all.get_mut(number.wrapping_sub(1)) {
                    command.code = Some(code);
                    told(number, command, true);
                }
            }
            Self::Begin { .. } | Self::Ask { .. } => tracing::warn!(line = ?self, "out of order"),
        }
    }
}

/// Does what was asked for at the desk, and leaves the answer there.
async fn answer(bed: Testbed, container: String, ticket: String, what: Vec<String>) {
    let words: Vec<_> = what.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["power", node, switch] => async { power(bed.node(node)?, switch).await }.await,
        ["log", node, lines] => async { log(&bed, node, lines).await }.await,
        _ => Err(Error::usage(format!("nobody at the desk knows {what:?}"), "ask for power or a log")),
    };
    let (code, text) = match done {
        Ok(text) => ("0", text),
        Err(error) => ("1", format!("{error}\n")),
    };
    let script =
        "cd /run/operator/answers && printf %s \"$2\" >\"$0\" && echo \"$1\" >\"$0.new\" && mv \"$0.new\" \"$0.code\"";
    let command = ["sh", "-c", script, &ticket, code, &text];
    if let Err(error) = exec(bed.session().docker(), &container, &command).await {
        tracing::warn!(%error, "an operator got no answer");
    }
}

/// The end of a machine's log.
async fn log(bed: &Testbed, node: &str, lines: &str) -> Result<String> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(lines).build();
    let mut log = bed.session().docker().logs(bed.node(node)?.container(), Some(options));
    let mut text = String::new();
    while let Some(line) = log.next().await {
        text += &line.map_err(Error::docker(format!("read the log of {node}")))?.to_string();
    }
    let from = text.len().saturating_sub(MOST_LOG);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    Ok(text.split_off(from))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_journal_is_read_line_by_line_and_nothing_else_is_taken_for_one() {
        let begin = Line::Begin { number: 3, node: "n1", text: "uname -a" };
        assert_eq!(Line::read("begin\t3\tn1\tuname -a"), Some(begin));
        assert_eq!(Line::read("end\t3\t137"), Some(Line::End { number: 3, code: 137 }));
        let ask = Line::Ask { ticket: "n1.7", what: vec!["power", "n2", "on"] };
        assert_eq!(Line::read("ask\tn1.7\tpower\tn2\ton"), Some(ask));
        for other in ["", "begin", "begin\tx\tn1\tls", "end\t3", "tail: error"] {
            assert_eq!(Line::read(other), None, "{other:?}");
        }
    }

    #[test]
    fn commands_that_run_side_by_side_end_each_with_its_own_code() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let told: Told = Box::new(move |number, command, ended| {
            kept.lock().expect("unpoisoned").push((number, command.text.clone(), ended));
        });
        let mut all = Vec::new();
        for line in ["begin\t1\tn1\ta", "begin\t2\tn2\tb", "end\t2\t1", "end\t9\t0", "begin\t2\tn1\tagain", "end\t1\t0"]
        {
            Line::read(line).expect("a line").put(&mut all, &told);
        }
        assert_eq!(all.iter().map(|command| command.code).collect::<Vec<_>>(), [Some(0), Some(1)]);
        let heard = heard.lock().expect("unpoisoned").clone();
        assert_eq!(
            heard.iter().map(|(number, _, ended)| (*number, *ended)).collect::<Vec<_>>(),
            [(1, false), (2, false), (2, true), (1, true)]
        );
    }
}
