//! What a person on call asks the database, with psql on its machine, and what they have it do.

use std::time::Duration;

use reenact::{Error, Result, runbook::Operator};

use super::super::{DB, db::UNMATCHED};

/// Runs one statement and gives its rows, a line each.
pub(super) async fn psql(operator: &Operator<'_>, sql: &str) -> Result<Vec<String>> {
    let command = ["psql", "-U", "app", "-d", "app", "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql];
    Ok(operator.must(DB, &command).await?.lines().map(str::to_owned).collect())
}

/// The number that a statement gives.
pub(super) async fn count(operator: &Operator<'_>, sql: &str) -> Result<u64> {
    let said = psql(operator, sql).await?.join("");
    said.parse().map_err(|_| Error::failed(format!("psql gives no number for `{sql}`: {said:?}")))
}

/// The intents without an effect that are older than the limit.
pub(super) fn overdue(age: Duration) -> String {
    format!(
        "SELECT id FROM requests WHERE {UNMATCHED} \
         AND created_at < clock_timestamp() - interval '{} ms' ORDER BY id",
        age.as_millis()
    )
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

/// How many of these rows are still without their effect.
pub(super) fn left(ids: &[String]) -> String {
    format!("SELECT count(*) FROM requests WHERE {UNMATCHED} AND id IN ({})", ids.join(", "))
}

/// How many of these rows have an intent in the table that somebody will still see to.
pub(super) fn kept(ids: &[String]) -> String {
    format!("SELECT count(*) FROM intents WHERE done_at IS NULL AND request_id IN ({})", ids.join(", "))
}

/// Who took these rows.
pub(super) fn owners(ids: &[String]) -> String {
    format!("SELECT DISTINCT instance FROM requests WHERE id IN ({}) ORDER BY instance", ids.join(", "))
}

/// How many of these rows a replica took since so long ago.
pub(super) fn taken_since(ids: &[String], replica: &str, age: Duration) -> String {
    format!(
        "SELECT count(*) FROM requests WHERE id IN ({}) AND instance = '{replica}' \
         AND created_at >= clock_timestamp() - interval '{} ms'",
        ids.join(", "),
        age.as_millis()
    )
}

/// How many rows without an effect no open intent stands for.
pub(super) fn in_no_table() -> String {
    format!(
        "SELECT count(*) FROM requests WHERE {UNMATCHED} \
         AND NOT EXISTS (SELECT 1 FROM intents WHERE request_id = id AND done_at IS NULL)"
    )
}

/// The newest intent, 0 if there is none.
pub(super) const LAST_INTENT: &str = "SELECT coalesce(max(request_id), 0) FROM intents";

/// How many intents are open, up to that one.
pub(super) fn open_up_to(last: u64) -> String {
    format!("SELECT count(*) FROM intents WHERE done_at IS NULL AND request_id <= {last}")
}
