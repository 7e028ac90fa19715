//! A recovery that does the work twice.

use reenact::incident::*;

use super::super::{Service, runbooks::ReplayBlindly, stories};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::blind_replay",
        story: "After the loss somebody replays all that has no flag, twice to be sure, by a statement that does not \
                look whether it is done; and with the lost ones those that the living replica has in hand. Every \
                flag is right afterwards, and effects have happened twice.",
        source: "measured facts, recovery: replay must be idempotent, of the reconciled set",
        setup: stories::plain(),
        acts: stories::scaled_in_and_recovered_by(ReplayBlindly, harm([], &[Harm::Repeated])),
    }
);
