//! Twin: drain scripts that take their time, and end.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    faults::CallsBehave,
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_drain_takes_its_time",
        story: "A restart of three instances, whose drain scripts take eight seconds each, 400 s of production. \
                Meanwhile the task polls an agent and says nothing else. Then it goes on and ends well.",
        source: "cloudfoundry/bosh, agent_client.rb: `wait_for_task`; a drain that evacuates takes minutes",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(
            vec![
                stories::deploy("first"),
                stories::becomes("first", "done", secs(30)),
                inject(CallsBehave::slow_drains(8_000)),
                stories::restart_as(FIRST),
                stories::becomes(FIRST, "done", secs(60)),
            ],
            secs(10),
        )],
    }
);
