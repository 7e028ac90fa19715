//! Twin of two masters: the BBS that leads is frozen until the other one leads.

use reenact::incident::*;

use super::super::{
    Diego, Setup,
    faults::BbsFrozen,
    stories::consul::{is_led_by, leads},
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_bbs_holder_frozen",
        story: "The process of the BBS that leads stands still, as on a machine that swaps. It renews nothing, Consul \
                ends its session, and the other one leads. Thawed, the first one finds its session gone and exits: \
                for a moment two have listened, and nothing was lost.",
        source: "measured facts (f): holder SIGSTOPped: the standby took over after 16 s",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![is_led_by("bbs1"), inject(BbsFrozen { node: "bbs1".into() }), leads("bbs2", secs(40))],
            secs(40)
        )],
    }
);
