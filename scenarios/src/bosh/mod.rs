//! A BOSH director of which a stuck task keeps a deployment's lock (report 000).
//!
//! Task 100, a deploy, hangs in the CPI in a subnet that cannot be reached and is
//! cancelled in vain; it loses its lock, and task 163 takes the deployment over and hangs
//! alike, its debug log only renewing the lock and writing checkpoints.
//!
//! The detectors stand here first; the director that they watch is in `docker/services`,
//! and its testbed is still to come.

pub mod detectors;
