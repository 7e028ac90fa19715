//! Twin of `consul_gossip_key`: a key that is changed where nobody looks.

use reenact::incident::*;

use super::super::{Diego, Setup, faults::NewKeyInConfig, runbooks::RestartServer, stories};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_consul_key_in_config_only",
        story: "An operator changes the gossip key in a server's configuration and restarts it. It goes on with its \
                keyring, as it says in its log, and all understand each other.",
        source: "measured facts (e): a changed config is ignored (using keyring)",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                inject(NewKeyInConfig { node: "consul3".into() }),
                done(RestartServer { node: "consul3" }),
                stories::logs(&["consul3"], &["using keyring"], secs(10)),
            ],
            secs(40)
        )],
    }
);
