//! `GET /locks`, which deletes what expired a minute ago \[M\].

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value, json};

use super::{Answer, Api};
use crate::director::clock;
use crate::director::lock::LockRow;
use crate::director::store::locks;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/locks", get(list))
}

async fn list(State(api): State<Api>) -> Answer {
    let config = api.config();
    let purge = config.clock.now() - config.intervals.lock_purge();
    let rows = locks::list(&config.db, purge).await?;
    Ok(super::json(&rows.iter().filter_map(shown).collect()))
}

/// `lock:deployment:paasta` as type and resource; the time and the task are strings.
fn shown(row: &LockRow) -> Option<Value> {
    let mut parts = row.name.split(':').skip(1);
    let kind = parts.next()?;
    let resource: Vec<_> = parts.collect();
    let timeout = format!("{:.6}", clock::seconds(row.expired_at));
    Some(json!({"type": kind, "resource": resource, "timeout": timeout, "task_id": row.task_id}))
}
