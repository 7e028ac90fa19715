//! What goes wrong with a director, its network, its database and its workers. Beside
//! these: the engine's `PowerOff`, `PowerOn` and `Pause` of [`super::DIRECTOR`].

mod clock;
mod held;
mod iaas;
mod outage;
mod processes;
mod rows;

pub(super) use self::{
    clock::{ClockSkewed, skewed},
    held::RowHeld,
    iaas::{CallsBehave, SubnetUnreachable},
    outage::DatabaseAway,
    processes::{PidfileLost, WorkerAndJobKilled, calls_lost, job_suspended, worker_suspended},
    rows::{LockStolen, WrongSubnet},
};
