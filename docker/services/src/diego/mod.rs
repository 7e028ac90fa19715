//! Diego's small parts around a real etcd and a real Consul, as they were in early
//! 2016: the bulletin board system ([`bbs`]), the Cloud Controller's table with the loop
//! that re-desires from it ([`cloud_controller`]), and a cell ([`rep`]).
//!
//! What they do to etcd and Consul, and what they do when those fail, is what the real
//! ones did; it is what the incidents are made of. Everything else is left out.

pub mod bbs;
pub mod cloud_controller;
pub mod consul;
pub mod etcd;
pub mod http;
pub mod lock;
pub mod log;
pub mod model;
pub mod rep;
pub mod scale;

mod bbs_client;

pub use bbs_client::BbsClient;
