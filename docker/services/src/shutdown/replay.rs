//! The operator's tool: executes the work of given requests, outside of any
//! request. Idempotent, it may be repeated and may name too much; blind, each
//! mistake is a second effect.

use std::error::Error;

use super::{
    settings::Settings,
    store::{Execution, Store},
};

const USAGE: &str = "usage: replay (--ids ID,ID,… | --all) [--blind]";

/// What to replay, and how.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    /// `None`: all there are.
    ids: Option<Vec<i64>>,
    how: Execution,
}

/// Replays what `arguments` say and prints `replay: executed=N`.
pub(super) async fn run(settings: &Settings, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let order = parse(arguments)?;
    let store = Store::new(settings);
    let executed = store.execute(order.ids.as_deref(), order.how, "replay").await?;
    println!("replay: executed={executed}");
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Order, Box<dyn Error>> {
    let (mut ids, mut all, mut how) = (None, false, Execution::Once);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--ids" => ids = Some(parse_ids(rest.next().ok_or(USAGE)?)?),
            "--all" => all = true,
            "--blind" => how = Execution::Blind,
            _ => return Err(USAGE.into()),
        }
    }
    // Exactly one of the two: nobody replays everything by an omission.
    if ids.is_some() == all {
        return Err(USAGE.into());
    }
    Ok(Order { ids, how })
}

fn parse_ids(text: &str) -> Result<Vec<i64>, Box<dyn Error>> {
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
    ids.map(|id| id.parse().map_err(|error| format!("id {id:?}: {error}").into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Order, String> {
        let arguments: Vec<_> = line.split(' ').map(String::from).collect();
        parse(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_are_replayed_once_unless_blind() {
        let order = |ids: &[i64], how| Ok(Order { ids: Some(ids.to_vec()), how });
        assert_eq!(parsed("--ids 3,1"), order(&[3, 1], Execution::Once));
        assert_eq!(parsed("--blind --ids 3"), order(&[3], Execution::Blind));
        assert_eq!(parsed("--ids ,"), order(&[], Execution::Once), "an empty set is a set");
    }

    #[test]
    fn everything_must_be_asked_for() {
        assert_eq!(parsed("--all"), Ok(Order { ids: None, how: Execution::Once }));
        for line in ["--blind", "--ids", "--ids 1 --all", "--ids x", "everything"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
