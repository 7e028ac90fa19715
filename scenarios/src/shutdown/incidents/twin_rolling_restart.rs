//! Twin: a rolling restart of a service that drains.

use reenact::{fault::PowerOn, incident::*};

use super::super::{
    APPS, Service,
    faults::{Deleted, End as Way},
    stories,
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::twin_rolling_restart",
        story: "A new version is rolled out: each replica is deleted with a preStop hook of a second and comes back, \
                one after the other, under load.",
        source: "measured facts, other variants: a 2 s preStop sleep, 500 of 500 acknowledged",
        setup: stories::draining(),
        acts: vec![Act::benign(APPS.into_iter().flat_map(restart).chain([quiet(secs(5))]).collect(), secs(20))],
    }
);

fn restart(app: &'static str) -> [Action<Service>; 3] {
    let deletion = Deleted::of(app).by(Way::terminated(secs(1), secs(30)));
    [inject(deletion), inject(PowerOn::of(&[app])), stories::all_are_routed()]
}
