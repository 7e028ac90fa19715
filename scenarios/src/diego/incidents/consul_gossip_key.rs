//! One of Consul's servers has another gossip key.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::GOSSIP_KEY,
    faults::ForeignGossipKey,
    runbooks::{OneGossipKey, SetGossipKey},
};

const CANNOT_DECRYPT: Fingerprint = Fingerprint {
    id: "cannot decrypt",
    report: "No installed keys could decrypt the message",
    shows: |seen| logged(seen, &["No installed keys could decrypt the message"]),
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::consul_gossip_key",
        story: "A server of Consul's comes back without its keyring and with a new key in its configuration. The \
                others cannot read what it says, and it cannot read them. \"The instances need to get the same key\": \
                set in the configuration, the key has no effect, as the keyring is what counts. With the others' \
                keyring the server joins again.",
        source: "report 003: the same key, and no enforcement; measured facts (e): gossip key",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(ForeignGossipKey { node: "consul3".into() })],
            fingerprints: seen(&[CANNOT_DECRYPT], secs(20)),
            detected: by(GOSSIP_KEY, secs(30)),
            control: stays_broken(secs(20)),
            wrong: tried([deceives(SetGossipKey { node: "consul3" }, secs(4))]),
            ends: healed_by(OneGossipKey, secs(90)),
        }],
    }
);
