//! A folder or an archive of files: what the script printed, or logs and what commands printed, by
//! any name that tells what they are.

mod names;
mod source;

use std::{
    collections::BTreeMap,
    io::{BufReader, Read},
    path::Path,
};

use jiff::{Timestamp, tz::Offset};
use reenact_core::{Error, Result};

use crate::{
    gathered::{Gathered, Section},
    lines::{Lines, Words},
    look,
    system::{self, System},
    time::Zone,
};
use source::{Content, Entry, Source};

/// What a file begins with is looked at so far, in bytes.
const HEAD: usize = 4096;

/// A file that is no log is read so far, in bytes.
const LARGEST: u64 = 4 << 20;

/// Of a log of which more was written, the end is read, in bytes.
const LONGEST_LOG: u64 = 16 << 30;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// What was gathered of each node, look by look.
    pub gathered: Vec<Gathered>,
    /// The files that were of no use.
    pub unknown: Vec<String>,
}

/// What one file is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// What the script printed.
    Look,
    /// A log.
    Log,
    /// Some section.
    Section(String),
    /// Nobody knows.
    Unknown,
}

/// Which system these files are of: what the script says, else whose files most of them are.
///
/// # Errors
/// [`Error::Usage`] if they are nobody's; [`Error::File`] if they cannot be read.
pub fn system_of(path: &Path) -> Result<&'static System> {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    let all = system::all();
    Source::open(path)?.each(&mut |entry, from| {
        let head = head(from)?;
        if let Some(name) = look::system_of(&head) {
            *votes
                .entry(all.iter().find(|system| system.name == name).map_or("", |system| system.name))
                .or_default() += 1000;
        }
        for system in all.iter().filter(|system| (system.recognise)(&entry.name, &head).is_some()) {
            // A name is anybody's: what is in a file outweighs it.
            let by_content = (system.recognise)("", &head).is_some();
            *votes.entry(system.name).or_default() += if by_content { 10 } else { 1 };
        }
        Ok(())
    })?;
    let most = votes.into_iter().filter(|(name, _)| !name.is_empty()).max_by_key(|(_, votes)| *votes);
    most.map_or_else(
        || {
            Err(Error::usage(
                format!("nothing in {} is known to be of any system", path.display()),
                "name the system with --system; docs/diagnose.md tells by which names and contents files are known",
            ))
        },
        |(name, _)| system::find(name),
    )
}

/// Reads the files of a system.
///
/// # Errors
/// [`Error::Usage`] if there is nothing of the system in them; [`Error::File`] if one cannot be
/// read.
pub fn read(path: &Path, system: &System) -> Result<Found> {
    let source = Source::open(path)?;
    let mut kinds = BTreeMap::new();
    source.each(&mut |entry, from| {
        kinds.insert(entry.name.clone(), kind(system, &entry.name, &head(from)?));
        Ok(())
    })?;
    let (unknown, known): (Vec<_>, Vec<_>) = kinds.into_iter().partition(|(_, kind)| *kind == Kind::Unknown);
    if known.is_empty() {
        return Err(Error::usage(
            format!("nothing in {} is known to be of {}", path.display(), system.name),
            format!("`reenact collect --system {}` prints a script that gathers what is of use", system.name),
        ));
    }
    let known: BTreeMap<_, _> = known.into_iter().collect();
    let nodes = names::of(&known.keys().map(String::as_str).collect::<Vec<_>>());
    let mut reading = Reading { system, words: Words::of(system), nodes: BTreeMap::new() };
    source.each(&mut |entry, from| match (known.get(&entry.name), nodes.get(entry.name.as_str())) {
        (Some(kind), Some(node)) => reading.take(kind, node, entry, from),
        _ => Ok(()),
    })?;
    let gathered = reading.nodes.into_values().flat_map(Pile::looks).collect();
    Ok(Found { gathered, unknown: unknown.into_iter().map(|(name, _)| name).collect() })
}

/// The files of all nodes, as far as they are read.
struct Reading<'s> {
    system: &'s System,
    words: Words,
    nodes: BTreeMap<String, Pile>,
}

/// What was read of one node.
#[derive(Default)]
struct Pile {
    looks: Vec<Gathered>,
    /// Files by themselves: what they show has no time.
    loose: Option<Gathered>,
}

impl Pile {
    fn loose(&mut self, node: &str) -> &mut Gathered {
        self.loose.get_or_insert_with(|| Gathered::of(node))
    }

    /// The looks; what files show belongs to the last one, and is one itself where there is no other.
    fn looks(mut self) -> Vec<Gathered> {
        match (self.looks.last_mut(), self.loose) {
            (Some(last), Some(loose)) => last.join(loose),
            (None, loose) => self.looks.extend(loose),
            (Some(_), None) => {}
        }
        self.looks
    }
}

impl Reading<'_> {
    fn take(&mut self, kind: &Kind, node: &str, entry: &Entry, from: &mut dyn Content) -> Result<()> {
        let pile = self.nodes.entry(node.to_owned()).or_default();
        match kind {
            Kind::Look => {
                pile.looks.extend(look::read(node, &mut BufReader::new(from), &self.words, self.system.prefix)?)
            }
            Kind::Log => {
                let zone = Zone { offset: Offset::UTC, now: entry.modified.unwrap_or_else(Timestamp::now) };
                from.keep_end(LONGEST_LOG);
                let lines = Lines::read(from, &self.words, zone).map_err(Error::file("read", &entry.name))?;
                pile.loose(node).take_log(lines, (self.system.prefix)(&entry.name).as_deref());
            }
            Kind::Section(name) => {
                let mut text = Vec::new();
                from.take(LARGEST).read_to_end(&mut text).map_err(Error::file("read", &entry.name))?;
                let text = String::from_utf8_lossy(&text).into_owned();
                let parts = (self.system.parts)(name, &text);
                if parts.is_empty() {
                    pile.loose(node).take(name, Section { text, status: Some(0) });
                }
                for (node, section) in parts {
                    self.nodes.entry(node.clone()).or_default().loose(&node).take(name, section);
                }
            }
            Kind::Unknown => {}
        }
        Ok(())
    }
}

fn kind(system: &System, name: &str, head: &str) -> Kind {
    if look::system_of(head).is_some() {
        return Kind::Look;
    }
    match (system.recognise)(name, head).or_else(|| names::common(name, head)) {
        Some("log") => Kind::Log,
        Some(section) => Kind::Section(section.to_owned()),
        None => Kind::Unknown,
    }
}

/// What a file begins with, unpacked if need be.
fn head(from: &mut dyn Content) -> Result<String> {
    let mut head = Vec::new();
    from.take(HEAD as u64).read_to_end(&mut head).map_err(Error::file("read", "a file's beginning"))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        // Only its beginning is there: that the rest is missing is no matter.
        let _ = flate2::read::GzDecoder::new(&head[..]).take(HEAD as u64).read_to_end(&mut unpacked);
        head = unpacked;
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
