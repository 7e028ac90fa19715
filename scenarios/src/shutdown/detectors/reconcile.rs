//! The reconciliation of intent against effect, as the database answers it.

use std::collections::BTreeMap;

use reenact::probe::Answer;

/// One answer. Moments are milliseconds since 1970 on the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// When it was made.
    pub now_ms: i64,
    /// Rows without their effect that are older are overdue.
    pub age_limit_ms: i64,
    /// Requests with more than one effect.
    pub duplicates: u64,
    unmatched: BTreeMap<String, Unmatched>,
}

/// The rows of one instance that have not had their effect.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Unmatched {
    /// How many are older than the limit.
    pub overdue: u64,
    /// How many are younger.
    pub young: u64,
    /// When the oldest of those overdue was created.
    pub first_ms: i64,
    /// When the newest of those overdue was created.
    pub last_ms: i64,
}

impl Reconciliation {
    /// Reads an answer.
    ///
    /// # Errors
    /// If it is none, or not one of a reconciliation: why.
    pub fn of(answer: &Answer) -> Result<Self, String> {
        let values = match answer {
            Answer::Values { values } => values,
            Answer::Error { code, text } => return Err(format!("the reconciliation failed: {code} ({text})")),
            Answer::Refused => return Err("the database refuses the reconciliation".into()),
            Answer::Hung { during } => return Err(format!("the reconciliation hangs in the {during}")),
        };
        let mut unmatched: BTreeMap<String, Unmatched> = BTreeMap::new();
        for name in values.keys() {
            if let Some((instance, _)) = name.rsplit_once('.') {
                unmatched.entry(instance.into()).or_insert(rows(values, instance)?);
            }
        }
        Ok(Self {
            now_ms: number(values, "now_ms")?,
            age_limit_ms: number(values, "age_limit_ms")?,
            duplicates: number(values, "duplicates")?,
            unmatched,
        })
    }

    /// The unmatched rows of an instance.
    pub fn unmatched(&self, instance: &str) -> Unmatched {
        self.unmatched.get(instance).copied().unwrap_or_default()
    }

    /// The instances that have unmatched rows.
    pub fn instances(&self) -> impl Iterator<Item = &str> {
        self.unmatched.keys().map(String::as_str)
    }
}

/// The counts are absent where they are 0; the span is, where nothing is overdue.
fn rows(values: &BTreeMap<String, String>, instance: &str) -> Result<Unmatched, String> {
    let name = |what: &str| format!("{instance}.{what}");
    let count = |what: &str| if values.contains_key(&name(what)) { number(values, &name(what)) } else { Ok(0) };
    let overdue = count("overdue")?;
    let moment = |what: &str| if overdue > 0 { number(values, &name(what)) } else { Ok(0) };
    Ok(Unmatched { overdue, young: count("young")?, first_ms: moment("first_ms")?, last_ms: moment("last_ms")? })
}

fn number<T: std::str::FromStr>(values: &BTreeMap<String, String>, name: &str) -> Result<T, String> {
    let value = values.get(name).ok_or_else(|| format!("the reconciliation lacks {name}"))?;
    value.parse().map_err(|_| format!("the reconciliation's {name} is no number: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &[(&str, &str)]) -> Result<Reconciliation, String> {
        let values = said.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        Reconciliation::of(&Answer::Values { values })
    }

    const BASE: [(&str, &str); 3] = [("now_ms", "9000"), ("age_limit_ms", "2000"), ("duplicates", "1")];

    #[test]
    fn rows_are_read_by_their_instance() {
        let rows = [("app1.overdue", "3"), ("app1.first_ms", "6000"), ("app1.last_ms", "6500"), ("a.b.young", "4")];
        let seen = read(&[&BASE[..], &rows].concat()).expect("complete");
        assert_eq!((seen.now_ms, seen.age_limit_ms, seen.duplicates), (9000, 2000, 1));
        assert_eq!(seen.unmatched("app1"), Unmatched { overdue: 3, young: 0, first_ms: 6000, last_ms: 6500 });
        assert_eq!(seen.unmatched("a.b"), Unmatched { young: 4, ..Unmatched::default() });
        assert_eq!(seen.unmatched("app2"), Unmatched::default());
        assert_eq!(seen.instances().collect::<Vec<_>>(), ["a.b", "app1"]);
    }

    #[test]
    fn half_an_answer_is_none() {
        assert_eq!(read(&BASE[1..]).expect_err("no clock"), "the reconciliation lacks now_ms");
        let spanless = [&BASE[..], &[("app1.overdue", "3"), ("app1.first_ms", "6000")]].concat();
        assert_eq!(read(&spanless).expect_err("no span"), "the reconciliation lacks app1.last_ms");
        let odd = [&BASE[..], &[("app1.young", "many")]].concat();
        assert_eq!(read(&odd).expect_err("no number"), "the reconciliation's app1.young is no number: many");
        for answer in [Answer::Refused, Answer::Hung { during: "query".into() }] {
            assert!(Reconciliation::of(&answer).is_err());
        }
    }
}
