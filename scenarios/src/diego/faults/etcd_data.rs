//! What goes wrong with the files of a member of etcd.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
    testbed::{Node, Testbed},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Diego;

/// Where a member's data is.
const DATA: &str = "/var/vcap/store/etcd";

/// How each kind of damage is done; `What` names them as this script does.
const SCRIPT: &str = include_str!("damage.pl");

/// What is damaged. Offsets are counted from what the files hold: the log is 64 MB long
/// from the first, and mostly empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// One bit of the record in the middle of the log.
    LogBit,
    /// The log ends in the midst of a record that was being written, as after a power cut.
    LogTorn,
    /// The log ends in the midst of the record in its middle.
    LogHalf,
    /// The log's file is there, and empty.
    LogEmpty,
    /// Sixteen bytes of each snapshot.
    Snapshots,
    /// Both of the database's meta pages.
    DatabaseMeta,
    /// The database ends after its meta pages.
    DatabaseCut,
    /// The database is away, and the snapshots are there.
    DatabaseAway,
    /// One word in the database's values is another one of the same length, with no sum to
    /// tell.
    DatabaseWord(String, String),
}

/// The files of a member that does not run are damaged. To mend them is an operator's
/// business.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Damage {
    node: String,
    what: What,
}

/// A member that does not run has lost its whole data folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wiped {
    /// The member.
    pub(crate) node: String,
}

/// Files by their paths in the member's folder: checksum and size.
type Sums = BTreeMap<String, String>;

/// What was damaged, by the fault's own name.
pub(crate) type Damaged = Mutex<HashMap<String, Done>>;

/// What the script has hit, and how all files were before.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    hit: Vec<String>,
    before: Sums,
}

impl What {
    /// As the script calls it.
    const fn name(&self) -> &'static str {
        match self {
            Self::LogBit => "one bit of the log flipped",
            Self::LogTorn => "a record torn at the log's end",
            Self::LogHalf => "the log cut in half",
            Self::LogEmpty => "the log emptied",
            Self::Snapshots => "the snapshots flipped",
            Self::DatabaseMeta => "the database's first pages flipped",
            Self::DatabaseCut => "the database cut off",
            Self::DatabaseAway => "the database removed",
            Self::DatabaseWord(..) => "values changed in the database",
        }
    }
}

impl Damage {
    pub(crate) fn new(node: &str, what: What) -> Self {
        Self { node: node.into(), what }
    }
}

/// The member's folder, as the helper sees it.
pub(crate) async fn folder(node: &Node) -> Result<String> {
    node.reach(&format!("{DATA}/member")).await
}

/// Who runs would go on with what it has in memory, or with deleted files.
async fn must_not_run(node: &Node) -> Result<()> {
    if !node.state().await?.running {
        return Ok(());
    }
    let runs = node.processes().await?.iter().any(|process| process.command.starts_with("etcd --name"));
    if runs { Err(Error::inconclusive(format!("etcd runs on {}", node.name()))) } else { Ok(()) }
}

/// All files but those that are only reserved.
async fn sums(bed: &Testbed, node: &Node) -> Result<Sums> {
    let folder = folder(node).await?;
    let script = format!("cd {folder} 2>/dev/null || exit 0; find . -type f ! -name '*.tmp' -exec cksum {{}} +");
    let said = bed.shell().must(&script).await?;
    let file = |line: &str| {
        let [sum, size, path] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
        Some((path.trim_start_matches("./").to_owned(), format!("{sum}, {size} bytes")))
    };
    Ok(said.lines().filter_map(file).collect())
}

#[async_trait]
impl Fault<Diego> for Damage {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let node = bed.node(&self.node)?;
        must_not_run(node).await?;
        let (folder, before) = (folder(node).await?, sums(bed, node).await?);
        let words = match &self.what {
            What::DatabaseWord(word, other) => format!("{word} {other}"),
            _ => String::new(),
        };
        let way = self.what.name();
        let said = bed.shell().must(&format!("perl - \"{way}\" {folder} {words} <<'END'\n{SCRIPT}END\n")).await?;
        let hit = said.lines().filter_map(|path| Some(path.strip_prefix(&folder)?.trim_start_matches('/').to_owned()));
        let done = Done { hit: hit.collect(), before };
        system.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(self.to_string(), done);
        Ok(Undo::none())
    }

    /// Each file that was to be hit has another sum or size, or is away. The others are the
    /// control.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let now = sums(bed, bed.node(&self.node)?).await?;
        let done = system.damaged.lock().unwrap_or_else(PoisonError::into_inner).get(&self.to_string()).cloned();
        let Some(Done { hit, before }) = done else {
            return Ok(Effect::new(false, format!("{} files, none damaged", now.len())));
        };
        let is_hit = |path: &String| before.get(path) != now.get(path);
        let others = before.keys().filter(|path| !hit.contains(path));
        if let Some(other) = others.into_iter().find(|path| is_hit(path)) {
            return Err(Error::inconclusive(format!("{other} was hit too")));
        }
        let sum = |sums: &Sums, path| sums.get(path).cloned().unwrap_or_else(|| "away".into());
        let seen: Vec<_> =
            hit.iter().map(|path| format!("{path}: {} → {}", sum(&before, path), sum(&now, path))).collect();
        Ok(Effect::new(!hit.is_empty() && hit.iter().all(is_hit), seen.join("; ")))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

#[async_trait]
impl Fault<Diego> for Wiped {
    async fn inject(&self, system: &Diego) -> Result<Undo> {
        let bed = &system.bed;
        let node = bed.node(&self.node)?;
        must_not_run(node).await?;
        let folder = node.reach(DATA).await?;
        bed.shell().must(&format!("rm -rf {folder}")).await?;
        Ok(Undo::none())
    }

    /// Not a file is left.
    async fn effect(&self, system: &Diego) -> Result<Effect> {
        let bed = &system.bed;
        let files = sums(bed, bed.node(&self.node)?).await?;
        Ok(Effect::new(files.is_empty(), format!("files of etcd's: {}", files.len())))
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.what.name(), self.node)
    }
}

impl fmt::Display for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd's data wiped on {}", self.node)
    }
}
