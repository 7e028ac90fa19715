use proptest::prelude::*;
use reenact_testbed::Testbed;
use toml::Value;

use super::*;
use crate::campaign::FaultSpace;

fn some_nodes() -> impl Strategy<Value = Value> {
    prop::collection::vec("n[1-9]", 1..4).prop_map(|all| nodes(all.iter().map(String::as_str)))
}

fn span() -> impl Strategy<Value = Span> {
    (0_u64..100_000).prop_map(|ms| Span(Duration::from_millis(ms)))
}

fn fault() -> impl Strategy<Value = FaultSpec> {
    let node = || "n[1-9]".prop_map(Value::from);
    let time = || span().prop_map(|time| Value::from(String::from(time)));
    let alone = prop::sample::select(vec![
        "disconnect",
        "pause",
        "disk_full",
        "remount_read_only",
        "bind_read_only",
        "filesystem_error",
        "filesystem_shut_down",
    ]);
    prop_oneof![
        (some_nodes(), some_nodes())
            .prop_map(|(left, right)| FaultSpec::new("partition", [("left", left), ("right", right)])),
        (some_nodes(), some_nodes()).prop_map(|(from, to)| FaultSpec::new("one_way", [("from", from), ("to", to)])),
        (some_nodes(), some_nodes(), time(), time()).prop_map(|(left, right, down, up)| {
            FaultSpec::new("flap", [("left", left), ("right", right), ("down", down), ("up", up)])
        }),
        some_nodes().prop_map(|nodes| FaultSpec::new("power_off", [("nodes", nodes)])),
        some_nodes().prop_map(|nodes| FaultSpec::new("power_on", [("nodes", nodes)])),
        (some_nodes(), any::<u16>()).prop_map(|(nodes, grace)| {
            FaultSpec::new("shut_down", [("nodes", nodes), ("grace_s", i64::from(grace).into())])
        }),
        (node(), "[a-z/\"\\\\ ]{1,12}").prop_map(|(node, process)| {
            FaultSpec::new("kill", [("node", node), ("process", process.into()), ("signal", "TERM".into())])
        }),
        (alone, node()).prop_map(|(kind, node)| FaultSpec::new(kind, [("node", node)])),
        (node(), any::<u32>()).prop_map(|(node, size)| {
            let device = ("device", "/dev/sdb".into());
            FaultSpec::new("device_shrunk", [("node", node), device, ("mebibytes", i64::from(size).into())])
        }),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let timed = (span(), prop::option::of(span()), fault());
    let timed = timed.prop_map(|(at, lasts, fault)| Timed { at, lasts, fault });
    let call = (span(), "[a-z ]{1,9}", prop::option::of(1..9_usize));
    let call = call.prop_map(|(at, name, killed_after)| Call { at, name, killed_after });
    // TOML's integers end at the largest signed one.
    let seed = 0..=i64::MAX as u64;
    let calls = prop::collection::vec(call, 0..3);
    ("[a-z]{1,8}", seed, prop::collection::vec(timed, 0..6), calls, any::<bool>()).prop_map(
        |(system, seed, faults, calls, heals_itself)| Schedule {
            system,
            seed,
            faults,
            calls,
            heals_itself,
            finding: None,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(schedule in schedule()) {
        let text = toml::to_string(&schedule).expect("every schedule can be written");
        prop_assert_eq!(Schedule::parse(&text), Ok(schedule), "{}", text);
    }

    #[test]
    fn the_engine_knows_every_fault_that_is_drawn(fault in fault()) {
        let read = FaultSpace::<Testbed>::engine().read(&fault).map(drop);
        prop_assert_eq!(read, Ok(()), "{:?}", fault);
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

/// What the engine's fault space says of the one fault of a plan.
fn read(text: &str) -> Result<(), String> {
    let schedule = Schedule::parse(text).expect("a schedule");
    FaultSpace::<Testbed>::engine().read(&schedule.faults[0].fault).map(drop)
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let error = broken("system = \"galera\"\n[[fault]]\nat = \"soon\"\nkind = \"pause\"\nnode = \"n1\"\n");
    assert!(error.contains("line 3") && error.contains('^'), "{error}");
    let error = broken("system = \"galera\"\nsede = 4\n");
    assert!(error.contains("line 2") && error.contains("seed"), "{error}");
}

#[test]
fn a_fields_name_is_checked_by_its_kind() {
    let text = "system = \"x\"\n[[fault]]\nat = \"1s\"\nkind = \"remount_read_only\"\nnodee = \"n1\"\n";
    let error = read(text).expect_err("a slip");
    assert!(error.contains("nodee") && error.contains("`node`"), "{error}");
    assert_eq!(line(text, 0), Some(2));
}

#[test]
fn an_unknown_kind_names_the_known_ones() {
    let error = read("system = \"x\"\n[[fault]]\nat = \"1s\"\nkind = \"meteor\"\n").expect_err("no kind");
    assert!(error.contains("meteor") && error.contains("partition") && error.contains("disk_full"), "{error}");
}

#[test]
fn time_does_not_run_backwards() {
    let error = broken("system = \"galera\"\n[[fault]]\nat = \"-1s\"\nkind = \"pause\"\nnode = \"n1\"\n");
    assert!(error.contains("negative"), "{error}");
}
