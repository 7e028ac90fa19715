//! What is done to all of etcd.

use super::{
    super::{
        super::{ETCDS, Setup},
        Backup, ChooseCluster, NukeAndPave, RebuildFromSurvivor, RestartVms, WipeAll,
    },
    fails, has_nothing_to_do, heals, refuses,
    world::{LED, Machine, Member, World},
};

const SETUP: Setup = Setup::PLAIN;
const WIPE: WipeAll = WipeAll { setup: SETUP, forced: false };
const NUKE: NukeAndPave = NukeAndPave { setup: SETUP, backup: Backup::Version2, forced: false };
const RESTART: RestartVms = RestartVms { setup: SETUP, forced: false };

fn choose(keep: Option<&'static str>) -> ChooseCluster {
    ChooseCluster { setup: SETUP, keep }
}

fn rebuild(from: Option<&'static str>) -> RebuildFromSurvivor {
    RebuildFromSurvivor { setup: SETUP, from }
}

/// A member of a cluster of its own, with so many keys.
fn own(cluster: u64, keys: usize) -> impl Fn(&mut Machine) {
    move |machine| machine.etcd = Some(Member { cluster, keys, ..LED })
}

fn split(keys: [usize; 3]) -> World {
    let world = World::healthy().with(&["etcd1"], own(1, keys[0])).with(&["etcd2"], own(2, keys[1]));
    world.with(&["etcd3"], own(3, keys[2]))
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_chosen_only_where_it_is_the_one_with_the_keys() {
    has_nothing_to_do(choose(None), World::healthy()).await;
    refuses(choose(None), split([3, 2, 0]), "one of them must be chosen").await;
    refuses(choose(None), split([0, 0, 0]), "one of them must be chosen").await;
    refuses(choose(Some("etcd1")), split([1, 3, 0]), "etcd2 has more keys").await;
    refuses(choose(Some("etcd1")), split([3, 0, 0]).with(&["etcd1"], World::off), "etcd1 does not answer").await;
    let most = split([3, 0, 0]).with(&["etcd2", "etcd3"], own(2, 0));
    refuses(choose(Some("etcd1")), most, "most are in a cluster without etcd1").await;
    let healed = heals(choose(None), split([3, 0, 0])).await;
    assert!(healed.places("etcd1$ bash -c rm").is_empty(), "{:#?}", healed.changes);
    assert_eq!(healed.places("rm -rf").len(), 2, "{:#?}", healed.changes);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_rebuilt_only_from_who_has_everything() {
    has_nothing_to_do(rebuild(None), World::healthy()).await;
    refuses(rebuild(None), split([3, 0, 0]), "one must be chosen").await;
    refuses(rebuild(None), World::healthy().with(&["etcd3"], World::corrupt), "there is a quorum").await;
    refuses(rebuild(Some("etcd3")), World::healthy().with(&["etcd3"], World::corrupt), "there is a quorum").await;
    let ahead = |machine: &mut Machine| machine.etcd = Some(Member { leader: 0, index: 101, ..LED });
    let behind = World::healthy().with(&["etcd1", "etcd3"], World::leaderless).with(&["etcd2"], ahead);
    refuses(rebuild(Some("etcd1")), behind.clone(), "etcd2 is ahead of it").await;
    let healed = heals(rebuild(None), behind).await;
    assert!(healed.places("etcd2$ bash -c rm").is_empty(), "{:#?}", healed.changes);
    let one = World::healthy().with(&["etcd1"], World::leaderless).with(&["etcd2"], World::corrupt);
    refuses(rebuild(None), one.clone().with(&["etcd3"], World::off), "etcd3 may come back with more").await;
    let silent = |machine: &mut Machine| (machine.etcd, machine.has_log) = (None, true);
    refuses(rebuild(None), one.clone().with(&["etcd3"], silent), "etcd3 may come back with more").await;
    refuses(rebuild(None), World::healthy().with(&ETCDS, World::corrupt), "nobody has data").await;
    let never = World { heals: false, ..one.with(&["etcd3"], World::corrupt) };
    let world = fails(rebuild(None), never, "to have a leader").await;
    assert!(world.places("rm -rf").is_empty(), "{:#?}", world.changes);
}

#[tokio::test(start_paused = true)]
async fn the_survivor_keeps_its_data_and_is_no_cluster_of_its_own_in_the_end() {
    let lost = World::healthy().with(&["etcd1"], World::leaderless).with(&["etcd2", "etcd3"], World::corrupt);
    let mut healed = heals(rebuild(None), lost).await;
    assert!(healed.places("etcd1$ bash -c rm").is_empty(), "{:#?}", healed.changes);
    assert_eq!(healed.places("rm -rf").len(), 2, "{:#?}", healed.changes);
    assert!(!healed.machine("etcd1").is_forced, "{:#?}", healed.changes);
    // Who runs it again goes on with the same member, though another one has come farther since.
    let begun = World::healthy().with(&["etcd2", "etcd3"], World::corrupt).with(&["etcd1"], |machine| {
        World::leaderless(machine);
        machine.is_forced = true;
    });
    let healed = heals(rebuild(None), begun.with(&["etcd2"], World::leaderless)).await;
    assert!(healed.places("etcd1$ bash -c rm").is_empty(), "{:#?}", healed.changes);
    assert_eq!(healed.places("rm -rf").len(), 2, "{:#?}", healed.changes);
}

#[tokio::test(start_paused = true)]
async fn all_are_wiped_only_where_nothing_can_be_lost() {
    has_nothing_to_do(WIPE, World::healthy()).await;
    let one = World::healthy().with(&["etcd2", "etcd3"], World::corrupt);
    refuses(WIPE, one.clone().with(&["etcd1"], World::leaderless), "etcd1 can be read").await;
    refuses(WIPE, one.clone(), "etcd1 can be read").await;
    refuses(WIPE, one.with(&["etcd1"], World::off), "etcd1 is down").await;
    let all = || World::healthy().with(&ETCDS, World::corrupt);
    let healed = heals(WIPE, all()).await;
    let (ended, wiped) = (healed.places("killall -q etcd;"), healed.places("rm -rf"));
    assert!(wiped.len() == ETCDS.len() && ended.iter().max() < wiped.iter().min(), "{:#?}", healed.changes);
    fails(WIPE, World { heals: false, ..all() }, "to have a leader").await;
    let returns = all().with(&["etcd2"], |machine| machine.returns_at = 2);
    let world = fails(WIPE, returns, "must not be wiped").await;
    assert!(world.places("etcd2$ bash -c rm").is_empty(), "{:#?}", world.changes);
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_restored_only_where_nobody_has_more() {
    has_nothing_to_do(NUKE, World::healthy()).await;
    let one = World::healthy().with(&["etcd2", "etcd3"], World::corrupt);
    refuses(NUKE, one.clone().with(&["etcd1"], World::leaderless), "can be read or may come back").await;
    refuses(NUKE, one.with(&["etcd1"], World::off), "can be read or may come back").await;
    let all = || World::healthy().with(&ETCDS, World::corrupt);
    let mut healed = heals(NUKE, all()).await;
    assert!(!healed.machine("etcd1").is_forced, "{:#?}", healed.changes);
    fails(NUKE, World { heals: false, ..all() }, "to have a leader").await;
    let returns = all().with(&["etcd1"], |machine| machine.returns_at = 2);
    let world = fails(NUKE, returns, "must not be wiped").await;
    assert!(world.places("etcd1$ bash -c rm").is_empty(), "{:#?}", world.changes);
}

#[tokio::test(start_paused = true)]
async fn what_can_still_be_read_is_not_restarted() {
    has_nothing_to_do(RESTART, World::healthy()).await;
    let one = World::healthy().with(&["etcd1"], World::leaderless).with(&["etcd2", "etcd3"], World::corrupt);
    refuses(RESTART, one, "etcd1 can still be read").await;
    // Those that are led are spared.
    let healed = heals(RESTART, World::healthy().with(&["etcd3"], World::corrupt)).await;
    assert_eq!(healed.places("etcd3$").len(), 2, "{:#?}", healed.changes);
    assert!(healed.places("etcd1$").is_empty() && healed.places("etcd2$").is_empty(), "{:#?}", healed.changes);
    let never = World { heals: false, ..World::healthy().with(&ETCDS, World::corrupt) };
    fails(RESTART, never, "to have a leader").await;
}
