//! What campaigns found, kept from night to night.
//!
//! A finding is a plan file: the smallest schedule that shows a failure, and what nights have seen
//! of it since. Its name is made of the failure and of the kinds of faults and calls that it takes,
//! so that those who find the same one keep it in one file.

mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use sha2::{Digest, Sha256};

pub use record::{Night, Record, State};

use super::{Playable, Schedule, Shard, shrink};
use reenact_core::{Error, Result, file};

/// The most runs of one finding in one night.
const RUNS: u32 = 3;

/// Findings by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings(BTreeMap<String, Schedule>);

impl Findings {
    /// Reads the plans of a folder; one that is not there yet holds none.
    ///
    /// # Errors
    /// As [`Schedule::load`]; [`Error::Usage`] for a plan of which nothing is recorded.
    pub fn load(folder: &Path) -> Result<Self> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => {
                entries.and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(Error::file("read", folder))?
            }
        };
        let mut all = BTreeMap::new();
        for path in entries.into_iter().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "toml") {
                all.insert(name_of(&path), Self::plan(&path)?);
            }
        }
        Ok(Self(all))
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
        let help = "name a plan that a campaign found; others are for `reenact replay`";
        Err(Error::usage(format!("{} has no table [finding]", path.display()), help))
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

    /// Adds them to those of a folder. Gives these, with all nights that are known there.
    ///
    /// # Errors
    /// As [`Findings::load`] and [`Findings::save`].
    pub fn keep(self, folder: &Path) -> Result<Self> {
        let names: BTreeSet<_> = self.0.keys().cloned().collect();
        let mut all = Self::load(folder)?;
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

    /// The finding that a schedule's failure is: the failure is alike, and the schedule has all
    /// kinds of faults and calls that the plan has.
    pub fn that_is(&self, schedule: &Schedule, reason: &str) -> Option<&str> {
        let parts = parts(schedule);
        let is_it = |plan: &Schedule, record: &Record| {
            let is_alike = plan.system == schedule.system && record.is_shown_by(reason);
            is_alike && self::parts(plan).is_subset(&parts)
        };
        self.iter().find(|(_, plan, record)| is_it(plan, record)).map(|(name, ..)| name)
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

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a failure takes: kinds of faults, and runbooks by their names.
fn parts(plan: &Schedule) -> BTreeSet<&str> {
    let faults = plan.faults.iter().map(|timed| timed.fault.kind.as_str());
    faults.chain(plan.calls.iter().map(|call| call.name.as_str())).collect()
}

fn size(plan: &Schedule) -> (bool, usize) {
    let is_minimal = plan.finding.as_ref().is_some_and(|record| record.is_minimal);
    (!is_minimal, plan.faults.len() + plan.calls.len())
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
