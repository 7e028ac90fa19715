//! What campaigns found, kept from night to night.
//!
//! A finding is a plan file: the smallest schedule that shows a failure, and what nights have seen
//! of it since. Its name is made of the failure and of the kinds of faults and calls that it takes,
//! so that those who find the same one keep it in one file.

mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};

pub use record::{Night, Record, State};

use super::{Playable, Schedule, Shard, Span, locked::locked, shrink};
use reenact_core::{Error, Result, file};

/// The most runs of one finding in one night.
const RUNS: u32 = 3;

/// Findings by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings(BTreeMap<String, Schedule>);

impl Findings {
    /// Reads the findings of a folder; one that is not there yet holds none. Plans of people's own are no
    /// findings: see [`Folder::own`].
    ///
    /// # Errors
    /// As [`Folder::read`]; [`Error::Usage`] for a file that is no plan.
    pub fn load(folder: &Path) -> Result<Self> {
        Folder::read(folder)?.whole()
    }

    /// Reads the plan of one finding.
    ///
    /// # Errors
    /// As [`Findings::load`].
    pub fn plan(path: &Path) -> Result<Schedule> {
        let plan = Schedule::load(path)?;
        if plan.finding.is_some() {
            return Ok(plan);
        }
        Err(no_record(path))
    }

    /// Writes each as a plan file; others in the folder stay.
    ///
    /// # Errors
    /// [`Error::File`] if one cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        for (name, plan) in &self.0 {
            file::write_whole(&folder.join(format!("{name}.toml")), plan.to_file(name)?)?;
        }
        Ok(())
    }

    /// Adds them to those of a folder. Gives these, with all nights that are known there. What else is in the
    /// folder stays as it is. Several campaigns may do so at once.
    ///
    /// # Errors
    /// As [`Folder::read`] and [`Findings::save`]; [`Error::Usage`] where a file that is no finding has the name
    /// of one of these.
    pub fn keep(self, folder: &Path) -> Result<Self> {
        let names: BTreeSet<_> = self.0.keys().cloned().collect();
        let _locked = locked(folder)?;
        let Folder { findings: mut all, own, broken } = Folder::read(folder)?;
        if let Some((_, why)) = broken.into_iter().find(|(path, _)| names.contains(&name_of(path))) {
            return Err(why);
        }
        if let Some(path) = own.iter().find(|path| names.contains(&name_of(path))) {
            return Err(no_record(path));
        }
        all.extend(self);
        all.0.retain(|name, _| names.contains(name));
        all.save(folder)?;
        Ok(all)
    }

    /// Adds a plan that shows what its record says. Of two that show the same, the smaller one
    /// stays, and the nights of both. Gives its name.
    pub fn add(&mut self, plan: Schedule) -> String {
        let name = name(&plan);
        self.unite(name.clone(), plan);
        name
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &str) -> Option<Schedule> {
        self.0.remove(name)
    }

    /// Removes a plan file, for a smaller one stands for it now, unless it has nights that this one has not.
    ///
    /// # Errors
    /// As [`Findings::plan`]; [`Error::File`] if it cannot be removed.
    pub fn forget(folder: &Path, name: &str, smaller: &Record) -> Result<()> {
        let path = folder.join(format!("{name}.toml"));
        if !path.exists() {
            return Ok(());
        }
        let _locked = locked(folder)?;
        let nights = Self::plan(&path)?.finding.map(|record| record.nights).unwrap_or_default();
        let has = |night: &Night| smaller.nights.iter().any(|kept| kept.session == night.session);
        if !nights.iter().all(has) {
            return Ok(());
        }
        fs::remove_file(&path).map_err(Error::file("remove", &path))
    }

    /// Adds all of another folder.
    pub fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|(name, plan)| self.unite(name, plan));
    }

    fn unite(&mut self, name: String, plan: Schedule) {
        let Some(known) = self.0.remove(&name) else {
            self.0.insert(name, plan);
            return;
        };
        let (mut best, other) = if size(&plan) < size(&known) { (plan, known) } else { (known, plan) };
        if let (Some(record), Some(other)) = (&mut best.finding, other.finding) {
            record.first_bad = record.first_bad.take().or(other.first_bad);
            other.nights.into_iter().for_each(|night| record.add(night));
        }
        self.0.insert(name, best);
    }

    /// All of them, with their records.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Schedule, &Record)> {
        self.0.iter().filter_map(|(name, plan)| Some((name.as_str(), plan, plan.finding.as_ref()?)))
    }

    /// The record of one.
    pub fn record(&mut self, name: &str) -> Option<&mut Record> {
        self.0.get_mut(name)?.finding.as_mut()
    }

    /// The smallest finding that a schedule's failure is: the failure is alike, and the schedule has all
    /// kinds of faults and calls that the plan has.
    pub fn that_is(&self, schedule: &Schedule, reason: &str) -> Option<&str> {
        let parts = parts(schedule);
        let is_it = |plan: &Schedule, record: &Record| {
            let is_alike = plan.system == schedule.system && record.is_shown_by(reason);
            is_alike && self::parts(plan).is_subset(&parts)
        };
        let all = self.iter().filter(|(_, plan, record)| is_it(plan, record));
        all.min_by_key(|(_, plan, _)| size(plan)).map(|(name, ..)| name)
    }

    /// What a night owes of these systems: each plan so often as shows that it is gone, three times
    /// at most; of what is gone, once. A shard has every Nth one.
    pub fn owed(&self, systems: &[&Playable], shard: Shard) -> Vec<(String, Schedule, u32)> {
        let is_of = |plan: &Schedule| systems.iter().any(|playable| playable.system == plan.system);
        let of = self.iter().filter(|(_, plan, _)| is_of(plan));
        let mine = of.enumerate().filter(|(at, _)| shard.has(*at as u64));
        let runs = |record: &Record| record.owed().clamp(1, RUNS);
        let plan = |plan: &Schedule| Schedule { finding: None, ..plan.clone() };
        mine.map(|(_, (name, kept, record))| (name.to_owned(), plan(kept), runs(record))).collect()
    }

    /// Those of which this session has a night.
    pub fn of(&self, session: &str) -> Self {
        let is_of = |plan: &Schedule| plan.finding.iter().flat_map(|it| &it.nights).any(|it| it.session == session);
        Self(self.0.iter().filter(|(_, plan)| is_of(plan)).map(|(name, plan)| (name.clone(), plan.clone())).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A folder of findings, as it was read.
#[derive(Debug, Default)]
pub struct Folder {
    /// The findings.
    pub findings: Findings,
    /// Plans without a table `[finding]`: somebody's own. They are for `reenact replay`, and no campaign plays them.
    pub own: Vec<PathBuf>,
    /// Files that are no plans, each with what is wrong with it.
    pub broken: Vec<(PathBuf, Error)>,
}

impl Folder {
    /// Reads the plans of a folder; one that is not there yet holds none. One that is no plan keeps nobody from
    /// the others.
    ///
    /// # Errors
    /// [`Error::File`] if the folder cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => {
                entries.and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(Error::file("read", folder))?
            }
        };
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut read = Self::default();
        for path in paths {
            match Schedule::load(&path) {
                Ok(plan) if plan.finding.is_some() => _ = read.findings.0.insert(name_of(&path), plan),
                Ok(_) => read.own.push(path),
                Err(why) => read.broken.push((path, why)),
            }
        }
        Ok(read)
    }

    /// The findings, if each file was a plan.
    ///
    /// # Errors
    /// [`Error::Usage`] with the first one that was none.
    pub fn whole(self) -> Result<Findings> {
        self.broken.into_iter().next().map_or(Ok(self.findings), |(_, why)| Err(why))
    }

    /// Adds what another folder holds.
    pub fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.own.extend(other.own);
        self.broken.extend(other.broken);
    }
}

fn no_record(path: &Path) -> Error {
    let help =
        "name a plan that a campaign found; others are for `reenact replay`, and belong into a folder of their own";
    Error::usage(format!("{} has no table [finding]", path.display()), help)
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a failure takes: kinds of faults, and runbooks by their names.
fn parts(plan: &Schedule) -> BTreeSet<&str> {
    let faults = plan.faults.iter().map(|timed| timed.fault.kind.as_str());
    faults.chain(plan.calls.iter().map(|call| call.name.as_str())).collect()
}

/// How large a plan is: known to be minimal or not, how much happens in it, to how many nodes, and for how long.
fn size(plan: &Schedule) -> (bool, usize, usize, Duration) {
    let is_minimal = plan.finding.as_ref().is_some_and(|record| record.is_minimal);
    let nodes = plan.faults.iter().map(|timed| timed.fault.nodes().len()).sum();
    let lasts = plan.faults.iter().filter_map(|timed| timed.lasts).map(|Span(time)| time).sum();
    (!is_minimal, plan.faults.len() + plan.calls.len(), nodes, lasts)
}

fn name(plan: &Schedule) -> String {
    let mut hash = Sha256::new();
    let signature = plan.finding.as_ref().map(|record| shrink::signature(&record.reason));
    for part in signature.as_deref().into_iter().chain(parts(plan)) {
        hash.update(part);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let digits: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digits}", plan.system)
}

#[cfg(test)]
mod tests;
