//! What the BBS and the Cloud Controller are asked, over HTTP.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use reenact::probe::Answer;
use serde_json::{Value, json};

use super::http::{Http, Request};
use crate::answer::garbled;

/// The BBS's port; open while it leads.
const BBS: u16 = 8889;
/// The port of its metrics; always open.
pub(super) const METRICS: u16 = 8890;
/// The Cloud Controller's port.
const CLOUD_CONTROLLER: u16 = 9022;

/// One process of the BBS.
#[derive(Debug, Clone)]
pub(super) struct Bbs {
    ip: Ipv4Addr,
    http: Http,
}

/// The Cloud Controller.
#[derive(Debug, Clone)]
pub(super) struct CloudController {
    ip: Ipv4Addr,
    http: Http,
}

/// Instances by process guid.
pub(super) type Apps = BTreeMap<String, u64>;

/// The BBS answers 200 to whatever it is asked, and says in the body what failed.
fn told(said: Value) -> Result<Value, Answer> {
    let Some(code) = said["error"]["type"].as_str() else { return Ok(said) };
    Err(Answer::Error { code: code.into(), text: said["error"]["message"].as_str().unwrap_or_default().into() })
}

/// The apps of a list. What is no list is not an empty one: nothing would seem to run.
fn apps(said: &Value, list: &str) -> Result<Apps, Answer> {
    let app = |app: &Value| Some((app["process_guid"].as_str()?.to_owned(), app["instances"].as_u64()?));
    let all = said[list].as_array().and_then(|all| all.iter().map(app).collect());
    all.ok_or_else(|| garbled(list, said))
}

impl Bbs {
    pub(super) fn new(ip: Ipv4Addr, http: &Http) -> Self {
        Self { ip, http: http.clone() }
    }

    async fn post(&self, path: &str, body: &Value, limit: Duration) -> Result<Value, Answer> {
        told(self.http.ask(self.ip, BBS, Request::post(path, body, limit)).await?)
    }

    /// Whether it says that it is there.
    pub(super) async fn ping(&self, limit: Duration) -> Result<bool, Answer> {
        let said = self.post("/v1/ping", &Value::Null, limit).await?;
        said["available"].as_bool().ok_or_else(|| garbled("whether it is there", &said))
    }

    /// What it desires.
    pub(super) async fn desires(&self, limit: Duration) -> Result<Apps, Answer> {
        apps(&self.post("/v1/desired_lrps/list", &Value::Null, limit).await?, "desired_lrps")
    }

    /// Desires a task.
    pub(super) async fn desire_task(&self, guid: &str, limit: Duration) -> Result<(), Answer> {
        let task = json!({"task_guid": guid, "domain": "cf-tasks"});
        self.post("/v1/tasks/desire", &task, limit).await.map(drop)
    }

    /// The page of its metrics.
    pub(super) async fn metrics(&self, limit: Duration) -> Result<Value, Answer> {
        self.http.ask(self.ip, METRICS, Request::get("/metrics", limit)).await
    }

    /// Whether it holds the lock, by its metrics.
    pub(super) async fn holds_lock(&self, limit: Duration) -> Result<bool, Answer> {
        let page = self.metrics(limit).await?;
        let held = |line: &str| line.strip_prefix("LockHeld.")?.rsplit(' ').next().map(|value| value == "1");
        page.as_str().unwrap_or_default().lines().find_map(held).ok_or_else(|| garbled("LockHeld", &page))
    }
}

impl CloudController {
    pub(super) fn new(ip: Ipv4Addr, http: &Http) -> Self {
        Self { ip, http: http.clone() }
    }

    /// What it wants to run.
    pub(super) async fn apps(&self, limit: Duration) -> Result<Apps, Answer> {
        apps(&self.http.ask(self.ip, CLOUD_CONTROLLER, Request::get("/apps", limit)).await?, "apps")
    }

    /// Pushes an application.
    pub(super) async fn push(&self, guid: &str, limit: Duration) -> Result<(), Answer> {
        let app = json!({"process_guid": guid, "instances": 1});
        self.http.ask(self.ip, CLOUD_CONTROLLER, Request::post("/apps", &app, limit)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_the_body_is_an_error() {
        let failed = json!({"error": {"type": "UnknownError", "message": "unknown"}});
        assert!(matches!(told(failed), Err(Answer::Error { code, .. }) if code == "UnknownError"));
        let fine = told(json!({"error": null, "desired_lrps": [{"process_guid": "g", "instances": 2}]})).expect("fine");
        assert_eq!(apps(&fine, "desired_lrps"), Ok(Apps::from([("g".into(), 2)])));
    }

    #[test]
    fn what_is_no_list_of_apps_is_not_an_empty_one() {
        assert_eq!(apps(&json!({"apps": []}), "apps"), Ok(Apps::new()));
        for said in [json!({}), json!("busy"), json!({"apps": [{"process_guid": "g"}]})] {
            assert!(apps(&said, "apps").is_err(), "{said}");
        }
    }
}
