//! What Consul's agents are asked, over HTTP.

use std::{net::Ipv4Addr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use reenact::probe::Answer;
use serde_json::{Value, json};

use super::http::{Http, Request};
use crate::answer::garbled;

/// The agents' port for HTTP.
pub(super) const HTTP: u16 = 8500;
/// The servers' port for raft.
pub(super) const RAFT: u16 = 8300;
/// The key that is the BBS's lock.
pub(super) const LOCK: &str = "v1/locks/bbs_lock";
/// The flags that Consul's own client gives to a lock's key; it refuses any other.
pub(super) const LOCK_FLAGS: u64 = 0x2ddc_cbc0_77b4_a30d;

/// How long an agent without a leader takes to say so is 7 s; a little more.
const WITH_LEADER: Duration = Duration::from_secs(9);

/// A client of one agent.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) ip: Ipv4Addr,
    http: Http,
}

/// The lock's key, and the session that holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lock {
    /// Empty: no session holds it.
    pub(super) session: String,
    pub(super) flags: u64,
    /// Who took it, by its value.
    pub(super) holder: String,
    /// Zero: the session has none.
    pub(super) ttl_ms: u64,
    /// How many health checks end the session.
    pub(super) checks: usize,
}

impl Agent {
    pub(super) fn new(ip: Ipv4Addr, http: &Http) -> Self {
        Self { ip, http: http.clone() }
    }

    async fn ask(&self, request: Request<'_>) -> Result<Value, Answer> {
        self.http.ask(self.ip, HTTP, request).await
    }

    async fn get(&self, path: &str, limit: Duration) -> Result<Value, Answer> {
        self.ask(Request::get(path, limit)).await
    }

    /// The leader that it knows, such as `10.0.0.1:8300`; empty: none. It answers without
    /// one.
    pub(super) async fn leader(&self, limit: Duration) -> Result<String, Answer> {
        let said = self.get("/v1/status/leader", limit).await?;
        text(&said, "", "its leader")
    }

    /// Its own address now.
    pub(super) async fn address(&self, limit: Duration) -> Result<String, Answer> {
        let said = self.get("/v1/agent/self", limit).await?;
        Ok(format!("{}:{RAFT}", text(&said, "/Member/Addr", "its address")?))
    }

    /// Raft's peers as a server has them: each one's address and whether it votes.
    pub(super) async fn peers(&self, limit: Duration) -> Result<Vec<(String, bool)>, Answer> {
        let said = self.get("/v1/operator/raft/configuration?stale", limit).await?;
        let peer = |server: &Value| Some((server["Address"].as_str()?.to_owned(), server["Voter"].as_bool()?));
        let peers = said["Servers"].as_array().and_then(|all| all.iter().map(peer).collect());
        peers.ok_or_else(|| garbled("raft's peers", said))
    }

    /// The agents that it hears of, by gossip. One that was forced to leave while it was cut
    /// off is heard again, and may stay marked as leaving until its next start.
    pub(super) async fn alive(&self, limit: Duration) -> Result<Vec<String>, Answer> {
        const ALIVE: u64 = 1;
        const LEAVING: u64 = 2;
        let said = self.get("/v1/agent/members", limit).await?;
        let members = said.as_array().ok_or_else(|| garbled("the members", &said))?.iter();
        let alive = members.filter(|member| member["Status"] == ALIVE || member["Status"] == LEAVING);
        Ok(alive.filter_map(|member| Some(member["Name"].as_str()?.to_owned())).collect())
    }

    /// The BBS's lock; `None`: there is no such key.
    pub(super) async fn lock(&self, limit: Duration) -> Result<Option<Lock>, Answer> {
        self.read_lock("stale", limit).await
    }

    /// The same by the leader's word: a server's own copy may be a moment old.
    pub(super) async fn lock_now(&self, limit: Duration) -> Result<Option<Lock>, Answer> {
        self.read_lock("consistent", limit).await
    }

    async fn read_lock(&self, consistency: &str, limit: Duration) -> Result<Option<Lock>, Answer> {
        let found = match self.get(&format!("/v1/kv/{LOCK}?{consistency}"), limit).await {
            Ok(found) => found,
            Err(Answer::Error { code, .. }) if code == "404" => return Ok(None),
            Err(answer) => return Err(answer),
        };
        let mut lock = held(&found)?;
        if !lock.session.is_empty() {
            let session = self.get(&format!("/v1/session/info/{}?stale", lock.session), limit).await?;
            // A session that went in between is an empty list.
            let ttl = session[0]["TTL"].as_str().unwrap_or_default();
            lock.ttl_ms = milliseconds(ttl).ok_or_else(|| garbled("a session's TTL", &session))?;
            lock.checks = session[0]["Checks"].as_array().map_or(0, Vec::len);
        }
        Ok(Some(lock))
    }

    /// Creates a session as given, and gives its id.
    pub(super) async fn create_session(&self, session: &Value) -> Result<String, Answer> {
        let said = self.ask(Request::put("/v1/session/create", session.to_string(), WITH_LEADER)).await?;
        text(&said, "/ID", "the session's id")
    }

    /// Deletes the lock's key and makes it anew at one stroke, by a verb of Consul's
    /// transactions such as `lock`; whoever held it has lost it.
    pub(super) async fn replace_lock(
        &self,
        verb: &str,
        flags: u64,
        session: &str,
        value: &Value,
    ) -> Result<(), Answer> {
        let value = STANDARD.encode(value.to_string());
        let operations = json!([
            {"KV": {"Verb": "delete", "Key": LOCK}},
            {"KV": {"Verb": verb, "Key": LOCK, "Value": value, "Flags": flags, "Session": session}},
        ]);
        self.ask(Request::put("/v1/txn", operations.to_string(), WITH_LEADER)).await.map(drop)
    }
}

fn text(said: &Value, path: &str, what: &str) -> Result<String, Answer> {
    let text = said.pointer(path).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| garbled(what, said))
}

/// The lock's key as it was found. Without a holder it has no session.
fn held(found: &Value) -> Result<Lock, Answer> {
    let entry = &found[0];
    let flags = entry["Flags"].as_u64().ok_or_else(|| garbled("the lock", found))?;
    let session = entry["Session"].as_str().unwrap_or_default().into();
    Ok(Lock { session, flags, holder: holder(entry["Value"].as_str().unwrap_or_default()), ..Lock::default() })
}

/// The `id` in a value, which comes in base64; empty: it cannot be read.
fn holder(base64: &str) -> String {
    let value: Value = serde_json::from_slice(&STANDARD.decode(base64).unwrap_or_default()).unwrap_or_default();
    value["id"].as_str().unwrap_or_default().into()
}

/// A session's time to live, as it was asked for: `10s`, `2500ms`; none is none.
fn milliseconds(text: &str) -> Option<u64> {
    match text {
        "" => Some(0),
        text => text.parse::<SignedDuration>().ok()?.as_millis().try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_from_base64() {
        assert_eq!(holder("eyJpZCI6ImJiczEifQ=="), "bbs1");
        assert_eq!(holder("bm90IGpzb24="), "");
    }

    #[test]
    fn go_s_durations_are_read() {
        for (text, ms) in [("", 0), ("10s", 10_000), ("2500ms", 2500), ("5s", 5000), ("1m30s", 90_000), ("2.5s", 2500)]
        {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
        assert_eq!(["soon", "10", "-1s"].map(milliseconds), [None; 3]);
    }

    #[test]
    fn an_answer_that_is_no_lock_is_not_a_free_one() {
        let free = json!([{"Flags": 7, "Value": null}]);
        assert_eq!(held(&free), Ok(Lock { flags: 7, ..Lock::default() }));
        for said in [json!("busy"), json!([]), json!([{"Session": "s"}])] {
            assert!(held(&said).is_err(), "{said}");
        }
        assert!(text(&json!({}), "/ID", "the id").is_err());
        assert_eq!(text(&json!(""), "", "its leader"), Ok(String::new()), "none is known");
    }
}
