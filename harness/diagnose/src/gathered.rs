//! What was gathered of one node, section by section, and the readers of what any node has.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use procfs_core::process::MountInfo;
use reenact_core::probe::{Access, Answer, Mount, PortState, Signal};

use crate::lines::{Line, Lines};

/// What a command printed, or what stands in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Its text.
    pub text: String,
    /// How the command ended; `None`: that is not known.
    pub status: Option<i32>,
}

/// The exit code of `timeout`, where it ended a command.
const TIMED_OUT: i32 = 124;

impl Section {
    /// Whether the command was ended, for it took too long.
    pub fn timed_out(&self) -> bool {
        self.status == Some(TIMED_OUT)
    }

    /// Whether the command was not there, or was not allowed.
    pub fn is_denied(&self) -> bool {
        matches!(self.status, Some(126 | 127))
            || ["Permission denied", "Operation not permitted", "command not found", ": not found"]
                .iter()
                .any(|words| self.text.lines().take(3).any(|line| line.contains(words)))
    }
}

/// What was gathered of one node at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gathered {
    /// The node's name.
    pub node: String,
    /// When, by its clock.
    pub at: Option<Timestamp>,
    /// Its sections by their names, such as `ps`, or `file /var/lib/mysql/grastate.dat`.
    pub sections: BTreeMap<String, Section>,
    /// The lines of its logs that matter.
    pub log: Vec<Line>,
    /// When its logs end.
    pub log_ends: Option<Timestamp>,
    /// How many lines of its logs were left out, for there were too many.
    pub left_out: usize,
    /// The disks that an inventory declares.
    pub declared: Vec<(String, Access)>,
    /// What an inventory says that its system is set to.
    pub settings: BTreeMap<String, String>,
    /// Why it could not be reached.
    pub unreachable: Option<String>,
}

impl Gathered {
    /// Nothing yet of this node.
    pub fn of(node: impl Into<String>) -> Self {
        Self { node: node.into(), ..Self::default() }
    }

    /// Takes what was read of one of its logs, each line with what is put before it. Of several logs, such
    /// as one and those that were put aside, the lines are in the order of their times; of one alone in
    /// its own: clocks are set back.
    pub fn take_log(&mut self, lines: Lines, prefix: Option<&str>) {
        self.left_out += lines.left_out;
        self.log_ends = self.log_ends.max(lines.last);
        let prefixed =
            |Line { at, text }| Line { at, text: prefix.map(|prefix| format!("{prefix}{text}")).unwrap_or(text) };
        self.extend_log(lines.kept.into_iter().map(prefixed));
    }

    fn extend_log(&mut self, lines: impl IntoIterator<Item = Line>) {
        let is_first = self.log.is_empty();
        self.log.extend(lines);
        if !is_first {
            self.log.sort_by_key(|line| line.at);
        }
    }

    /// Takes all of another one in whose time is not known. What is known already stays.
    pub fn join(&mut self, other: Self) {
        for (name, section) in other.sections {
            self.sections.entry(name).or_insert(section);
        }
        self.left_out += other.left_out;
        self.log_ends = self.log_ends.max(other.log_ends);
        self.extend_log(other.log);
    }

    /// Takes a section. What is known already is not made unknown.
    pub fn take(&mut self, name: impl Into<String>, section: Section) {
        let name = name.into();
        if section.is_denied() && self.sections.contains_key(&name) {
            return;
        }
        self.sections.insert(name, section);
    }

    /// A section that could be read.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(name).filter(|section| !section.is_denied())
    }

    /// The text of a section that could be read.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.section(name).map(|section| section.text.as_str())
    }

    /// The addresses and names by which a node knows itself, with spaces between.
    pub fn addresses(&self) -> Option<String> {
        let all: Vec<_> = self.text("addresses")?.split_whitespace().collect();
        (!all.is_empty()).then(|| all.join(" "))
    }

    /// The files that were looked at, as signals: one that is not there, too.
    pub fn files(&self) -> impl Iterator<Item = Signal> + '_ {
        self.sections.iter().filter_map(|(name, section)| {
            let path = name.strip_prefix("file ")?;
            if section.is_denied() {
                return None;
            }
            let is_missing = section.status != Some(0) && section.text.contains("No such file or directory");
            let content = (!is_missing).then(|| section.text.clone());
            Some(Signal::File { path: path.into(), content })
        })
    }

    /// What `ps` listed, with any of its options and columns.
    pub fn listed(&self) -> Option<Vec<Process<'_>>> {
        let text = self.text("ps")?;
        let (head, rest) = text.split_once('\n').unwrap_or((text, ""));
        let titles: Vec<_> = head.split_whitespace().collect();
        let is_command = |title: &&str| ["COMMAND", "CMD", "ARGS"].contains(title);
        let Some(command_at) = titles.iter().position(is_command).filter(|at| [0, titles.len() - 1].contains(at))
        else {
            let command = |line| Process { command: str::trim(line), ..Process::default() };
            return Some(text.lines().map(command).filter(Process::is_there).collect());
        };
        let row = |line| {
            // A command is of any number of words: what follows one is counted from its end.
            let (before, behind) = (command_at, titles.len() - 1 - command_at);
            let (command, columns) = if behind == 0 { first_columns(line, before) } else { last_columns(line, behind) };
            let column = |name| {
                let at = titles.iter().position(|title| *title == name)?;
                columns.get(if behind == 0 { at } else { at - 1 }).copied()
            };
            Process { command, pid: column("PID"), parent: column("PPID") }
        };
        Some(rest.lines().map(row).filter(Process::is_there).collect())
    }

    /// The commands of what `ps` listed.
    pub fn processes(&self) -> Option<Signal> {
        let commands = self.listed()?.into_iter().map(|process| process.command.to_owned()).collect();
        Some(Signal::Processes { commands })
    }

    /// The ports, by `ss -ltn` or `netstat -ltn`. One whose queue is full takes nobody in any
    /// more: a connect to it would stay silent.
    pub fn ports(&self, ports: &[u16]) -> Vec<Signal> {
        let Some(text) = self.text("ss") else { return Vec::new() };
        let listening: Vec<_> = text.lines().filter_map(|line| listener(line).or_else(|| in_proc(line))).collect();
        if listening.is_empty() && !text.contains("Recv-Q") && !text.contains("local_address") {
            return Vec::new();
        }
        let state = |port: &u16| {
            let queues: Vec<_> = listening.iter().filter(|(at, _)| at == port).map(|(_, is_full)| *is_full).collect();
            match queues[..] {
                [] => PortState::Closed,
                _ if queues.iter().all(|is_full| *is_full) => PortState::Silent,
                _ => PortState::Open,
            }
        };
        ports.iter().map(|port| Signal::Port { port: *port, state: state(port) }).collect()
    }

    /// The disks that are declared: by an inventory, else by `fstab`.
    pub fn declared(&self) -> Vec<(String, Access)> {
        let mut all = self.declared.clone();
        let fstab = self.text("fstab").map(declared_in).unwrap_or_default();
        all.extend(fstab.into_iter().filter(|(path, _)| self.declared.iter().all(|(named, _)| named != path)));
        all
    }

    /// The mount table, with what is [`declared`](Self::declared).
    pub fn mounts(&self) -> Option<Vec<Mount>> {
        let text = self.text("mountinfo")?;
        let declared = self.declared();
        let of = |path: &str| declared.iter().find(|(at, _)| at == path).map(|(_, access)| *access);
        let mut table: Vec<Mount> = Vec::new();
        for line in text.lines() {
            let Ok(info) = MountInfo::from_line(line) else { continue };
            let path = info.mount_point.to_string_lossy().into_owned();
            // Of several mounts at one place the last one counts.
            table.retain(|earlier| earlier.path != path);
            table.push(Mount {
                source: info.mount_source.unwrap_or_default(),
                filesystem: info.fs_type,
                options: options(info.mount_options),
                super_options: options(info.super_options),
                declared: of(&path),
                path,
            });
        }
        (!table.is_empty()).then_some(table)
    }

    /// The machine, by `docker inspect`.
    pub fn machine(&self) -> Option<Signal> {
        let all: serde_json::Value = serde_json::from_str(self.text("inspect")?).ok()?;
        let state = all.get(0).unwrap_or(&all).get("State")?;
        let is = |name: &str| state.get(name).and_then(serde_json::Value::as_bool).unwrap_or(false);
        let running = is("Running");
        let finished = state.get("FinishedAt").and_then(|at| at.as_str()?.parse().ok());
        Some(Signal::Machine {
            running,
            paused: is("Paused"),
            exit_code: state.get("ExitCode").and_then(serde_json::Value::as_i64).filter(|_| !running),
            oom_killed: !running && is("OOMKilled"),
            finished: finished.filter(|_| !running),
        })
    }

    /// What a client's command was answered, read from its words; one that was ended hung.
    pub fn answer(&self, name: &str, read: impl Fn(&str) -> Option<Answer>) -> Option<Answer> {
        let section = self.section(name)?;
        if section.timed_out() {
            return Some(Answer::Hung { during: "query".into() });
        }
        read(&section.text)
    }
}

/// A process, as `ps` lists it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process<'g> {
    /// Its command line.
    pub command: &'g str,
    /// Its number, where that is a column.
    pub pid: Option<&'g str>,
    /// Its parent's.
    pub parent: Option<&'g str>,
}

impl Process<'_> {
    fn is_there(&self) -> bool {
        !self.command.is_empty()
    }
}

/// So many columns, and what follows them.
fn first_columns(line: &str, count: usize) -> (&str, Vec<&str>) {
    let (mut rest, mut columns) = (line.trim(), Vec::new());
    for _ in 0..count {
        let (column, more) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        columns.push(column);
        rest = more.trim_start();
    }
    (rest, columns)
}

/// So many columns, and what comes before them.
fn last_columns(line: &str, count: usize) -> (&str, Vec<&str>) {
    let (mut rest, mut columns) = (line.trim(), Vec::new());
    for _ in 0..count {
        let (before, column) = rest.rsplit_once(char::is_whitespace).unwrap_or(("", rest));
        columns.insert(0, column);
        rest = before.trim_end();
    }
    (rest, columns)
}

/// The port that a line of `ss -ltn` or `netstat -ltn` tells of, and whether its queue is full.
fn listener(line: &str) -> Option<(u16, bool)> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("tcp"));
    let first = words.next()?;
    let is_ss = first == "LISTEN";
    if !is_ss && !line.contains("LISTEN") {
        return None;
    }
    let waiting: u64 = if is_ss { words.next()?.parse().ok()? } else { first.parse().ok()? };
    let room: u64 = words.next()?.parse().ok()?;
    let port = words.next()?.rsplit_once(':')?.1.parse().ok()?;
    // netstat does not tell the room.
    Some((port, is_ss && room > 0 && waiting > room))
}

/// The port that a line of `/proc/net/tcp` tells of, if it is in the state LISTEN. How long its
/// queue may be is not told.
fn in_proc(line: &str) -> Option<(u16, bool)> {
    let mut words = line.split_whitespace();
    let (_, local, _, state) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    (state == "0A").then_some((port, false))
}

/// What `/etc/fstab` declares.
fn declared_in(fstab: &str) -> Vec<(String, Access)> {
    let row = |line: &str| {
        let mut fields = line.split_whitespace().take_while(|field| !field.starts_with('#'));
        let path = fields.nth(1).filter(|path| path.starts_with('/'))?;
        let mut options = fields.nth(1)?.split(',');
        let access = if options.any(|one| one == "ro") { Access::ReadOnly } else { Access::ReadWrite };
        Some((path.to_owned(), access))
    };
    fstab.lines().filter_map(row).collect()
}

/// Options as they are written, `ro` or `rw` first, and the others in alphabetical order.
fn options(of: std::collections::HashMap<String, Option<String>>) -> String {
    let one = |(name, value): (String, Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name,
    };
    let mut all: Vec<String> = of.into_iter().map(one).collect();
    all.sort_by_key(|option| (!matches!(option.as_str(), "ro" | "rw"), option.clone()));
    all.join(",")
}

/// A path's last part.
pub(crate) fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

#[cfg(test)]
mod tests;
