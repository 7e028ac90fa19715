use super::*;
use crate::campaign::playable::TOY;

const SESSION: &str = "20261130T010000Z-5324d32b";

fn plan(reason: &str, text: &str) -> Schedule {
    let plan = Schedule::parse(&format!("system = 'toy'\n{text}")).expect("a plan");
    let night = Night { session: SESSION.into(), failed: 2, of: 3, met: 1 };
    let record = Record { reason: reason.into(), is_minimal: true, first_bad: None, nights: vec![night] };
    Schedule { finding: Some(record), ..plan }
}

fn fault(kind: &str) -> String {
    format!("[[fault]]\nat = '1s'\nkind = '{kind}'\n")
}

fn drawn(kinds: &[&str]) -> Schedule {
    Schedule { finding: None, ..plan("", &kinds.iter().map(|kind| fault(kind)).collect::<String>()) }
}

const CALL: &str = "[[runbook]]\nat = '2s'\nname = 'mend'\n";

#[test]
fn two_nights_that_find_the_same_keep_one_plan_the_smaller_one() {
    let mut all = Findings::default();
    let first = all.add(plan("stuck for 7 s: n1", &(fault("cut") + &fault("cut") + CALL)));
    let mut later = plan("stuck for 9 s: n2", &(fault("cut") + CALL));
    later.finding.as_mut().expect("a record").nights[0].session = "20261201T010000Z-0badcafe".into();
    assert_eq!(all.add(later.clone()), first);
    let (_, kept, record) = all.iter().next().expect("one");
    assert_eq!((kept.faults.len(), record.nights.len()), (1, 2));
    for (other, why) in [("3 are lost", fault("cut") + CALL), ("stuck for 7 s: n1", fault("kill") + CALL)] {
        assert_ne!(all.add(plan(other, &why)), first, "{other}");
    }
    assert_eq!(all.iter().count(), 3);
    let unproved = plan("stuck", &fault("cut"));
    let mut two = Findings::default();
    let name = two
        .add(Schedule { finding: unproved.finding.clone().map(|it| Record { is_minimal: false, ..it }), ..unproved });
    two.add(plan("stuck", &(fault("cut") + &fault("cut"))));
    assert_eq!(
        (two.0[&name].faults.len(), two.iter().count()),
        (2, 1),
        "of which it is known that nothing smaller fails"
    );
}

#[test]
fn a_failure_is_a_known_one_only_if_it_has_all_that_this_takes() {
    let mut all = Findings::default();
    let name = all.add(plan("stuck for 7 s: n1", &(fault("cut") + &fault("kill"))));
    let that_is = |kinds: &[&str], reason| all.that_is(&drawn(kinds), reason);
    assert_eq!(that_is(&["kill", "pause", "cut"], "stuck for 12 s: n3"), Some(name.as_str()));
    assert_eq!(that_is(&["cut", "pause"], "stuck for 12 s: n3"), None, "no kill");
    assert_eq!(that_is(&["kill", "cut"], "4 are lost"), None, "it fails otherwise");
    let foreign = Schedule { system: "other".into(), ..drawn(&["kill", "cut"]) };
    assert_eq!(all.that_is(&foreign, "stuck for 12 s: n3"), None, "another system");
}

#[test]
fn what_is_written_is_read_back_and_told_to_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = Findings::default();
    let name = all.add(plan("stuck: n1\nand n2", &(fault("cut") + CALL)));
    all.save(folder.path()).expect("written");
    let text = fs::read_to_string(folder.path().join(format!("{name}.toml"))).expect("a file");
    assert!(text.starts_with(&format!("# stuck: n1\n# and n2\n# reenact replay {name}.toml\n")), "{text}");
    assert_eq!(Schedule::parse(&text).as_ref(), Ok(&all.0[&name]));
    assert_eq!(all.of(SESSION), all);
    assert!(all.of("another").is_empty());
    assert!(Findings::load(&folder.path().join("none")).expect("not there yet").is_empty());
}

#[test]
fn campaigns_that_keep_the_same_finding_at_once_keep_the_nights_of_all() {
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for campaign in 0..16 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut night = plan("stuck for 7 s: n1", &fault("cut"));
                night.finding.as_mut().expect("a record").nights[0].session =
                    format!("20261130T010000Z-{campaign:08x}");
                let mut found = Findings::default();
                found.add(night);
                found.keep(folder).expect("kept");
            });
        }
    });
    let all = Findings::load(folder.path()).expect("read");
    let nights: Vec<_> = all.iter().map(|(_, _, record)| record.nights.len()).collect();
    assert_eq!(nights, [16]);
}

#[test]
fn a_night_owes_what_is_open_more_often_than_what_is_gone_and_shards_share_it() {
    let mut all = Findings::default();
    let passed = |of| Night { session: "20261201T010000Z-0badcafe".into(), failed: 0, of, met: 0 };
    for (kind, later) in [("cut", None), ("kill", Some(passed(3))), ("pause", Some(passed(4)))] {
        let mut plan = plan("stuck", &fault(kind));
        plan.finding.as_mut().expect("a record").nights.extend(later);
        all.add(plan);
    }
    let kinds = |shard| {
        let owed = all.owed(&[&TOY], shard).into_iter();
        let mut owed: Vec<_> = owed.map(|(_, plan, runs)| (plan.faults[0].fault.kind.clone(), runs)).collect();
        owed.sort();
        owed
    };
    // Two of three have failed: four must pass until it is gone.
    let expected = [("cut".to_owned(), 3), ("kill".to_owned(), 1), ("pause".to_owned(), 1)];
    assert_eq!(kinds(Shard::WHOLE), expected);
    let shards = [1, 2].map(|number| kinds(Shard { number, of: 2 }));
    assert_eq!((shards[0].len(), shards[1].len()), (2, 1));
    let mut together = shards.concat();
    together.sort();
    assert_eq!(together, expected);
    assert!(all.owed(&[], Shard::WHOLE).is_empty(), "of no system");
    assert!(
        all.owed(&[&TOY], Shard::WHOLE).iter().all(|(_, plan, _)| plan.finding.is_none()),
        "plans without a record"
    );
}
