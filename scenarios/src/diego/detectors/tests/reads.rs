//! What is promised of reads is taken back by those diagnoses, and by no other, in whose worlds a member
//! answers a read by the quorum otherwise than was acknowledged.

use reenact::detect::testing::World;

use super::{super::super::PROMISE, *};

/// Whether a read by the quorum can miss what was acknowledged: a member answers it that is in another cluster,
/// or holds other data. One that has no leader answers none.
fn misreads(sim: &Sim) -> bool {
    let answers = sim.etcd.iter().filter(|member| member.up && !member.hangs && member.has_leader);
    answers.into_iter().any(|member| member.cluster != "cdf8" || member.hash != 77)
}

/// What happens to etcd, and whether its reads go wrong.
const WORLDS: [(&str, Act, bool); 8] = [
    ("nothing", |_| (), false),
    ("a member is in a cluster of its own", |sim| (sim.etcd[2].cluster, sim.etcd[2].side) = ("a1b2", 1), true),
    (
        "a member holds other data",
        |sim| {
            sim.kill(1);
            sim.etcd[1].hash = 66;
            sim.start(1);
        },
        true,
    ),
    (
        "a member is cut off",
        |sim| {
            sim.etcd[0].side = 1;
            sim.settle();
        },
        false,
    ),
    (
        "the quorum is lost",
        |sim| {
            sim.kill(1);
            sim.kill(2);
        },
        false,
    ),
    ("a member's files are damaged", |sim| sim.refuse(1, "walpb: crc mismatch"), false),
    ("a member is wiped", |sim| sim.refuse(2, "tocommit(32) is out of range [lastIndex(0)]"), false),
    (
        "an etcd is nobody's",
        |sim| {
            sim.etcd[1].pidfile = "51";
            sim.log("e1", "C | etcdmain: listen tcp 0.0.0.0:7001: bind: address already in use");
        },
        false,
    ),
];

#[test]
fn the_promise_of_reads_is_taken_back_where_they_go_wrong_and_nowhere_else() {
    let mut needed = Vec::new();
    for (seed, (what, act, goes_wrong)) in (600..).zip(WORLDS) {
        let mut sim = Sim::new(seed);
        act(&mut sim);
        sim.run(20_000);
        let made = sim.diagnoses();
        assert_eq!(made.is_empty(), what == "nothing", "{what}: {made:?}");
        assert_eq!(misreads(&sim), goes_wrong, "{what}");
        assert_eq!(PROMISE.is_taken_back_by(made.iter().copied()), goes_wrong, "{what}: {made:?}");
        needed.extend(made.into_iter().filter(|id| PROMISE.unless.contains(id)));
    }
    assert!(PROMISE.unless.iter().all(|id| needed.contains(id)), "not needed: {:?} but {needed:?}", PROMISE.unless);
}
