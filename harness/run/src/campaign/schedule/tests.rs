use proptest::prelude::*;

use super::*;
use reenact_testbed::fault::{
    BindReadOnly, DeviceShrunk, FilesystemError, FilesystemShutDown, RemountReadOnly, Signal, WriteProtected,
};

fn nodes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("n[1-9]", 1..4)
}

fn span() -> impl Strategy<Value = Span> {
    (0_u64..100_000).prop_map(|ms| Span(Duration::from_millis(ms)))
}

fn action() -> impl Strategy<Value = Action> {
    let node = || "n[1-9]";
    prop_oneof![
        (nodes(), nodes()).prop_map(|(left, right)| Action::Partition { left, right }),
        (nodes(), nodes()).prop_map(|(from, to)| Action::OneWay { from, to }),
        (nodes(), nodes(), span(), span()).prop_map(|(left, right, down, up)| Action::Flap { left, right, down, up }),
        node().prop_map(|node| Action::Disconnect { node }),
        nodes().prop_map(|nodes| Action::PowerOff { nodes }),
        (nodes(), any::<u16>()).prop_map(|(nodes, grace_s)| Action::ShutDown { nodes, grace_s }),
        nodes().prop_map(|nodes| Action::PowerOn { nodes }),
        (node(), "[a-z/\"\\\\ ]{1,12}").prop_map(|(node, process)| Action::Kill {
            node,
            process,
            signal: Signal::Term
        }),
        node().prop_map(|node| Action::Pause { node }),
        node().prop_map(|node| Action::DiskFull { node }),
        node().prop_map(|node| Action::RemountReadOnly(RemountReadOnly { node })),
        node().prop_map(|node| Action::BindReadOnly(BindReadOnly { node })),
        node().prop_map(|node| Action::FilesystemError(FilesystemError { node })),
        node().prop_map(|node| Action::FilesystemShutDown(FilesystemShutDown { node })),
        (node(), "/dev/sd[a-z]", any::<u32>())
            .prop_map(|(node, device, mebibytes)| Action::DeviceShrunk(DeviceShrunk { node, device, mebibytes })),
        (node(), "/dev/sd[a-z]").prop_map(|(node, device)| Action::WriteProtected(WriteProtected { node, device })),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let timed = (span(), prop::option::of(span()), action());
    let timed = timed.prop_map(|(at, lasts, action)| Timed { at, lasts, action });
    let call = (span(), "[a-z ]{1,9}", prop::option::of(1..9_usize));
    let call = call.prop_map(|(at, name, killed_after)| Call { at, name, killed_after });
    // TOML's integers end at the largest signed one.
    let seed = 0..=i64::MAX as u64;
    let calls = prop::collection::vec(call, 0..3);
    ("[a-z]{1,8}", seed, prop::collection::vec(timed, 0..6), calls, any::<bool>())
        .prop_map(|(system, seed, faults, calls, heals_itself)| Schedule { system, seed, faults, calls, heals_itself })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(schedule in schedule()) {
        let text = toml::to_string(&schedule).expect("every schedule can be written");
        prop_assert_eq!(Schedule::parse(&text), Ok(schedule), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = Schedule::parse(&text);
    }

    #[test]
    fn each_fault_begins_once_and_ends_after_it_began(schedule in schedule()) {
        let events = schedule.events();
        for (index, fault) in schedule.faults.iter().enumerate() {
            let of = |what| events.iter().filter(|event| event.what == what).count();
            prop_assert_eq!(of(Happening::Begins(index)), 1);
            prop_assert_eq!(of(Happening::Ends(index)), usize::from(fault.lasts.is_some()));
        }
        prop_assert_eq!(events.iter().filter(|e| matches!(e.what, Happening::Called(_))).count(), schedule.calls.len());
        prop_assert!(events.is_sorted_by_key(|event| event.at));
    }
}

fn broken(text: &str) -> String {
    Schedule::parse(text).expect_err("broken")
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let error = broken("system = \"galera\"\n[[fault]]\nat = \"2s\"\nkind = \"pause\"\nnodee = \"n1\"\n");
    assert!(error.contains("nodee") && error.contains("node"), "{error}");
    let error = broken("system = \"galera\"\n[[fault]]\nat = \"soon\"\nkind = \"pause\"\nnode = \"n1\"\n");
    assert!(error.contains("line 3") && error.contains('^'), "{error}");
    let error = broken("system = \"x\"\n[[fault]]\nat = \"1s\"\nkind = \"remount_read_only\"\nnodee = \"n1\"\n");
    assert!(error.contains("nodee") && error.contains("node"), "{error}");
    let error = broken("system = \"galera\"\nsede = 4\n");
    assert!(error.contains("line 2") && error.contains("seed"), "{error}");
}

#[test]
fn an_unknown_kind_names_the_known_ones() {
    let error = broken("system = \"galera\"\n[[fault]]\nat = \"1s\"\nkind = \"meteor\"\n");
    assert!(error.contains("meteor") && error.contains("partition") && error.contains("disk_full"), "{error}");
}

#[test]
fn time_does_not_run_backwards() {
    let error = broken("system = \"galera\"\n[[fault]]\nat = \"-1s\"\nkind = \"pause\"\nnode = \"n1\"\n");
    assert!(error.contains("negative"), "{error}");
}
