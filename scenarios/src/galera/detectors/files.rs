//! What a node keeps of itself on its disk, for its next start.

/// The server's view of its group that it restores when it starts again, from
/// `gvwstate.dat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredView {
    /// The view's id without its kind, such as `11111111-1111-11e1-8002-111111111111 4`.
    pub id: String,
    /// The number of its members.
    pub members: usize,
}

impl RestoredView {
    /// Reads `gvwstate.dat`; `None` for an empty or half-written one.
    pub(super) fn parse(content: &str) -> Option<Self> {
        let id = content.lines().find_map(|line| line.strip_prefix("view_id: "))?;
        let (_kind, id) = id.trim().split_once(' ')?;
        let members = content.lines().filter(|line| line.starts_with("member: ")).count();
        Some(Self { id: id.to_owned(), members })
    }
}

/// What a node knows of its own state when it starts, from `grastate.dat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedState {
    /// How far it had come; -1 where it did not shut down in order.
    pub seqno: i64,
    /// Whether it was the last one to leave its group.
    pub safe_to_bootstrap: bool,
}

impl SavedState {
    /// Reads `grastate.dat`.
    pub fn parse(content: &str) -> Option<Self> {
        let field = |name| content.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Some(Self {
            seqno: field("seqno:")?.parse().ok()?,
            safe_to_bootstrap: field("safe_to_bootstrap:") == Some("1"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_view_is_read_and_half_of_one_is_not() {
        let file = "my_uuid: 1\n#vwbeg\nview_id: 3 11111111-1111-11e1-8002-111111111111 4\nbootstrap: 1\nmember: 1 0\nmember: 2 0\n#vwend\n";
        let view = RestoredView::parse(file).expect("a view");
        assert_eq!((view.id.as_str(), view.members), ("11111111-1111-11e1-8002-111111111111 4", 2));
        for half in ["", "my_uuid: 1\n#vwbeg\n", "view_id: "] {
            assert_eq!(RestoredView::parse(half), None);
        }
    }

    #[test]
    fn a_saved_state_is_read_and_half_of_one_is_not() {
        let file = |safe| {
            format!("# GALERA saved state\nversion: 2.1\nuuid:    5eed\nseqno:   26\nsafe_to_bootstrap: {safe}\n")
        };
        for (safe, is_safe) in [("1", true), ("0", false)] {
            assert_eq!(SavedState::parse(&file(safe)), Some(SavedState { seqno: 26, safe_to_bootstrap: is_safe }));
        }
        // Galera before 3.19 does not know the word.
        assert_eq!(SavedState::parse("seqno: -1\n"), Some(SavedState { seqno: -1, safe_to_bootstrap: false }));
        for half in ["", "seqno: ", "uuid: 5eed"] {
            assert_eq!(SavedState::parse(half), None);
        }
    }
}
