//! `reenact diagnose` and `reenact collect`: the detectors outside of the lab.

mod watch;

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use super::{rescore::note, say};
use crate::diagnosed;
use reenact_core::{Error, Result};
use reenact_diagnose::{
    self as diagnose, Gathered, Inventory, Report, System, files,
    live::{Shells, Target, Way},
    script,
};
use reenact_run::campaign;

/// Between two looks at live nodes.
const EVERY: Duration = Duration::from_secs(2);

/// What a person needs to know who gathers files.
const GATHERING: &str = "\
Read the script, then run it on all nodes at about the same time, as root where that is allowed:

  reenact collect --system galera > look.sh
  ssh db1 sudo sh < look.sh > case/n1.look     the node's name is the file's

It takes three looks within a quarter of a minute, and then the ends of the logs. Of a container it
sees neither what goes to its standard output nor how it ended. Put that beside it, from its host:

  docker logs -t NAME > case/n1-docker.log 2>&1
  docker inspect NAME > case/n1-inspect.json
  dmesg > case/n1-dmesg.txt                    where a disk is in question

Then: reenact diagnose --files case";

/// What a person needs to know who reads a diagnosis for the first time.
const READING: &str = "\
DIAGNOSIS    the detector fires.
IF IT LASTS  it fires if what was seen goes on so long: healthy systems look the same for a while.
             Look longer with --for 30s, or say what you know with --lasted 10m.
unknown      it lacks signals; the command that would tell stands below it.

A detector that must know what was before needs --was-well: a cluster that never had a leader is
only being set up. Without root (--sudo) state files, the kernel's log and many logs are not read.
A node that cannot be reached is told, and the others are looked at.

Exit code: 0 nothing to report, 1 a diagnosis, 4 cannot tell (unknown, or if it lasts),
2 the request is wrong, 3 nothing could be reached or read.";

#[derive(Args)]
#[command(after_help = GATHERING)]
pub(super) struct Collect {
    /// Of which system the node is
    #[arg(long)]
    system: String,
}

impl Collect {
    pub(super) fn execute(self) -> Result<u8> {
        say(script::of(diagnose::find(&self.system)?).trim_end());
        Ok(0)
    }
}

#[derive(Args)]
#[command(after_help = READING)]
#[command(group(clap::ArgGroup::new("way").required(true)))]
pub(super) struct Diagnose {
    /// Which system it is; of files it can be told by what they are
    #[arg(long, value_name = "NAME", required_unless_present = "files")]
    system: Option<String>,

    /// Read a folder, a .tar or a .tar.gz: what `reenact collect` made, or logs and what commands
    /// printed, by any name that tells what they are
    #[arg(long, value_name = "PATH", group = "way")]
    files: Option<PathBuf>,

    /// Look at live nodes by ssh, as your own configuration has it: NODE=HOST, or HOST
    #[arg(long, value_name = "NODE=HOST", value_delimiter = ',', group = "way")]
    ssh: Vec<String>,

    /// Look at containers: NODE=NAME, or NAME
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', group = "way")]
    docker: Vec<String>,

    /// Look at this machine
    #[arg(long, group = "way")]
    local: bool,

    /// Look as root, by sudo without a password
    #[arg(long)]
    sudo: bool,

    /// Look again and again for so long, such as 30s: what has to last is then seen to
    #[arg(long = "for", value_name = "TIME", value_parser = span, conflicts_with = "files")]
    for_: Option<Duration>,

    /// Also try a small write at each look, of no meaning: docs/diagnose.md has it. Without this
    /// nothing that is sent can write
    #[arg(long, conflicts_with = "files")]
    write: bool,

    /// It was well before: it had served, and had its leaders and members
    #[arg(long)]
    was_well: bool,

    /// What is seen has been so for at least this long, as you know, such as 10m
    #[arg(long, value_name = "TIME", value_parser = span)]
    lasted: Option<Duration>,

    /// What is known of the nodes without a look: addresses, disks (docs/diagnose.md)
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,

    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,

    /// Write a page too, which needs nothing but itself
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Keep looking, and print what changes
    #[arg(long, conflicts_with = "files")]
    watch: bool,

    /// While it watches, serve what fires to a Prometheus, such as on 127.0.0.1:9190
    #[arg(long, value_name = "ADDRESS", requires = "watch")]
    prometheus: Option<SocketAddr>,
}

fn span(text: &str) -> Result<Duration, String> {
    let campaign::Span(time) = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?.try_into()?;
    if time > Duration::from_secs(3600) { Err("give a time of at most 1h".into()) } else { Ok(time) }
}

impl Diagnose {
    pub(super) fn execute(self) -> Result<u8> {
        let mut inventory = self.inventory.as_deref().map(Inventory::read).transpose()?.unwrap_or_default();
        inventory.was_well |= self.was_well;
        inventory.lasted = self.lasted.unwrap_or_default();
        if self.watch {
            return watch::watch(&self, &inventory);
        }
        let (system, gathered) = self.gather()?;
        let report = report(system, gathered, &inventory)?;
        self.tell(&report)?;
        Ok(report.diagnosis.exit_code())
    }

    fn tell(&self, report: &Report) -> Result<()> {
        match self.json {
            true => report.json().iter().for_each(|line| say(line.to_string())),
            false => say(diagnosed::diagnosed(report)),
        }
        let Some(path) = &self.html else { return Ok(()) };
        fs::write(path, crate::html::diagnosis(report)).map_err(Error::file("write", path))
    }

    /// The system that is looked at live, which must have a name.
    fn system(&self) -> Result<&'static System> {
        let named = self.system.as_deref().map(diagnose::find).transpose()?;
        named.ok_or_else(|| Error::usage("which system is it?", "give --system"))
    }

    fn gather(&self) -> Result<(&'static System, Vec<Gathered>)> {
        if let Some(path) = &self.files {
            let named = self.system.as_deref().map(diagnose::find).transpose()?;
            let system = named.map_or_else(|| files::system_of(path), Ok)?;
            let found = files::read(path, system)?;
            if !found.unknown.is_empty() {
                note(&format!("of no use to {}: {}", system.name, found.unknown.join(", ")));
            }
            return Ok((system, found.gathered));
        }
        let system = self.system()?;
        let gathered = looks(&mut self.shells(system)?, self.for_.unwrap_or_default());
        if gathered.iter().all(|one| one.unreachable.is_some()) {
            let why = |one: &Gathered| format!("{}: {}", one.node, one.unreachable.as_deref().unwrap_or_default());
            let all: BTreeSet<_> = gathered.iter().map(why).collect();
            let all: Vec<_> = all.into_iter().collect();
            return Err(Error::environment(
                format!("no node could be reached: {}", all.join("; ")),
                "try the same by hand, such as `ssh HOST true`: its host key must be known, and it must ask for no password",
            ));
        }
        Ok((system, gathered))
    }

    fn shells(&self, system: &'static System) -> Result<Shells> {
        if self.write && system.write.is_empty() {
            return Err(Error::usage(
                format!("no synthetic write is known that any {} would take", system.name),
                "leave --write out",
            ));
        }
        Ok(Shells::open(self.targets(), system, self.write))
    }

    fn targets(&self) -> Vec<Target> {
        let target = |text: &String, way: fn(String) -> Way| {
            let (node, place) = text.split_once('=').unwrap_or((text, text));
            Target { node: node.into(), way: way(place.into()), sudo: self.sudo }
        };
        if self.local {
            let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let node = if name.trim().is_empty() { "local" } else { name.trim() };
            return vec![Target { node: node.into(), way: Way::Local, sudo: self.sudo }];
        }
        let by_ssh = self.ssh.iter().map(|text| target(text, Way::Ssh));
        by_ssh.chain(self.docker.iter().map(|text| target(text, Way::Docker))).collect()
    }
}

/// What is said of what was gathered.
fn report(system: &System, mut gathered: Vec<Gathered>, inventory: &Inventory) -> Result<Report> {
    inventory.tell(&mut gathered);
    Report::of(system, &gathered, inventory).ok_or_else(|| Error::inconclusive("nothing was gathered"))
}

/// Looks for so long; the logs are read by the last look.
fn looks(shells: &mut Shells, length: Duration) -> Vec<Gathered> {
    let began = Instant::now();
    let mut all = Vec::new();
    while began.elapsed() + EVERY < length {
        let next = Instant::now() + EVERY;
        all.extend(shells.look(false));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    all.extend(shells.look(true));
    all
}
