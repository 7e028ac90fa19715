//! Twin: `bosh locks` lists a lock that has expired.

use reenact::{
    fault::{PowerOff, PowerOn},
    incident::*,
};

use super::super::{DIRECTOR, Director, Pace, Setup, faults::CallsBehave, stories};

/// A tenth of production's pace: the director has six seconds to be back before the lock
/// expires, and six until the row is listed no more.
const PACE: Pace = Pace(0.1);

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_expired_row_listed",
        story: "The director loses its power in a deploy and comes back just when the dead task's lock expires. For \
                another 60 s `bosh locks` lists the row, with a time that has passed: it is no lock. Then the list is \
                empty, and the next deploy goes through.",
        source: "measured facts, look-alikes: an expired row is listed up to 60 s more",
        setup: Setup::at(PACE),
        acts: vec![Act::benign(expired_row(), secs(20))],
    }
);

fn expired_row() -> Vec<Action<Director>> {
    // What others had in hand would be lost as well: that is another story.
    let mut story = Vec::from(stories::others_rest());
    story.extend([
        inject_as("slow", CallsBehave::slow(5_000)),
        stories::deploy("dead"),
        stories::hangs("dead"),
        inject(PowerOff::of(&[DIRECTOR])),
        stories::lock_is_left(PACE, 60),
        stories::lock_is_left_behind(),
        inject(PowerOn::of(&[DIRECTOR])),
        heal("slow"),
        stories::lists_an_expired_lock(),
        stories::lists_no_lock(),
        stories::asked_for("dead", "timeout"),
        stories::deploy("next"),
        stories::becomes("next", "done", secs(20)),
        resume_workload(),
    ]);
    story
}
