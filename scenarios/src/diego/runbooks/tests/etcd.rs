//! What is done to single members of etcd.

use super::{
    super::{
        super::{ETCDS, Setup},
        BringMembersBack, FreeSpace, KillallEtcd, ReplaceMember, RestartMachine, RestartMembers, SameFlags,
        WipeThenKillall,
    },
    fails, has_nothing_to_do, heals, refuses,
    world::{LED, Machine, Member, World, call},
};
use reenact::runbook::Conclusion;

const SETUP: Setup = Setup::PLAIN;
const BRING_BACK: BringMembersBack = BringMembersBack { setup: SETUP };
const KILLALL: KillallEtcd = KillallEtcd { setup: SETUP };
const REPLACE: ReplaceMember = ReplaceMember { setup: SETUP, node: "etcd3" };

/// An etcd that answers, and that the supervisor does not know.
fn orphan(machine: &mut Machine) {
    (machine.pidfile, machine.listener) = ("66", "70");
}

#[tokio::test(start_paused = true)]
async fn machines_are_switched_on_and_no_other_is_touched() {
    has_nothing_to_do(BRING_BACK, World::healthy()).await;
    refuses(BRING_BACK, World::healthy().with(&ETCDS, World::leaderless), "all are up").await;
    let unowned = World::healthy().with(&["etcd3"], |machine| machine.pidfile = "");
    refuses(BRING_BACK, unowned, "its pid is not written down").await;
    let lost = || World::healthy().with(&["etcd1"], World::leaderless).with(&["etcd2", "etcd3"], World::off);
    let mut heal = lost();
    heal.at = vec![("power on", |world| world.machine("etcd1").etcd = Some(LED))];
    assert_eq!(heals(BRING_BACK, heal).await.changes, ["etcd2$ power on", "etcd3$ power on"]);
    let never = World { heals: false, ..lost() };
    assert_eq!(fails(BRING_BACK, never, "to have a leader").await.changes, ["etcd2$ power on", "etcd3$ power on"]);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_killed_before_its_supervisor_starts_another() {
    has_nothing_to_do(KILLALL, World::healthy()).await;
    refuses(KILLALL, World::healthy().with(&ETCDS, World::leaderless), "is its supervisor's").await;
    // One that waits for its peers is not written down yet.
    let waits = World::healthy().with(&ETCDS, World::leaderless).with(&["etcd1"], orphan);
    refuses(KILLALL, waits, "is its supervisor's").await;
    let starts = World::healthy().with(&["etcd1"], |machine| {
        (machine.pidfile, machine.listener, machine.parent) = ("", "70", "etcd_ctl");
    });
    refuses(KILLALL, starts, "is its supervisor's").await;
    let healed = heals(KILLALL, World::healthy().with(&["etcd1"], orphan)).await;
    assert_eq!(healed.changes.len(), 2, "{:#?}", healed.changes);
    assert_eq!((healed.places("etcd1$ bash -c killall"), healed.places("etcd1$ monit start etcd")), (vec![0], vec![1]));
    let ended = World::healthy().with(&["etcd1"], |machine| {
        (machine.etcd, machine.listener, machine.last_words) = (None, "", "bind: address already in use");
    });
    assert_eq!(heals(KILLALL, ended).await.changes, ["etcd1$ monit start etcd"]);
    let never = World { heals: false, ..World::healthy().with(&["etcd1"], orphan) };
    fails(KILLALL, never, "to have a leader").await;
}

#[tokio::test(start_paused = true)]
async fn a_member_is_replaced_beside_a_quorum_only() {
    has_nothing_to_do(REPLACE, World::healthy()).await;
    let two = World::healthy().with(&["etcd2", "etcd3"], World::corrupt);
    refuses(REPLACE, two.clone().with(&["etcd1"], World::leaderless), "no quorum beside").await;
    refuses(REPLACE, World::healthy().with(&["etcd2"], World::corrupt), "no quorum beside").await;
    let other_cluster = |machine: &mut Machine| machine.etcd = Some(Member { cluster: 2, ..LED });
    refuses(REPLACE, World::healthy().with(&["etcd2"], other_cluster), "no quorum beside").await;
    let differs = |machine: &mut Machine| machine.etcd = Some(Member { hash: 6, ..LED });
    refuses(REPLACE, World::healthy().with(&["etcd2"], differs), "not etcd3 but etcd2").await;
    let healed = heals(REPLACE, World::healthy().with(&["etcd3"], differs)).await;
    assert!(healed.changes.iter().all(|change| change.starts_with("etcd3") || change.contains("/v2/members")));
    let never = World { heals: false, ..World::healthy().with(&["etcd3"], World::corrupt) };
    fails(REPLACE, never, "to have a leader").await;
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_ended_before_its_data_are_wiped() {
    let healed = heals(REPLACE, World::healthy().with(&["etcd3"], orphan)).await;
    let places = |words| healed.places(words);
    let (script, killed, wiped) =
        (places("killall -q etcd_ctl"), places("killall -q etcd;"), places("etcd3$ bash -c rm -rf"));
    assert!(script[0] < killed[0] && killed[0] < wiped[0], "{:#?}", healed.changes);
    assert!(places("monit stop etcd")[0] < script[0], "{:#?}", healed.changes);
    assert!(wiped[0] < places("monit start etcd")[0], "{:#?}", healed.changes);
}

#[tokio::test(start_paused = true)]
async fn data_under_a_running_etcd_are_not_wiped() {
    let world = World::healthy().with(&["etcd3"], |machine| {
        World::corrupt(machine);
        machine.returns_at = 2;
    });
    let world = fails(REPLACE, world, "must not be wiped").await;
    assert!(world.places("rm -rf").is_empty(), "{:#?}", world.changes);
}

#[tokio::test(start_paused = true)]
async fn data_are_not_wiped_before_killall() {
    let plain = WipeThenKillall { node: "etcd1", forced: false };
    refuses(plain, World::healthy().with(&["etcd1"], orphan), "would go on with deleted files").await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_needed_is_not_restarted() {
    let restart = || RestartMembers { setup: SETUP };
    refuses(restart(), World::healthy().with(&["etcd3"], World::corrupt), "etcd1 is needed").await;
    refuses(restart(), World::healthy().with(&ETCDS, World::leaderless), "etcd1 is needed").await;
    // Each member is looked at anew before it is its turn.
    let mut world = World::healthy();
    world.at = vec![("monit start etcd", |world| World::off(world.machine("etcd3")))];
    let (said, world) = call(&restart(), world).await;
    assert!(matches!(said, Ok(Conclusion::Refused { why }) if why.contains("etcd2 is needed")));
    assert!(world.places("etcd2$").is_empty(), "{:#?}", world.changes);
    let never = World { heals: false, ..World::healthy() };
    assert!(fails(restart(), never, "to have a leader").await.places("etcd2$").is_empty());
    assert_eq!(heals(restart(), World::healthy()).await.places("monit start etcd").len(), ETCDS.len());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_go_down_is_not_said_to_be_restarted() {
    let stubborn = World::healthy().with(&["etcd1"], |machine| machine.is_stubborn = true);
    let world = fails(RestartMachine { node: "etcd1" }, stubborn, "to be down").await;
    assert!(world.places("power on").is_empty(), "{:#?}", world.changes);
    let world = heals(RestartMachine { node: "etcd1" }, World::healthy()).await;
    assert_eq!(world.changes, ["etcd1$ kill -TERM 1", "etcd1$ power on"]);
}

#[tokio::test(start_paused = true)]
async fn space_is_freed_where_most_are_led_and_agree() {
    let free = || FreeSpace { setup: SETUP };
    let alarm = |alarm| move |machine: &mut Machine| machine.etcd = Some(Member { alarm, ..LED });
    has_nothing_to_do(free(), World::healthy()).await;
    refuses(free(), World::healthy().with(&ETCDS, World::leaderless), "no quorum").await;
    let both = World::healthy().with(&["etcd1"], alarm("NOSPACE")).with(&["etcd2"], alarm("CORRUPT"));
    refuses(free(), both, "different data").await;
    let changes = heals(free(), World::healthy().with(&["etcd1"], alarm("NOSPACE"))).await.changes;
    let words: Vec<_> = changes.iter().filter_map(|change| change.rsplit('/').next()).collect();
    assert_eq!(words, ["compaction", "defragment", "defragment", "defragment", "alarm"]);
}

/// A member that is told a flag which etcd does not know.
fn typo(machine: &mut Machine) {
    (machine.etcd, machine.listener) = (None, "");
    (machine.flags, machine.complains) = ("--typo=1".into(), true);
}

#[tokio::test(start_paused = true)]
async fn flags_are_taken_from_the_others_where_they_are_what_ails_a_member() {
    const SAME: SameFlags = SameFlags { setup: SETUP, node: Some("etcd3") };
    let quota = |machine: &mut Machine| machine.flags = "--quota=8".into();
    has_nothing_to_do(SAME, World::healthy()).await;
    let ails = "its flags are not what ails etcd3";
    refuses(SAME, World::healthy().with(&["etcd1"], typo), ails).await;
    refuses(SAME, World::healthy().with(&["etcd3"], World::off), ails).await;
    refuses(SAME, World::healthy().with(&["etcd3"], typo).with(&["etcd3"], |m| m.complains = false), ails).await;
    let differ = World::healthy().with(&["etcd3"], typo).with(&["etcd1"], quota);
    refuses(SAME, differ, "the other members' flags differ").await;
    let healed = heals(SAME, World::healthy().with(&["etcd3"], typo).with(&["etcd1", "etcd2"], quota)).await;
    assert_eq!(healed.machines["etcd3"].flags, "--quota=8");
    assert_eq!(healed.places("etcd3$ monit start etcd"), [1]);
    // Whoever names none has the one that complains.
    const ANY: SameFlags = SameFlags { setup: SETUP, node: None };
    refuses(ANY, World::healthy().with(&["etcd1"], World::off), "its flags are not what ails any member").await;
    let healed = heals(ANY, World::healthy().with(&["etcd2"], typo)).await;
    assert_eq!(healed.places("etcd2$ monit start etcd"), [1]);
    // Killed after its first step.
    let set = World::healthy().with(&["etcd3"], typo).with(&["etcd3"], |machine| machine.flags = String::new());
    assert_eq!(heals(SAME, set).await.changes, ["etcd3$ monit start etcd"]);
}
