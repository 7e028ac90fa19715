//! The folder of one shard of a campaign, kept whole or not at all: an engine may run a task
//! twice, or one anew that was killed, and each shard's result is to be there once.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::campaign::{Shard, worst};
use reenact_core::{Error, Result, file};

/// The file that makes a folder a shard's.
pub(super) const PART: &str = "shard.json";

/// What a shard's folder tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which one, of how many.
    pub shard: Shard,
    /// The campaign's seed.
    pub seed: u64,
    /// The version of `reenact` that ran it.
    pub version: String,
    /// How its campaign ended.
    pub exit_code: u8,
}

impl Part {
    /// A shard that this program ran.
    pub fn new(shard: Shard, seed: u64, exit_code: u8) -> Self {
        Self { shard, seed, version: env!("CARGO_PKG_VERSION").into(), exit_code }
    }

    /// Whether an engine should run it again: the fault was the machine's, or a bug of ours. What
    /// was found stays found.
    pub fn is_to_be_retried(&self) -> bool {
        matches!(self.exit_code, 3 | 70)
    }

    /// Where it is kept among the results.
    pub fn folder(&self, results: &Path) -> PathBuf {
        let Shard { number, of } = self.shard;
        results.join(format!("shard-{number}-of-{of}"))
    }

    /// The same shard, if it is kept already, and how it ended.
    ///
    /// # Errors
    /// [`Error::Usage`] if what is kept there is of another campaign.
    pub fn kept(&self, results: &Path) -> Result<Option<Self>> {
        let folder = self.folder(results);
        let Some(kept) = read(&folder)? else { return Ok(None) };
        if (kept.shard, kept.seed, &kept.version) != (self.shard, self.seed, &self.version) {
            return Err(Error::usage(
                format!("{} is of a campaign of the seed {} and version {}", folder.display(), kept.seed, kept.version),
                "give each campaign a folder of its own with --results",
            ));
        }
        Ok(Some(kept))
    }

    /// Makes a session's folder the shard's. If another task was faster, its folder stays, and
    /// the session's is removed.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be done.
    pub fn keep(&self, session: &Path, results: &Path) -> Result<PathBuf> {
        let text = serde_json::to_vec(self).map_err(|error| Error::Bug(format!("a shard's file: {error}")))?;
        // A session that ran nothing has removed its own.
        fs::create_dir_all(session).map_err(Error::file("create", session))?;
        file::write_whole(&session.join(PART), text)?;
        let folder = self.folder(results);
        match fs::rename(session, &folder) {
            Err(_) if self.kept(results)?.is_some() => {
                fs::remove_dir_all(session).map_err(Error::file("remove", session))?
            }
            renamed => renamed.map_err(Error::file("write", &folder))?,
        }
        Ok(folder)
    }
}

fn read(folder: &Path) -> Result<Option<Part>> {
    let path = folder.join(PART);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(Error::file("read", &path))?,
    };
    let wrong = |error| Error::usage(format!("{} is no shard's file: {error}", path.display()), "run the shard again");
    serde_json::from_slice(&text).map(Some).map_err(wrong)
}

/// A campaign whose shards were brought together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The shards that are not there.
    pub missing: Vec<Shard>,
    /// How the campaign ended: as the worst of its shards; a missing one is the machine's fault.
    pub exit_code: u8,
}

impl Whole {
    /// The campaign whose shards these folders are; `None` if none of them is a shard's.
    ///
    /// # Errors
    /// [`Error::Usage`] if they are of several campaigns.
    pub fn of(folders: &[PathBuf]) -> Result<Option<Self>> {
        let mut parts = Vec::new();
        for folder in folders {
            parts.extend(read(folder)?.map(|part| (folder, part)));
        }
        let Some((first, of_first)) = parts.first() else { return Ok(None) };
        let campaign = |part: &Part| (part.shard.of, part.seed, part.version.clone());
        if let Some((other, _)) = parts.iter().find(|(_, part)| campaign(part) != campaign(of_first)) {
            return Err(Error::usage(
                format!("{} and {} are of two campaigns", first.display(), other.display()),
                "merge the shards of one campaign: of one seed, version and number of shards",
            ));
        }
        let there: BTreeSet<_> = parts.iter().map(|(_, part)| part.shard.number).collect();
        let of = of_first.shard.of;
        let missing: Vec<_> = (1..=of).filter(|n| !there.contains(n)).map(|number| Shard { number, of }).collect();
        let codes = parts.iter().map(|(_, part)| part.exit_code).chain(missing.iter().map(|_| 3));
        Ok(Some(Self { exit_code: worst(codes), missing }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32, exit_code: u8) -> Part {
        Part::new(Shard { number, of: 3 }, 7, exit_code)
    }

    /// A session's folder among the results, with a mark of its own.
    fn session(results: &Path, name: &str) -> PathBuf {
        let session = results.join(name);
        fs::create_dir(&session).expect("a folder");
        fs::write(session.join("mark"), name).expect("a file");
        session
    }

    #[test]
    fn a_shard_is_kept_once_whoever_comes_second() {
        let results = tempfile::tempdir().expect("a folder");
        let results = results.path();
        assert_eq!(part(2, 0).kept(results).expect("readable"), None);
        let kept = part(2, 1).keep(&session(results, "one"), results).expect("kept");
        assert!(kept.ends_with("shard-2-of-3"), "{}", kept.display());
        assert_eq!(part(2, 0).kept(results).expect("readable"), Some(part(2, 1)));
        part(2, 0).keep(&session(results, "two"), results).expect("given up");
        assert_eq!(fs::read_to_string(kept.join("mark")).expect("a file"), "one");
        assert_eq!(fs::read_dir(results).expect("the results").count(), 1);
    }

    #[test]
    fn another_campaign_s_shard_is_not_taken_for_this_one_s() {
        let results = tempfile::tempdir().expect("a folder");
        let results = results.path();
        part(1, 0).keep(&session(results, "one"), results).expect("kept");
        let other = Part { seed: 8, ..part(1, 0) };
        for error in [other.kept(results).map(drop), other.keep(&session(results, "two"), results).map(drop)] {
            let error = error.expect_err("another seed");
            assert!(error.exit_code() == 2 && error.to_string().contains("the seed 7"), "{error}");
        }
    }

    #[test]
    fn a_campaign_ends_as_the_worst_of_its_shards_and_tells_which_are_missing() {
        let results = tempfile::tempdir().expect("a folder");
        let results = results.path();
        let keep = |part: Part, name| part.keep(&session(results, name), results).expect("kept");
        assert_eq!(Whole::of(&[results.to_path_buf()]).expect("readable"), None);
        let (one, two, three) = (keep(part(1, 0), "a"), keep(part(2, 4), "b"), keep(part(3, 1), "c"));
        let of = |folders: &[&PathBuf]| Whole::of(&folders.iter().map(|&it| it.clone()).collect::<Vec<_>>());
        let ended = |folders: &[&PathBuf]| of(folders).expect("readable").expect("a campaign");
        assert_eq!(ended(&[&one, &two, &three]), Whole { missing: vec![], exit_code: 1 });
        assert_eq!(ended(&[&one, &two]), Whole { missing: vec![part(3, 0).shard], exit_code: 3 });
        assert_eq!(ended(&[&three, &one]).exit_code, 1, "what was found counts more than what is missing");
        let other = keep(Part { shard: Shard { number: 1, of: 2 }, ..part(1, 0) }, "d");
        let error = of(&[&one, &other]).expect_err("two campaigns");
        assert!(error.exit_code() == 2 && error.to_string().contains("two campaigns"), "{error}");
    }

    #[test]
    fn only_the_machine_s_faults_and_bugs_are_tried_again() {
        let retried: Vec<_> =
            [0, 1, 2, 3, 4, 70].into_iter().filter(|code| part(1, *code).is_to_be_retried()).collect();
        assert_eq!(retried, [3, 70]);
    }
}
