//! What became of an update, as far as its client knows.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use reenact::workload::Ack;

/// What its client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was promised the effect.
    Acknowledged,
    /// It got a whole answer that promises nothing. Whether an error came before or after
    /// the work, only the service knows.
    Refused(String),
    /// It got no whole answer.
    NoAnswer(String),
    /// Nothing was sent.
    NotSent(String),
}

/// The updates whose clients were told no: the ledger knows them as of unknown effect.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<BTreeSet<u64>>);

impl Refused {
    /// What the ledger is told of an update.
    pub(super) fn ack(&self, fate: Fate, id: u64) -> Ack {
        match fate {
            Fate::Acknowledged => Ack::Ok,
            Fate::Refused(why) => {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                Ack::Unknown { why }
            }
            Fate::NoAnswer(why) => Ack::Unknown { why },
            Fate::NotSent(why) => Ack::Failed { why },
        }
    }

    /// Their ids so far.
    pub(super) fn ids(&self) -> BTreeSet<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
