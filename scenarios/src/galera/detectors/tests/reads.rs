//! What is promised of reads is taken back by those diagnoses, and by no other, in whose worlds a node answers
//! otherwise than the group has acknowledged.

use std::collections::BTreeSet;

use super::{
    super::super::PROMISE,
    diagnoses::{bootstrap_the_minority, lose_the_primary, wedge},
    *,
};

/// The primary components whose nodes answer reads.
fn serving(sim: &Sim) -> BTreeSet<(Option<&str>, Option<&str>)> {
    let answers = sim.nodes.iter().map(|node| &node.sql).filter(|sql| sql.get("wsrep_ready") == Some("ON"));
    answers.map(|sql| (sql.get("wsrep_cluster_state_uuid"), sql.get("wsrep_incoming_addresses"))).collect()
}

/// What happens to the group.
type Act = fn(&mut Sim);

/// A node has other rows than the group, from which it answers until it is expelled.
fn is_expelled(sim: &mut Sim) {
    sim.say(2, &[INCONSISTENT.into()]);
    sim.serve(2, "Disconnected", "Inconsistent", &[]);
    sim.install(&[0, 1], 400);
}

/// What happens, whether a node's own rows differ at first, and whether reads go wrong.
const WORLDS: [(&str, Act, bool, bool); 7] = [
    ("nothing", |_| (), false, false),
    ("the minority is bootstrapped", |sim| _ = bootstrap_the_minority(sim), false, true),
    ("a node's rows differ", is_expelled, true, true),
    ("a node is cut off", |sim| sim.cut_off(0), false, false),
    ("nobody is primary", |sim| _ = lose_the_primary(sim), false, false),
    (
        "all are wedged",
        |sim| {
            ALL.into_iter().for_each(|node| sim.power_off(node));
            sim.run(1_000);
            wedge(sim);
        },
        false,
        false,
    ),
    ("a node stands still", |sim| sim.hang(2, "handshake"), false, false),
];

#[test]
fn the_promise_of_reads_is_taken_back_where_they_go_wrong_and_nowhere_else() {
    let mut needed = Vec::new();
    for (seed, (what, act, differs, goes_wrong)) in (600..).zip(WORLDS) {
        let mut sim = Sim::healthy(seed);
        let is_served = differs && sim.nodes[2].sql.get("wsrep_ready") == Some("ON");
        act(&mut sim);
        sim.run(9_000);
        let made = sim.diagnoses();
        assert_eq!(made.is_empty(), what == "nothing", "{what}: {made:?}");
        assert_eq!(is_served || serving(&sim).len() > 1, goes_wrong, "{what}: {:?}", serving(&sim));
        assert_eq!(PROMISE.is_taken_back_by(made.iter().copied()), goes_wrong, "{what}: {made:?}");
        needed.extend(made.into_iter().filter(|id| PROMISE.unless.contains(id)));
    }
    assert!(PROMISE.unless.iter().all(|id| needed.contains(id)), "not needed: {:?} but {needed:?}", PROMISE.unless);
}
