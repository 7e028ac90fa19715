//! Histories of reads and writes, and checkers that tell whether a store with a given guarantee
//! can have answered so.
//!
//! The judge compares what the nodes hold at the end with what was acknowledged. A store can hold
//! everything at the end and still have shown an old value in between; only the reads tell.
//!
//! A checker never guesses: a guarantee [holds](Verdict::Holds), is
//! [violated](Verdict::Violated) by operations that the verdict names, or is
//! [unknown](Verdict::Unknown), such as when the time ran out.

mod causal;
mod guarantee;
mod linearizable;
mod model;
mod session;
mod sources;
mod stale;
mod verdict;

pub use causal::causal;
pub use guarantee::Guarantee;
pub use linearizable::linearizable;
pub use model::{Action, History, Invalid, Operation, Outcome};
pub use session::{monotonic_reads, read_your_writes};
pub use stale::{Interval, Stale, stale_reads};
pub use verdict::{Kind, Verdict, Violation};
