//! Twin: a director that comes back, with a lock of a dead task that is about to expire.

use reenact::{
    fault::{PowerOff, PowerOn},
    incident::*,
};

use super::super::{DIRECTOR, Director, Pace, Setup, faults::CallsBehave, stories};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_restarted_director",
        story: "The director's machine loses its power in the middle of a deploy and comes back minutes later. The \
                task is dead, shows `processing`, and its lock is still there; it expires within the minute, and the \
                next deploy goes through. There is nothing to do but to wait.",
        source: "measured facts, look-alikes: director restarted, stale unexpired lock, dead task: wait, don't delete",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(restart(), secs(20))],
    }
);

fn restart() -> Vec<Action<Director>> {
    // What others had in hand would be lost as well: that is another story.
    let mut story = Vec::from(stories::others_rest());
    story.extend([
        inject_as("slow", CallsBehave::slow(5_000)),
        stories::deploy("dead"),
        stories::hangs("dead"),
        inject(PowerOff::of(&[DIRECTOR])),
        stories::locks_run_out(40),
        stories::lock_is_left_behind(),
        inject(PowerOn::of(&[DIRECTOR])),
        heal("slow"),
        stories::locks_run_out(0),
        stories::serves(),
        // Whoever asks for the dead task makes it `timeout`.
        stories::asked_for("dead", "timeout"),
        stories::deploy("next"),
        stories::becomes("next", "done", secs(20)),
        resume_workload(),
    ]);
    story
}
