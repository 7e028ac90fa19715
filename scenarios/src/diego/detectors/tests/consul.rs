//! The same of Consul's servers.

use reenact::detect::testing::World;

use super::super::*;
use super::*;

#[test]
fn voters_that_nobody_is_are_told_from_servers_that_are_away() {
    for (seed, extra, says) in [
        (29, ["10.0.9.1:8300", "10.0.9.2:8300", "10.0.9.3:8300"], "10.0.9.1:8300 votes, and no server is there"),
        (30, ["127.0.0.1:8300", "10.0.9.2:8300", "10.0.9.3:8300"], "an address that only itself can reach"),
    ] {
        let mut sim = Sim::new(seed);
        for server in &mut sim.consul {
            server.peers.extend(extra.map(|address| (address.to_owned(), true)));
            server.has_leader = false;
        }
        let from = sim.now;
        sim.run(12_000);
        sim.only(CONSUL_DEAD_VOTERS, from, 5_000..=6_500, &["3 of its 3 servers answer", says]);
    }
    // Servers hang that call the dead, two of them or all: it stays so.
    for hang in [2, 3] {
        let mut sim = Sim::new(32);
        for server in &mut sim.consul {
            server.peers.extend((1..4).map(|dead| (format!("10.0.9.{dead}:8300"), true)));
            server.has_leader = false;
        }
        sim.run(8_000);
        sim.consul.iter_mut().take(hang).for_each(|server| server.hangs = true);
        sim.run(12_000);
        assert_eq!((sim.diagnoses(), sim.firing()), (vec![CONSUL_DEAD_VOTERS], vec![CONSUL_DEAD_VOTERS]));
    }
    // Two dead ones and a server that is away: it is that one who is missed.
    let mut sim = Sim::new(31);
    for server in &mut sim.consul {
        server.peers.extend(["10.0.9.1:8300", "10.0.9.2:8300"].map(|address| (address.to_owned(), true)));
        server.has_leader = false;
    }
    sim.consul[2].up = false;
    sim.run(12_000);
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
}

#[test]
fn consul_s_quorum_is_lost_with_two_servers() {
    let mut sim = Sim::new(30);
    let from = sim.now;
    sim.consul[1].up = false;
    sim.consul[2].up = false;
    sim.consul_leads(false);
    sim.bbs = [Bbs::Away, Bbs::Waits];
    sim.run(60_000);
    let lines = ["1 of its 3 servers answer", "c1: Consul is refused"];
    sim.only(CONSUL_QUORUM_LOST, from, 6_800..=8_000, &lines);
}

#[test]
fn servers_that_run_and_do_not_reach_each_other_have_no_quorum_either() {
    let mut sim = Sim::new(31);
    sim.consul_leads(true);
    sim.consul.iter_mut().for_each(|server| server.has_leader = false);
    sim.run(10_000);
    assert_eq!(sim.diagnoses(), [CONSUL_QUORUM_LOST]);
}

#[test]
fn peers_with_old_addresses_are_told_from_servers_that_are_away() {
    let mut sim = Sim::new(32);
    sim.consul.iter_mut().for_each(|server| server.up = false);
    sim.run(2_000);
    for (index, server) in sim.consul.iter_mut().enumerate() {
        (server.up, server.has_leader, server.address) = (true, false, format!("10.0.1.{index}:8300"));
        // Restarted and without a leader, two do not tell their peers.
        server.peers.truncate(if index == 0 { 3 } else { 0 });
    }
    sim.consul[0].peers.clear();
    let from = sim.now;
    sim.run(12_000);
    let lines = ["c0 is at 10.0.1.0:8300; its peers: 10.0.0.0:8300 (votes), "];
    sim.only(CONSUL_OLD_PEERS, from, 5_000..=6_200, &lines);
}

#[test]
fn a_server_that_came_back_without_a_vote_is_the_trap() {
    let mut sim = Sim::new(33);
    sim.consul.iter_mut().for_each(|server| server.peers[2].1 = false);
    sim.consul[1].up = false;
    let from = sim.now;
    sim.consul_leads(false);
    sim.run(60_000);
    let lines = ["2 of its 3 servers answer", "10.0.0.2:8300 (does not vote)"];
    sim.only(CONSUL_FEW_VOTERS, from, 6_800..=8_000, &lines);
}

#[test]
fn a_wrong_gossip_key_is_named_whether_or_not_there_is_a_leader() {
    for (seed, leads) in [(34, true), (35, false)] {
        let mut sim = Sim::new(seed);
        sim.consul.iter_mut().for_each(|server| server.has_leader = leads);
        let from = sim.now;
        for _ in 0..20 {
            sim.log("c1", "memberlist: No installed keys could decrypt the message from=10.0.0.2");
            sim.run(1_000);
        }
        let line = "c1: No installed keys could decrypt the message, for ";
        sim.only(GOSSIP_KEY, from, 4_000..=5_100, &[line]);
        sim.run(10_500);
        assert!(!sim.firing().contains(&GOSSIP_KEY));
    }
}
