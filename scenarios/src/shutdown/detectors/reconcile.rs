//! The reconciliation of intent against effect, as the database answers it.

use std::collections::BTreeMap;

use reenact::{probe::Values, questions};
use serde::Deserialize;

questions! { Reconciliation = "sql:reconcile" }

/// One answer. Moments are milliseconds since 1970 on the database's clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Values")]
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

impl TryFrom<Values> for Reconciliation {
    type Error = String;

    fn try_from(values: Values) -> Result<Self, String> {
        let mut unmatched = BTreeMap::new();
        for (instance, _) in values.keys().filter_map(|name| name.rsplit_once('.')) {
            unmatched.insert(instance.to_owned(), rows(&values, instance)?);
        }
        let (now_ms, age_limit_ms) = (number(&values, "now_ms")?, number(&values, "age_limit_ms")?);
        Ok(Self { now_ms, age_limit_ms, duplicates: number(&values, "duplicates")?, unmatched })
    }
}

impl Reconciliation {
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
fn rows(values: &Values, instance: &str) -> Result<Unmatched, String> {
    let name = |what: &str| format!("{instance}.{what}");
    let count = |what: &str| if values.contains_key(&name(what)) { number(values, &name(what)) } else { Ok(0) };
    let overdue = count("overdue")?;
    let moment = |what: &str| if overdue > 0 { number(values, &name(what)) } else { Ok(0) };
    Ok(Unmatched { overdue, young: count("young")?, first_ms: moment("first_ms")?, last_ms: moment("last_ms")? })
}

fn number<T: std::str::FromStr>(values: &Values, name: &str) -> Result<T, String> {
    let value = values.get(name).ok_or_else(|| format!("it lacks {name}"))?;
    value.parse().map_err(|_| format!("{name} is no number: {value}"))
}

#[cfg(test)]
mod tests {
    use reenact::detect::testing::values;

    use super::*;

    fn read(said: &[(&str, &str)]) -> Result<Reconciliation, String> {
        values(said.iter().copied()).read()
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
        assert_eq!(read(&BASE[1..]).expect_err("no clock"), "it lacks now_ms");
        let spanless = [&BASE[..], &[("app1.overdue", "3"), ("app1.first_ms", "6000")]].concat();
        assert_eq!(read(&spanless).expect_err("no span"), "it lacks app1.last_ms");
        let odd = [&BASE[..], &[("app1.young", "many")]].concat();
        assert_eq!(read(&odd).expect_err("no number"), "app1.young is no number: many");
    }
}
