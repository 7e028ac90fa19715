//! The CPI: the director's side of a call ([`client`]), the process that answers it ([`fake`]), and the IaaS behind it
//! ([`iaas`]), which keeps its VMs in files of its own, outside the director's tables.

pub mod behaviour;
pub mod client;
pub mod fake;
pub mod iaas;

pub use client::Cpi;
