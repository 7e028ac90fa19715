//! Each check of the judge against contents that are known to be bad.

use proptest::prelude::*;

use super::*;

#[test]
fn a_harm_that_went_on_already_is_not_new_and_one_of_another_kind_is() {
    let found = |lost: &[u64], repeated: &[u64]| Findings {
        lost: lost.iter().copied().collect(),
        repeated: repeated.iter().copied().collect(),
        ..Findings::default()
    };
    assert!(found(&[1, 2, 3], &[]).new_since(&found(&[1], &[])).is_clean());
    assert_eq!(found(&[1, 2], &[7]).new_since(&found(&[1], &[])), found(&[], &[7]));
    assert_eq!(found(&[1, 2], &[]).new_since(&found(&[], &[])), found(&[1, 2], &[]));
}
use crate::probe::Moment;

fn entry(id: u64, ack: Ack) -> Entry {
    Entry { id, client: 0, value: id * 10, node: "n1".into(), from: Moment(0), to: Moment(1), ack }
}

fn ledger() -> Vec<Entry> {
    let failed = Ack::Failed { why: "refused".into() };
    let unknown = Ack::Unknown { why: "1180".into() };
    vec![entry(1, Ack::Ok), entry(2, Ack::Ok), entry(3, failed), entry(4, unknown)]
}

fn nodes(held: &[&[(u64, u64)]]) -> BTreeMap<String, Contents> {
    held.iter().enumerate().map(|(at, held)| (format!("n{}", at + 1), held.iter().copied().collect())).collect()
}

fn ids(ids: &[u64]) -> BTreeSet<u64> {
    ids.iter().copied().collect()
}

const WHOLE: &[(u64, u64)] = &[(1, 10), (2, 20)];

#[test]
fn equal_and_complete_is_clean_with_or_without_the_unknown() {
    assert!(compare(&ledger(), &nodes(&[WHOLE, WHOLE, WHOLE])).is_clean());
    let with = &[(1, 10), (2, 20), (4, 40)][..];
    assert!(compare(&ledger(), &nodes(&[with, with])).is_clean());
}

#[test]
fn an_unknown_write_on_one_node_only_is_divergence() {
    let found = compare(&ledger(), &nodes(&[WHOLE, &[(1, 10), (2, 20), (4, 40)]]));
    assert_eq!(found.divergent, ids(&[4]));
    assert!(found.lost.is_empty());
}

#[test]
fn a_lost_acknowledged_write_is_named() {
    let found = compare(&ledger(), &nodes(&[&[(1, 10)], &[(1, 10)]]));
    assert_eq!(found.lost, ids(&[2]));
    assert!(found.divergent.is_empty());
}

#[test]
fn missing_on_one_node_is_lost_and_divergent() {
    let found = compare(&ledger(), &nodes(&[WHOLE, &[(2, 20)]]));
    assert_eq!((found.lost, found.divergent), (ids(&[1]), ids(&[1])));
}

#[test]
fn the_measured_trap_same_count_other_contents() {
    let found = compare(&ledger(), &nodes(&[&[(1, 10), (2, 20)], &[(2, 20), (4, 40)]]));
    assert_eq!(found.divergent, ids(&[1, 4]));
    assert!(!found.is_clean());
}

#[test]
fn a_failed_write_that_is_there_has_risen() {
    let held = &[(1, 10), (2, 20), (3, 30)][..];
    assert_eq!(compare(&ledger(), &nodes(&[held])).resurrected, ids(&[3]));
}

#[test]
fn a_row_that_nobody_wrote_is_alien() {
    let held = &[(1, 10), (2, 20), (9, 90)][..];
    assert_eq!(compare(&ledger(), &nodes(&[held])).unexpected, ids(&[9]));
}

#[test]
fn another_value_is_garbled() {
    let held = &[(1, 10), (2, 21)][..];
    assert_eq!(compare(&ledger(), &nodes(&[held])).corrupted, ids(&[2]));
}

#[test]
fn the_text_names_the_lost_ids() {
    let found = compare(&ledger(), &nodes(&[&[(1, 10)]]));
    assert_eq!(found.to_string(), "2 acknowledged, 1 unknown; 1 lost (ids 2)");
    let found = Findings { reads: 3, misread: ids(&[1]), ..Findings::default() };
    assert_eq!(found.to_string(), "0 acknowledged, 0 unknown, 3 reads; 1 misread (ids 1)");
}

fn ack() -> impl Strategy<Value = Ack> {
    prop_oneof![
        3 => Just(Ack::Ok),
        1 => Just(Ack::Failed { why: "no".into() }),
        1 => Just(Ack::Unknown { why: "?".into() }),
    ]
}

fn history() -> impl Strategy<Value = (Vec<Entry>, Contents)> {
    prop::collection::vec((ack(), any::<bool>()), 0..50).prop_map(|writes| {
        let mut held = Contents::new();
        let mut entries = Vec::new();
        for (id, (ack, landed)) in (1..).zip(writes) {
            if ack == Ack::Ok || (landed && matches!(ack, Ack::Unknown { .. })) {
                held.insert(id, id * 10);
            }
            entries.push(entry(id, ack));
        }
        (entries, held)
    })
}

proptest! {
    #[test]
    fn a_faithful_system_is_always_clean((entries, held) in history(), count in 1_usize..4) {
        let nodes = (0..count).map(|at| (at.to_string(), held.clone())).collect();
        prop_assert!(compare(&entries, &nodes).is_clean());
    }

    #[test]
    fn any_single_loss_on_any_node_is_found((entries, held) in history(), pick: prop::sample::Index, at in 0_usize..3) {
        let acknowledged: Vec<_> = entries.iter().filter(|entry| entry.ack == Ack::Ok).map(|entry| entry.id).collect();
        prop_assume!(!acknowledged.is_empty());
        let gone = acknowledged[pick.index(acknowledged.len())];
        let mut nodes: BTreeMap<_, _> = (0..3).map(|at| (at.to_string(), held.clone())).collect();
        nodes.get_mut(&at.to_string()).expect("there").remove(&gone);
        let found = compare(&entries, &nodes);
        prop_assert_eq!(&found.lost, &ids(&[gone]));
        prop_assert_eq!(&found.divergent, &ids(&[gone]));
    }

    #[test]
    fn the_order_of_the_ledger_does_not_matter((mut entries, held) in history()) {
        let nodes = BTreeMap::from([("n1".to_owned(), held)]);
        let forward = compare(&entries, &nodes);
        entries.reverse();
        prop_assert_eq!(forward, compare(&entries, &nodes));
    }
}

#[test]
fn each_kind_of_finding_is_unclean_by_itself_and_an_unknown_write_is_none() {
    let kinds: [fn(&mut Findings) -> &mut BTreeSet<u64>; 7] = [
        |found| &mut found.lost,
        |found| &mut found.resurrected,
        |found| &mut found.unexpected,
        |found| &mut found.corrupted,
        |found| &mut found.divergent,
        |found| &mut found.repeated,
        |found| &mut found.misread,
    ];
    for kind in kinds {
        let mut found = Findings::default();
        kind(&mut found).insert(7);
        assert!(!found.is_clean(), "{found:?}");
    }
    assert!(Findings { acknowledged: 9, unknown: 3, ..Findings::default() }.is_clean());
}

#[test]
fn two_values_of_one_write_are_a_divergence() {
    let found = compare(&ledger(), &nodes(&[WHOLE, &[(1, 11), (2, 20)]]));
    assert_eq!((found.divergent, found.corrupted), (ids(&[1]), ids(&[1])));
}
