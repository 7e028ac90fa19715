//! What the parts answer over HTTP.

use base64::{Engine, engine::general_purpose::STANDARD};
use reenact::probe::Answer;
use serde_json::{Value, json};

use super::world::{Machine, Server, World};

/// A machine's answer on that port.
pub(super) fn answer(world: &World, machine: &Machine, port: u16, path: &str) -> Result<Value, Answer> {
    match port {
        4001 => etcd(machine, path),
        8500 => consul(world, machine, path),
        8889 if machine.leads => Ok(json!({"available": true})),
        8889 => Err(Answer::Refused),
        _ => panic!("nobody listens on {port}"),
    }
}

fn etcd(machine: &Machine, path: &str) -> Result<Value, Answer> {
    let said = machine.etcd.ok_or(Answer::Refused)?;
    let errors = if said.alarm.is_empty() { json!([]) } else { json!([format!("memberID:1 alarm:{}", said.alarm)]) };
    let header = json!({"cluster_id": said.cluster, "member_id": 9, "revision": said.index});
    match path {
        "/v3/maintenance/status" => {
            Ok(json!({"header": header, "leader": said.leader, "raftIndex": said.index, "errors": errors}))
        }
        "/v3/maintenance/hash" => Ok(json!({"header": header, "hash": said.hash})),
        "/v2/keys/v1?recursive=true" => {
            let keys: Vec<_> = (0..said.keys).map(|key| json!({"key": format!("/v1/{key}"), "value": "x"})).collect();
            Ok(json!({"node": {"nodes": keys}}))
        }
        "/v3/kv/compaction" | "/v3/maintenance/defragment" | "/v3/maintenance/alarm" => Ok(json!({})),
        _ => panic!("etcd is asked {path}"),
    }
}

fn consul(world: &World, machine: &Machine, path: &str) -> Result<Value, Answer> {
    let leader = match machine.consul {
        Server::Led(leader) => leader,
        Server::Alone => "",
        Server::Refuses => return Err(Answer::Refused),
        Server::Hangs => return Err(Answer::Hung { during: "request".into() }),
    };
    match path {
        "/v1/status/leader" => Ok(json!(leader)),
        "/v1/operator/raft/configuration?stale" => {
            let peer = |(address, votes): &(String, bool)| json!({"Address": address, "Voter": votes});
            Ok(json!({"Servers": machine.peers.iter().map(peer).collect::<Vec<_>>()}))
        }
        _ if path.starts_with("/v1/kv/") => match world.lock {
            None => Err(Answer::Error { code: "404".into(), text: String::new() }),
            Some(lock) => {
                let value = STANDARD.encode(json!({"id": lock.holder}).to_string());
                Ok(json!([{"Session": lock.session, "Flags": lock.flags, "Value": value}]))
            }
        },
        _ if path.starts_with("/v1/session/info/") => Ok(json!([{"TTL": world.lock.map_or("", |lock| lock.ttl)}])),
        _ => panic!("Consul is asked {path}"),
    }
}
