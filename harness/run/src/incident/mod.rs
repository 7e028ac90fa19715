//! Incidents as values, and what they are made of.

mod action;
mod running;
mod system;
mod value;

pub use crate::lab::{Lab, Plan};
pub use action::*;
pub use running::Run;
pub use system::{Deploy, Promise, System};
pub use value::*;
