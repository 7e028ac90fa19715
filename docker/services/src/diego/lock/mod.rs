//! A lock that is a key in Consul, held by a session that must be renewed.

mod claim;
mod machine;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;

pub use self::{
    claim::Claim,
    machine::{Event, Machine, News, Order, Renewal, Rules, Step},
};
