//! Whose a thing is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::harness::folders;

/// Everything there is that could be left behind, one line each; a line's first word
/// is its kind.
pub(crate) type Snapshot = BTreeSet<String>;

/// What tells one harness's things from all others: its session's token is part of all
/// names and labels, of its devices' backing files, and of its tables' names.
pub(crate) struct Marks {
    /// `None`: it died before it had a session, and so has nothing.
    token: Option<String>,
}

impl Marks {
    /// Of the harness that keeps its runs there: the folder is made before all else.
    pub(crate) fn of(results: &Path) -> Self {
        let session = folders(results).pop();
        let name = session.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        Self { token: name.and_then(|name| Some(name.split('-').nth(1)?.to_owned())) }
    }

    pub(crate) fn bear(&self, line: &str) -> bool {
        self.token.as_ref().is_some_and(|token| line.contains(token))
    }

    pub(crate) fn among(&self, snapshot: &Snapshot) -> Snapshot {
        snapshot.iter().filter(|line| self.bear(line)).cloned().collect()
    }

    pub(crate) fn of_kinds(&self, snapshot: &Snapshot) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for line in self.among(snapshot) {
            *kinds.entry(line.split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        kinds
    }
}
