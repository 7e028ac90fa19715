//! What a person on call asks the database, with psql on its machine.

use std::time::Duration;

use reenact::{Error, Result, runbook::Operator};

use super::super::{DB, db::UNMATCHED};

/// Runs one statement and gives its rows, a line each.
pub(super) async fn psql(operator: &Operator<'_>, sql: &str) -> Result<Vec<String>> {
    let command = ["psql", "-U", "app", "-d", "app", "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql];
    Ok(operator.must(DB, &command).await?.lines().map(str::to_owned).collect())
}

/// The intents without an effect that are older than the limit.
pub(super) async fn reconcile(operator: &Operator<'_>, age: Duration) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT id FROM requests WHERE {UNMATCHED} \
         AND created_at < clock_timestamp() - interval '{} ms' ORDER BY id",
        age.as_millis()
    );
    psql(operator, &sql).await
}

/// Does the work of these rows again, each at most once: a row whose flag is set by now
/// is left alone, and the flag and the effect are one transaction.
pub(super) fn replay(ids: &[String]) -> String {
    execute(&format!("id IN ({}) AND NOT flag", ids.join(", ")))
}

/// Does the work of all rows that fit, done or not.
pub(super) fn execute(which: &str) -> String {
    format!(
        "WITH flagged AS (UPDATE requests SET flag = true, done_at = clock_timestamp() \
         WHERE kind = 'order' AND {which} RETURNING id, value) \
         INSERT INTO effects (request_id, value, origin, instance) SELECT id, value, 'replay', 'operator' FROM flagged"
    )
}

/// Each of these rows must have its flag now.
pub(super) async fn all_are_done(operator: &Operator<'_>, ids: &[String]) -> Result<()> {
    let left = format!("SELECT count(*) FROM requests WHERE {UNMATCHED} AND id IN ({})", ids.join(", "));
    match psql(operator, &left).await?.join("").as_str() {
        "0" => Ok(()),
        some => Err(Error::failed(format!("{some} of the replayed requests are still without their effect"))),
    }
}
