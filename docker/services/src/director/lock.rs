//! The director's locks: rows that expire, renewed by a thread, taken over when they have.
//!
//! The rules stand apart from the database: [`Lock`] does single steps against a [`LockTable`], each of which is one
//! statement of the real director. [`held`](super::held) runs them against PostgreSQL with their thread and their
//! log; the tests here interleave them at random over a table in memory.

use std::future::Future;
use std::time::{Duration, SystemTime};

use super::error::Result;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod memory;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod properties;

/// A row of `locks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRow {
    /// `lock:deployment:paasta`; unique.
    pub name: String,
    /// The holder's own mark, new with every acquiring; unique.
    pub uid: String,
    /// When anybody may take it over.
    pub expired_at: SystemTime,
    /// The task that *inserted* the row: a takeover leaves it as it is \[M\].
    pub task_id: String,
}

/// The statements that the locks are made of. Each is atomic; nothing holds between two of them.
pub trait LockTable {
    /// `SELECT … WHERE name`
    fn find(&self, name: &str) -> impl Future<Output = Result<Option<LockRow>>> + Send;
    /// `INSERT`; `false` when the name is taken.
    fn insert(&self, row: &LockRow) -> impl Future<Output = Result<bool>> + Send;
    /// `UPDATE … SET uid, expired_at WHERE name AND expired_at < now`; the rows changed. Leaves `task_id`.
    fn take_over(
        &self,
        name: &str,
        uid: &str,
        expired_at: SystemTime,
        now: SystemTime,
    ) -> impl Future<Output = Result<u64>> + Send;
    /// `UPDATE … SET expired_at WHERE name AND uid`; the rows changed. Never inserts.
    fn renew(&self, name: &str, uid: &str, expired_at: SystemTime) -> impl Future<Output = Result<u64>> + Send;
    /// `DELETE … WHERE name AND uid`; the rows changed.
    fn delete(&self, name: &str, uid: &str) -> impl Future<Output = Result<u64>> + Send;
}

/// One try to get a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It is ours: a new row, or an expired one taken over.
    Acquired,
    /// Somebody's row stands in the way.
    Refused,
}

/// One renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The row is ours and lives on.
    Renewed,
    /// There is no row with our uid: deleted, or taken over. It is not made again \[M\].
    Lost,
}

/// One process's wish for one lock.
#[derive(Debug, Clone)]
pub struct Lock {
    /// `lock:deployment:paasta`
    pub name: String,
    /// Its own mark.
    pub uid: String,
    /// The task that wants it.
    pub task_id: String,
    /// From now to the expiry.
    pub expiry: Duration,
}

impl Lock {
    /// Tries once, by the asker's own clock.
    ///
    /// # Errors
    /// The table's.
    pub async fn attempt<T: LockTable>(&self, table: &T, now: SystemTime) -> Result<Attempt> {
        let expired_at = now + self.expiry;
        let acquired = match table.find(&self.name).await? {
            Some(_) => table.take_over(&self.name, &self.uid, expired_at, now).await? == 1,
            None => {
                let (name, uid, task_id) = (self.name.clone(), self.uid.clone(), self.task_id.clone());
                table.insert(&LockRow { name, uid, expired_at, task_id }).await?
            }
        };
        Ok(if acquired { Attempt::Acquired } else { Attempt::Refused })
    }

    /// Renews once, by the holder's own clock.
    ///
    /// # Errors
    /// The table's.
    pub async fn renew<T: LockTable>(&self, table: &T, now: SystemTime) -> Result<Renewal> {
        let rows = table.renew(&self.name, &self.uid, now + self.expiry).await?;
        Ok(if rows == 0 { Renewal::Lost } else { Renewal::Renewed })
    }

    /// Gives the lock back; whether there was one with our uid to give.
    ///
    /// # Errors
    /// The table's.
    pub async fn release<T: LockTable>(&self, table: &T) -> Result<bool> {
        Ok(table.delete(&self.name, &self.uid).await? > 0)
    }
}

/// The error of a job that could not lock.
pub fn refusal(lock: &Lock, holder: Option<(&str, Option<&str>)>) -> String {
    let holder = match holder {
        Some((task, Some(description))) => format!("Locking task id is {task}, description: '{description}'"),
        Some((task, None)) => format!("Locking task id is {task}"),
        None => "Lock is gone".to_owned(),
    };
    format!("Failed to acquire lock for {} uid: {}. {holder}", lock.name, lock.uid)
}
