//! The mock BOSH director: the real one's locks, tasks, workers and API, over a real PostgreSQL.
//!
//! The report (seeds/000): task 100, a deploy, hangs in the CPI in a subnet that cannot be reached, keeps the lock
//! on its deployment and cannot be cancelled; task 163 takes the deployment over and hangs alike, its debug log only
//! renewing the lock and writing checkpoints.
//!
//! One binary, four roles, each a process of its own, as in the real director:
//!
//! | role | what it is |
//! |---|---|
//! | `serve` | the HTTPS API; it runs no job |
//! | `worker` | takes jobs from `delayed_jobs`, one at a time, each in a child process |
//! | `run-job` | that child: the job, its lock's renewal, its checkpoints, its debug log |
//! | `cpi` | one CPI call against the fake IaaS; a child of `run-job` that outlives it |
//! | `drain` | an agent's drain script, on a VM of its own in production; it outlives `run-job`, too |
//! | `watch` | no part of a director: what ships a VM's logs and says what runs on it |
//!
//! "[M]" and "[S]" in the comments below are the fact sheet's marks: measured on, or read in, the real director.

pub mod agent;
pub mod api;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod cpi;
pub mod db;
pub mod deploy;
pub mod diff;
pub mod error;
pub mod event;
pub mod held;
pub mod job;
pub mod jobs;
pub mod lock;
pub mod log;
pub mod manifest;
pub mod queue;
pub mod runner;
pub mod schema;
pub mod script;
pub mod store;
pub mod task;
pub mod tls;
pub mod watch;
pub mod worker;
