//! `locks`.

use std::time::SystemTime;

use crate::director::clock;
use crate::director::db::{Db, Row, lit};
use crate::director::error::Result;
use crate::director::lock::{LockRow, LockTable};
use crate::director::log::Logger;

/// The table itself, with the log that its statements are written to.
#[derive(Debug, Clone)]
pub struct Locks {
    /// The database.
    pub db: Db,
    /// The thread's log.
    pub log: Logger,
}

impl LockTable for Locks {
    async fn find(&self, name: &str) -> Result<Option<LockRow>> {
        let sql = format!(r#"SELECT * FROM "locks" WHERE ("name" = {}) LIMIT 1"#, lit(name));
        Ok(self.db.query(&self.log, &sql).await?.first().and_then(row))
    }

    async fn insert(&self, row: &LockRow) -> Result<bool> {
        let sql = format!(
            r#"INSERT INTO "locks" ("name", "uid", "expired_at", "task_id") VALUES ({}, {}, {}, {}) ON CONFLICT DO NOTHING RETURNING *"#,
            lit(row.name.as_str()),
            lit(row.uid.as_str()),
            clock::sql(row.expired_at),
            lit(row.task_id.as_str())
        );
        Ok(!self.db.save(&self.log, &sql).await?.is_empty())
    }

    async fn take_over(&self, name: &str, uid: &str, expired_at: SystemTime, now: SystemTime) -> Result<u64> {
        let sql = format!(
            r#"UPDATE "locks" SET "uid" = {}, "expired_at" = {} WHERE (("name" = {}) AND ("expired_at" < {}))"#,
            lit(uid),
            clock::sql(expired_at),
            lit(name),
            clock::sql(now)
        );
        self.db.execute(&self.log, &sql).await
    }

    async fn renew(&self, name: &str, uid: &str, expired_at: SystemTime) -> Result<u64> {
        let sql = format!(
            r#"UPDATE "locks" SET "expired_at" = {} WHERE (("name" = {}) AND ("uid" = {}))"#,
            clock::sql(expired_at),
            lit(name),
            lit(uid)
        );
        self.db.execute(&self.log, &sql).await
    }

    async fn delete(&self, name: &str, uid: &str) -> Result<u64> {
        let sql = format!(r#"DELETE FROM "locks" WHERE (("name" = {}) AND ("uid" = {}))"#, lit(name), lit(uid));
        self.db.execute(&self.log, &sql).await
    }
}

/// `GET /locks`: deletes what expired at or before `purge`, and returns the rest \[M\].
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, purge: SystemTime) -> Result<Vec<LockRow>> {
    let log = Logger::nowhere();
    db.execute(&log, &format!(r#"DELETE FROM "locks" WHERE ("expired_at" <= {})"#, clock::sql(purge))).await?;
    Ok(db.query(&log, r#"SELECT * FROM "locks" ORDER BY "id""#).await?.iter().filter_map(row).collect())
}

/// The deployments whose lock has not expired at `now`.
///
/// # Errors
/// The database's.
pub async fn locked_deployments(db: &Db, now: SystemTime) -> Result<Vec<String>> {
    let sql = format!(r#"SELECT "name" FROM "locks" WHERE ("expired_at" > {})"#, clock::sql(now));
    let names = db.query(&Logger::nowhere(), &sql).await?;
    let deployment = |row: &Row| Some(row.text("name")?.strip_prefix("lock:deployment:")?.to_owned());
    Ok(names.iter().filter_map(deployment).collect())
}

fn row(row: &Row) -> Option<LockRow> {
    let expired_at = row.time("expired_at")?;
    Some(LockRow { name: row.string("name"), uid: row.string("uid"), expired_at, task_id: row.string("task_id") })
}
