//! What a condition finds in a view, and how several findings become one.

use std::time::Duration;

/// Whether a condition holds in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It does not.
    No,
    /// It does, and this is the evidence.
    Yes(Vec<String>),
    /// The view lacks what the condition needs.
    CannotTell(String),
}

/// The evidence that a condition holds, none if it does not; or why that cannot be told.
pub type Told = Result<Vec<String>, String>;

impl From<Told> for Finding {
    fn from(told: Told) -> Self {
        match told {
            Err(why) => Self::CannotTell(why),
            Ok(lines) if lines.is_empty() => Self::No,
            Ok(lines) => Self::Yes(lines),
        }
    }
}

/// What several tell together: evidence of one outweighs what cannot be told of another.
///
/// # Errors
/// The first reason, if there is no evidence.
pub fn any(all: impl IntoIterator<Item = Told>) -> Told {
    let (mut evidence, mut unknown) = (Vec::new(), None);
    for told in all {
        match told {
            Ok(lines) => evidence.extend(lines),
            Err(why) => _ = unknown.get_or_insert(why),
        }
    }
    unknown.filter(|_| evidence.is_empty()).map_or(Ok(evidence), Err)
}

/// A duration as evidence has it: `1.5 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_outweighs_ignorance_and_ignorance_outweighs_silence() {
        let (yes, no) = (|line: &str| Ok(vec![line.to_owned()]), || Ok(Vec::new()));
        let fog = |why: &str| Err(why.to_owned());
        let found = |all: Vec<Told>| Finding::from(any(all));
        assert_eq!(found(vec![]), Finding::No);
        assert_eq!(found(vec![no(), no()]), Finding::No);
        assert_eq!(found(vec![no(), fog("a"), fog("b")]), Finding::CannotTell("a".into()));
        let both = Finding::Yes(vec!["a".into(), "b".into()]);
        assert_eq!(found(vec![fog("x"), yes("a"), no(), yes("b"), fog("y")]), both);
    }
}
