//! What must hold of every system's detectors over every system's troubles.

use reenact::{
    campaign::{self, Scenario, Shard},
    compare::Figures,
    detect::testing::laws,
};

use crate::{blobstore, bosh, diego, galera, shutdown};

#[test]
fn each_system_sees_its_own_trouble_and_no_other() {
    laws(&[
        ("blobstore/", blobstore::detectors::tests::trouble()),
        ("bosh/", bosh::detectors::tests::trouble()),
        ("diego/", diego::detectors::tests::trouble()),
        ("galera/", galera::detectors::tests::trouble()),
        ("shutdown/", shutdown::detectors::tests::trouble()),
    ]);
}

/// Each scenario is in one shard, and all shards are as long as the shipped baseline can tell.
#[test]
fn shards_share_all_scenarios_and_end_within_a_tenth_of_each_other() {
    let (all, durations) = (campaign::all().expect("scenarios"), Figures::shipped_durations().expect("a baseline"));
    let known = all.iter().filter(|scenario| durations.contains_key(&scenario.id)).count();
    assert!(known * 2 > all.len(), "{known} of {} durations are known", all.len());
    // As the division does with those that are unknown.
    let mut middle: Vec<f64> = all.iter().filter_map(|scenario| durations.get(&scenario.id).copied()).collect();
    middle.sort_by(f64::total_cmp);
    let middle = middle[middle.len() / 2];
    let lasts = |scenario: &&Scenario| durations.get(&scenario.id).copied().unwrap_or(middle);
    for of in 1..=8 {
        let parts: Vec<_> =
            (1..=of).map(|number| campaign::part_of(all.clone(), &durations, Shard { number, of })).collect();
        let mut ids: Vec<_> = parts.iter().flatten().map(|scenario| &scenario.id).collect();
        ids.sort();
        assert!(ids.iter().copied().eq(all.iter().map(|scenario| &scenario.id)), "{of} shards: each scenario once");
        let ends: Vec<f64> = parts.iter().map(|part| part.iter().map(lasts).sum()).collect();
        let (first, last) =
            ends.iter().fold((f64::MAX, 0.0_f64), |(first, last), end| (first.min(*end), last.max(*end)));
        assert!(last - first <= 0.1 * last, "{of} shards end between {first:.0} and {last:.0} ms");
    }
}
