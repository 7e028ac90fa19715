//! A table of locks in memory, whose statements are those of the real one.

use std::sync::Mutex;

use super::properties::{NAME, at};
use super::*;

/// The table: each statement whole, with room for somebody else's between two of ours.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) rows: Mutex<Vec<LockRow>>,
    /// Done once, right after the next `find`.
    pub(super) between: Mutex<Option<Intrusion>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Intrusion {
    /// Another process inserts its row.
    Insert,
    /// Another process takes the row over, whatever its age.
    TakeOver,
    /// An operator deletes the row.
    Delete,
}

impl Memory {
    pub(super) fn row(&self) -> Option<LockRow> {
        self.rows.lock().unwrap().iter().find(|row| row.name == NAME).cloned()
    }

    pub(super) fn holder(&self) -> Option<String> {
        self.row().map(|row| row.uid)
    }

    pub(super) fn intrude(&self, intrusion: Intrusion) {
        let mut rows = self.rows.lock().unwrap();
        let (uid, expired_at) = ("intruder".to_owned(), at(1_000_000));
        match intrusion {
            Intrusion::Insert if rows.is_empty() => {
                rows.push(LockRow { name: NAME.to_owned(), uid, expired_at, task_id: "7".to_owned() });
            }
            Intrusion::TakeOver => {
                for row in rows.iter_mut() {
                    (row.uid, row.expired_at) = (uid.clone(), expired_at);
                }
            }
            Intrusion::Delete => rows.clear(),
            Intrusion::Insert => {}
        }
    }

    fn change(&self, which: impl Fn(&LockRow) -> bool, what: impl Fn(&mut LockRow)) -> u64 {
        let mut rows = self.rows.lock().unwrap();
        let mut changed = 0;
        for row in rows.iter_mut().filter(|row| which(row)) {
            what(row);
            changed += 1;
        }
        changed
    }
}

impl LockTable for Memory {
    async fn find(&self, name: &str) -> Result<Option<LockRow>> {
        let found = self.rows.lock().unwrap().iter().find(|row| row.name == name).cloned();
        if let Some(intrusion) = self.between.lock().unwrap().take() {
            self.intrude(intrusion);
        }
        Ok(found)
    }

    async fn insert(&self, row: &LockRow) -> Result<bool> {
        let mut rows = self.rows.lock().unwrap();
        let free = !rows.iter().any(|other| other.name == row.name || other.uid == row.uid);
        if free {
            rows.push(row.clone());
        }
        Ok(free)
    }

    async fn take_over(&self, name: &str, uid: &str, expired_at: SystemTime, now: SystemTime) -> Result<u64> {
        let expired = |row: &LockRow| row.name == name && row.expired_at < now;
        Ok(self.change(expired, |row| (row.uid, row.expired_at) = (uid.to_owned(), expired_at)))
    }

    async fn renew(&self, name: &str, uid: &str, expired_at: SystemTime) -> Result<u64> {
        Ok(self.change(|row| row.name == name && row.uid == uid, |row| row.expired_at = expired_at))
    }

    async fn delete(&self, name: &str, uid: &str) -> Result<u64> {
        let mut rows = self.rows.lock().unwrap();
        let before = rows.len();
        rows.retain(|row| row.name != name || row.uid != uid);
        Ok((before - rows.len()) as u64)
    }
}
