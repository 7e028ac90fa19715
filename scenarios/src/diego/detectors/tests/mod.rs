//! Diego's state on paper: what the probes would record of it, at their real intervals,
//! with jitter.

mod consul;
mod diagnoses;
mod holds;
mod look_alikes;
mod margins;
mod properties;
mod reads;
mod sim;

use reenact::probe::{Observation, Signal};

use sim::{Bbs, Key, Sim};

/// What happens to the machines.
type Act = fn(&mut Sim);

/// Etcd, Consul and the BBS fail at once, for the tests of all systems.
pub(crate) fn trouble() -> Vec<Observation> {
    use reenact::detect::testing::World;

    let mut sim = Sim::new(90);
    sim.kill(1);
    sim.refuse(2, "C | etcdmain: walpb: crc mismatch");
    (sim.consul[1].up, sim.consul[2].up) = (false, false);
    sim.consul_leads(false);
    sim.bbs = [Bbs::Away, Bbs::Waits];
    sim.run(40_000);
    sim.stream()
}
