//! Rows that somebody's open transaction holds.

use std::fmt;

use async_trait::async_trait;
use reenact::{
    Error, Result,
    fault::{Effect, Fault, Undo},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Director, db};

/// Somebody's session has changed a row and not ended its transaction, as a `psql` that was
/// left open, or a database so slow that it is the same: whoever writes the row waits, and
/// whoever reads it reads what was there. Healed, those who wait go on in the order in which
/// they came.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowHeld {
    /// The table, such as `tasks`.
    pub(crate) table: String,
    /// What tells the row, such as `id = 100`.
    pub(crate) row: String,
}

impl RowHeld {
    /// A task's row.
    pub(crate) fn of_task(task: u64) -> Self {
        Self { table: "tasks".into(), row: format!("id = {task}") }
    }

    /// A lock's row.
    pub(crate) fn of_lock(name: &str) -> Self {
        Self { table: "locks".into(), row: format!("name = '{name}'") }
    }
}

#[async_trait]
impl Fault<Director> for RowHeld {
    async fn inject(&self, director: &Director) -> Result<Undo> {
        let Self { table, row } = self;
        let away = |answer| Error::inconclusive(format!("the director's database: {answer:?}"));
        let session = director.database.connect().await.map_err(away)?;
        db::ask(&session, "BEGIN").await.map_err(away)?;
        let held = db::ask(&session, &format!("SELECT 1 FROM {table} WHERE {row} FOR UPDATE")).await.map_err(away)?;
        if held.len() != 1 {
            return Err(Error::inconclusive(format!("{} rows of {table} are {row}", held.len())));
        }
        Ok(Undo::by(async move { db::ask(&session, "ROLLBACK").await.map(drop).map_err(away) }))
    }

    /// The row is there, and nobody else can have it.
    async fn effect(&self, director: &Director) -> Result<Effect> {
        let Self { table, row } = self;
        let is_there = director.database.rows(&format!("SELECT 1 FROM {table} WHERE {row}")).await?.len();
        let sql = format!("SELECT 1 FROM {table} WHERE {row} FOR UPDATE SKIP LOCKED");
        let is_free = director.database.rows(&sql).await?.len();
        let seen = format!("{table} where {row}: {is_there} rows, of which {is_free} can be had");
        Ok(Effect::new(is_there == 1 && is_free == 0, seen))
    }
}

impl fmt::Display for RowHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an open transaction holds the row of {} where {}", self.table, self.row)
    }
}
