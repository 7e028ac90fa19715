//! What is done to Consul's servers.

use reenact::runbook::Conclusion;

use super::{
    super::{
        super::{BBSES, CONSULS},
        BringServersBack, OneGossipKey, RejoinServer, RestartServer, ScaleToOne, SetGossipKey, StopServer,
        WritePeersJson,
    },
    fails, has_nothing_to_do, heals, refuses,
    world::{LEADER, Machine, Server, World, call, ip, peers},
};

const REJOIN: RejoinServer = RejoinServer { node: "consul3" };

/// A server that looks for the others where they were.
fn old_peers(machine: &mut Machine) {
    World::alone(machine);
    machine.peers = (1..=3).map(|last| (format!("10.9.9.{last}:8300"), true)).collect();
}

fn keyring(keyring: &'static str) -> impl Fn(&mut Machine) {
    move |machine| machine.keyring = keyring
}

fn stubborn(machine: &mut Machine) {
    machine.is_stubborn = true;
}

/// Somebody starts it again after it was stopped.
fn returns(machine: &mut Machine) {
    machine.returns_at = 2;
}

#[tokio::test(start_paused = true)]
async fn machines_are_switched_on_and_no_other_is_touched() {
    has_nothing_to_do(BringServersBack, World::healthy()).await;
    refuses(BringServersBack, World::healthy().with(&CONSULS, World::alone), "all are up").await;
    let without_vote = World::healthy().with(&CONSULS, |machine| machine.peers[2].1 = false);
    refuses(BringServersBack, without_vote, "all are up").await;
    let lost = || World::healthy().with(&["consul1"], World::alone).with(&["consul2", "consul3"], World::off);
    let mut heal = lost();
    heal.at = vec![("power on", |world| world.machine("consul1").consul = Server::Led(LEADER))];
    assert_eq!(heals(BringServersBack, heal).await.changes, ["consul2$ power on", "consul3$ power on"]);
    let world = fails(BringServersBack, World { heals: false, ..lost() }, "to be led, and to vote").await;
    assert_eq!(world.changes, ["consul2$ power on", "consul3$ power on"]);
}

#[tokio::test(start_paused = true)]
async fn peers_json_is_written_only_where_no_leader_can_come_back() {
    has_nothing_to_do(WritePeersJson, World::healthy()).await;
    let lost = || World::healthy().with(&CONSULS, old_peers);
    let led = lost().with(&["consul2"], |machine| machine.consul = Server::Led(LEADER));
    refuses(WritePeersJson, led, "there is a leader").await;
    refuses(WritePeersJson, lost().with(&["consul2"], World::off), "consul2 can come back").await;
    refuses(WritePeersJson, lost().with(&["consul2"], |machine| machine.consul = Server::Hangs), "it is not known")
        .await;
    refuses(WritePeersJson, World::healthy().with(&CONSULS, World::alone), "where they are").await;
    for last in ["1", "3"] {
        let address = format!("10.9.9.{last}");
        refuses(
            WritePeersJson,
            World { answers_at: vec![address.clone()], ..lost() },
            &format!("still answers at {address}"),
        )
        .await;
    }
    let healed = heals(WritePeersJson, lost()).await;
    let (stopped, written) = (healed.places("monit stop"), healed.places("raft/peers.json"));
    assert!(written.len() == 3 && stopped.iter().max() < written.iter().min(), "{:#?}", healed.changes);
    let whole = peers().into_iter().map(|(address, _)| format!("\"{address}\"")).collect::<Vec<_>>().join(",");
    assert!(written.iter().all(|at| healed.changes[*at].contains(&whole)), "{:#?}", healed.changes);
    assert!(written.iter().max() < healed.places("monit start").iter().min(), "{:#?}", healed.changes);
    fails(WritePeersJson, World { heals: false, ..lost() }, "to be led, and to vote").await;
    let world = fails(WritePeersJson, lost().with(&["consul2"], returns), "Consul still runs on consul2").await;
    assert!(world.places("consul2$ bash -c echo").is_empty(), "{:#?}", world.changes);
    assert!(
        fails(WritePeersJson, lost().with(&["consul2"], stubborn), "to stop").await.places("peers.json").is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_is_wiped_beside_a_quorum_only() {
    has_nothing_to_do(REJOIN, World::healthy()).await;
    refuses(REJOIN, World::healthy().with(&CONSULS, World::alone), "a quorum beside consul3").await;
    let one = World::healthy().with(&["consul2", "consul3"], World::alone);
    refuses(REJOIN, one, "a quorum beside consul3").await;
    let two = World::healthy().with(&["consul2"], |machine| machine.consul = Server::Led("10.0.0.5:8300"));
    refuses(REJOIN, two, "a quorum beside consul3").await;
    let lost = || World::healthy().with(&["consul3"], World::alone);
    let healed = heals(REJOIN, lost()).await;
    assert!(healed.changes.iter().all(|change| change.starts_with("consul3$")), "{:#?}", healed.changes);
    assert!(healed.places("monit stop")[0] < healed.places("rm -rf")[0], "{:#?}", healed.changes);
    assert!(healed.places("rm -rf")[0] < healed.places("monit start")[0], "{:#?}", healed.changes);
    fails(REJOIN, World { heals: false, ..lost() }, "to be led, and to vote").await;
    for (change, why) in [(returns as fn(&mut Machine), "Consul still runs"), (stubborn, "to stop")] {
        let world = fails(REJOIN, lost().with(&["consul3"], change), why).await;
        assert!(world.places("rm -rf").is_empty(), "{:#?}", world.changes);
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_on_is_not_said_to_be_stopped() {
    let world = || World::healthy().with(&["consul1"], stubborn);
    fails(StopServer { node: "consul1" }, world(), "to stop").await;
    assert!(fails(RestartServer { node: "consul1" }, world(), "to stop").await.places("monit start").is_empty());
    fails(SetGossipKey { node: "consul1" }, world(), "to stop").await;
    assert_eq!(
        heals(StopServer { node: "consul1" }, World::healthy()).await.changes,
        ["consul1$ monit stop consul_agent"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_keyring_is_given_only_if_most_servers_have_it() {
    has_nothing_to_do(OneGossipKey, World::healthy()).await;
    let (one, two) = (keyring(r#"["one"]"#), keyring(r#"["two"]"#));
    let three = World::healthy().with(&["consul2"], &one).with(&["consul3"], &two);
    refuses(OneGossipKey, three.clone(), "no keyring is that of most servers").await;
    // Agents that are no servers have no say.
    refuses(OneGossipKey, three.with(&BBSES, &two), "no keyring is that of most servers").await;
    let odd = || World::healthy().with(&["consul3"], &one).with(&BBSES, &two);
    let healed = heals(OneGossipKey, odd()).await;
    assert_eq!(healed.places("serf/local.keyring").len(), 3, "{:#?}", healed.changes);
    assert!(healed.places("consul1$").is_empty() && healed.places("consul2$").is_empty(), "{:#?}", healed.changes);
    assert!(healed.places("local.keyring").iter().all(|at| healed.changes[*at].contains(r#"["common"]"#)));
    fails(OneGossipKey, World { heals: false, ..odd() }, "to be led, and to vote").await;
    // The same keys are not all of it.
    let alone = World { heals: false, ..World::healthy().with(&CONSULS, World::alone) };
    fails(OneGossipKey, alone, "to be led, and to vote").await;
}

#[tokio::test(start_paused = true)]
async fn one_server_that_does_not_lead_is_told_of_all_again() {
    let lost = World::healthy().with(&["consul1"], World::alone).with(&["consul2", "consul3"], World::off);
    let (said, world) = call(&ScaleToOne, World { heals: false, ..lost }).await;
    assert!(matches!(said, Ok(Conclusion::Refused { why }) if why.contains("it is taken back")));
    let all = CONSULS.map(|node| ip(node).to_string()).join(",");
    for node in ["consul1", "bbs1", "bbs2"] {
        let told = world.places(&format!("{node}$ bash -c grep -v '^CONSUL_SERVERS="));
        let last = &world.changes[*told.last().expect("it is told")];
        assert!(last.contains(&all), "{last}");
    }
    assert!(world.places("consul2$").is_empty() && world.places("consul3$").is_empty(), "{:#?}", world.changes);
}

#[tokio::test(start_paused = true)]
async fn none_is_deployed_alone_before_the_others_have_left() {
    let world = fails(ScaleToOne, World::healthy().with(&["consul2"], stubborn), "Consul on consul2 to end").await;
    assert!(world.places("CONSUL_SERVERS").is_empty(), "{:#?}", world.changes);
    let healed = heals(ScaleToOne, World::healthy()).await;
    assert!(healed.places("consul leave").iter().max() < healed.places("CONSUL_SERVERS").iter().min());
}
