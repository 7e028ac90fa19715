//! Whose a thing is.

use std::collections::{BTreeMap, BTreeSet};

/// Everything there is that could be left behind, one line each; a line's first word
/// is its kind.
pub(crate) type Snapshot = BTreeSet<String>;

/// What tells one harness's things from all others: its process's id is part of its
/// session's, and so of all names and labels, of its devices' backing files, and of its
/// tables' names.
pub(crate) struct Marks {
    pub(crate) pid: u32,
}

impl Marks {
    pub(crate) fn bear(&self, line: &str) -> bool {
        let (session, table) = (format!("Z-{}", self.pid), format!("reenact_{}_", self.pid));
        let ends = |(at, _): (usize, &str)| !line[at + session.len()..].starts_with(|next: char| next.is_ascii_digit());
        line.contains(&table) || line.match_indices(&session).any(ends)
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
