//! Diego's state: the BBS, and the etcd and Consul that it stands on (report 003).
//!
//! After trouble with the network or the disks, etcd loses its quorum or its data, Consul
//! its leader, and the BBS its lock; none of them says so, and each is blamed for another.
//!
//! The detectors stand here first; the machines that they watch are in `docker/diego` and
//! `docker/services`, and their testbed is still to come.

pub mod detectors;
