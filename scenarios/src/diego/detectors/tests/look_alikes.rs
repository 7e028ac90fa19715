//! What looks like an incident and is none: every detector stays silent.

use reenact::detect::testing::{World, scenes};

use super::{super::QUORUM_LOST, *};

fn stays_quiet(scene: Act) {
    for seed in 50..53 {
        let mut sim = Sim::new(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

/// And in the end, every detector can tell.
fn knows(scene: Act) {
    for seed in 50..53 {
        let mut sim = Sim::new(seed);
        scene(&mut sim);
        sim.quiet();
        sim.knows();
    }
}

scenes!(
    knows,
    a_planned_rolling_restart = |sim| {
        for index in 0..3 {
            sim.kill(index);
            sim.run(1_500);
            sim.start(index);
            sim.run(8_000);
        }
    },
    a_power_cut_of_all_that_come_back = |sim| {
        (0..3).for_each(|index| sim.kill(index));
        (0..3).for_each(|index| sim.start(index));
        sim.run(12_000);
    },
    a_leader_that_dies_or_is_transferred = |sim| {
        sim.kill(0);
        sim.run(20_000);
        // A transfer, without a moment between.
        sim.leader = 2;
        sim.settle();
        sim.run(5_000);
    },
    a_job_that_its_operator_has_stopped = |sim| {
        sim.unmonitored = true;
        sim.starts_in_vain(2, "received signal; shutting down: error");
        sim.run(60_000);
    },
    a_machine_that_takes_long_to_reboot = |sim| {
        sim.kill(2);
        sim.run(28_000);
        sim.start(2);
        sim.run(6_000);
    },
    a_member_that_is_behind_and_catches_up = |sim| {
        sim.kill(2);
        sim.run(27_000);
        sim.start(2);
        (sim.etcd[2].revision, sim.etcd[2].hash) = (3, 12);
        sim.run(4_000);
        assert!(sim.etcd[2].applied < sim.etcd[1].applied || sim.etcd[2].applied > 200);
        sim.run(6_000);
        (sim.etcd[2].revision, sim.etcd[2].hash) = (9, 77);
        sim.run(6_000);
    },
    a_torn_log_that_repairs_itself = |sim| {
        sim.kill(1);
        sim.run(1_000);
        for line in ["repairing 0.wal", "repaired WAL error (unexpected EOF)", "snap: renamed .broken"] {
            sim.log("e1", line);
        }
        sim.start(1);
        sim.run(8_000);
    },
    a_failover_with_a_farewell = |sim| {
        (sim.bbs, sim.key) = ([Bbs::Away, Bbs::Waits], None);
        sim.run(20_000);
        assert_eq!(sim.bbs[1], Bbs::Leads);
    },
    // Killed: its session ends after twice its time to live, and the other leads.
    a_failover_without_a_farewell = |sim| {
        sim.bbs = [Bbs::Away, Bbs::Waits];
        sim.ends_in(20_000);
        sim.run(30_000);
        assert_eq!(sim.bbs[1], Bbs::Leads);
    },
    a_holder_that_is_stopped_until_the_other_leads = |sim| {
        sim.bbs = [Bbs::Hangs, Bbs::Waits];
        sim.ends_in(16_000);
        sim.run(18_000);
        // It goes on, believes to lead, and learns that it does not.
        sim.bbs[0] = Bbs::Leads;
        sim.run(1_300);
        sim.bbs[0] = Bbs::Waits;
        sim.run(5_000);
    },
    a_change_of_scale_and_a_slow_nsync = |sim| {
        sim.apps.values_mut().for_each(|count| *count = 7);
        sim.apps.insert("app-9".into(), 1);
        sim.run(8_000);
        sim.apps.remove("app-3");
        sim.run(8_000);
        // It misses two passes.
        sim.apps.insert("app-10".into(), 1);
        sim.nsync = false;
        sim.run(13_000);
        sim.nsync = true;
        sim.run(8_000);
    },
    consul_s_servers_restarted_one_by_one = |sim| {
        for index in 0..3 {
            (sim.consul[index].up, sim.consul[index].has_leader) = (false, false);
            if index == 0 {
                sim.consul_leads(false);
                sim.consul_leads(true);
            }
            sim.run(3_000);
            (sim.consul[index].up, sim.consul[index].has_leader) = (true, true);
            sim.run(3_000);
        }
    },
    a_start_that_waits_for_its_peers_is_no_orphan = |sim| {
        (0..2).for_each(|index| sim.kill(index));
        sim.run(1_000);
        sim.etcd[2].pidfile = "";
        (0..2).for_each(|index| sim.start(index));
        sim.run(2_700);
        sim.etcd[2].pidfile = "40";
        sim.run(5_000);
    },
);

scenes!(
    stays_quiet,
    apps_that_change_again_and_again_are_each_late_for_themselves = |sim| {
        for round in 0..12 {
            sim.apps.insert(format!("app-r{round}"), 1);
            sim.run(4_000);
        }
    },
    consul_scaled_to_one_server_that_is_deployed_anew = |sim| {
        sim.consul[0].peers.truncate(1);
        for index in [1, 2] {
            (sim.consul[index].up, sim.consul[index].has_leader) = (false, false);
        }
        sim.run(4_000);
        // It starts, and is its own quorum: no other one is missed.
        sim.consul_leads(false);
        sim.run(20_000);
        sim.consul_leads(true);
        sim.run(4_000);
    },
    new_addresses_that_heal_themselves = |sim| {
        for (index, server) in sim.consul.iter_mut().enumerate() {
            (server.has_leader, server.address) = (false, format!("10.0.1.{index}:8300"));
        }
        sim.run(1_900);
        let peers: Vec<_> = sim.consul.iter().map(|server| (server.address.clone(), true)).collect();
        sim.consul.iter_mut().for_each(|server| (server.has_leader, server.peers) = (true, peers.clone()));
        sim.run(6_000);
    },
    a_gossip_key_that_is_changed_everywhere = |sim| {
        for node in ["c0", "c1", "c2", "c1"] {
            sim.log(node, "memberlist: No installed keys could decrypt the message");
            sim.run(700);
        }
        sim.run(20_000);
        sim.log("c1", "memberlist: No installed keys could decrypt the message");
        sim.run(2_000);
    },
    a_cluster_that_is_only_being_set_up = |sim| {
        sim.seen.clear();
        (0..3).for_each(|index| sim.kill(index));
        sim.consul.iter_mut().for_each(|server| (server.up, server.has_leader) = (false, false));
        (sim.bbs, sim.cc) = ([Bbs::Away, Bbs::Away], false);
        sim.run(30_000);
    },
    both_bbses_stopped_on_purpose = |sim| {
        sim.bbs = [Bbs::Away, Bbs::Away];
        sim.run(40_000);
    },
    a_paused_member_that_the_bbs_gives_up = |sim| {
        sim.etcd[1].hangs = true;
        sim.settle();
        sim.reaches = false;
        sim.run(10_500);
        sim.reaches = true;
        sim.run(10_000);
    },
    consul_s_own_damaged_database_is_not_etcd_s = |sim| {
        sim.kill(1);
        sim.log("e1", "Failed to start Raft: invalid database");
        sim.run(12_000);
        // Nor are words that come from a machine whose etcd answers.
        sim.log("e2", "unexpected fault address 0x7f");
        sim.run(8_000);
    },
);

#[test]
fn a_start_that_waits_for_a_quorum_is_no_orphan() {
    let mut sim = Sim::new(70);
    (0..2).for_each(|index| sim.kill(index));
    sim.run(1_000);
    // It listens for its peers; its script waits for it, ten seconds at most.
    (sim.etcd[2].pidfile, sim.etcd[2].listener) = ("", "43");
    sim.run(9_000);
    assert_eq!(sim.diagnoses(), [QUORUM_LOST]);
}
