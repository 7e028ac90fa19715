//! What the `bosh` CLI asks, replayed over HTTP against the API and a PostgreSQL of the test's own, and what the real
//! director answers.

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::director::config;
use crate::director::log::Logger;
use crate::testing::{Postgres, START_LIMIT};

/// The API over that database.
struct Director {
    api: Api,
    _postgres: Postgres,
}

impl Director {
    async fn start() -> Option<Self> {
        let postgres = Postgres::start()?;
        let options = config::Options {
            database: postgres.url(),
            dir: std::env::temp_dir().join(format!("reenact-director-tasks-{}", std::process::id())),
            iaas: std::env::temp_dir().join("reenact-no-iaas"),
            scale: 1.0,
            clock_skew: 0.0,
        };
        let config = Config::new(options);
        schema::migrate_when_up(&config.db, 100, START_LIMIT).await.unwrap();
        let lock = r#"INSERT INTO "locks" ("name", "uid", "expired_at", "task_id") VALUES
            ('lock:deployment:paasta', 'u', now() AT TIME ZONE 'UTC' + interval '1 minute', '100')"#;
        config.db.execute(&Logger::nowhere(), lock).await.unwrap();
        let (user, password) = ("admin".to_owned(), "secret".to_owned());
        Some(Self { api: Api(Arc::new(Shared { config, user, password })), _postgres: postgres })
    }

    /// The status, where it leads, and the body.
    async fn asked(&self, ask: &Ask) -> (u16, String, String) {
        let (method, path) = ask.what.split_once(' ').unwrap();
        let content = if ask.body.starts_with('{') { "application/json" } else { "text/yaml" };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "10.0.0.6:25555");
        request = request.header(header::CONTENT_TYPE, content).header(CONTEXT_ID, ask.context);
        if ask.authorized {
            request = request.header(header::AUTHORIZATION, "Basic YWRtaW46c2VjcmV0");
        }
        let request = request.body(Body::from(ask.body)).unwrap();
        let answer = TowerToHyperService::new(router(self.api.clone())).call(request).await.unwrap();
        let (status, to) = (answer.status().as_u16(), answer.headers().get(header::LOCATION).cloned());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let to = to.map_or_else(String::new, |to| to.to_str().unwrap().to_owned());
        (status, to, String::from_utf8_lossy(&body).into_owned())
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.api.config().options.dir);
    }
}

/// A request, and what is in its answer.
struct Ask {
    what: &'static str,
    body: &'static str,
    context: &'static str,
    authorized: bool,
    status: u16,
    says: &'static str,
}

const fn ask(what: &'static str, body: &'static str, status: u16, says: &'static str) -> Ask {
    Ask { what, body, context: "", authorized: true, status, says }
}

const fn get(what: &'static str, status: u16, says: &'static str) -> Ask {
    ask(what, "", status, says)
}

const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";
const CLOUD: &str = r#"{"type":"cloud","name":"default","content":"azs: [{name: z1}]\n"}"#;
const CLOUD_2: &str =
    r#"{"type":"cloud","name":"default","content":"azs: [{name: z1}, {name: z2}]\n","expected_latest_id":"1"}"#;
const STALE: &str = r#"{"type":"cloud","name":"default","content":"azs: []\n","expected_latest_id":"7"}"#;
const OPS: &str = r#"{"type":"ops","name":"one","content":"a: 1\n"}"#;
const MANIFEST: &str = "name: paasta\nreleases: [{name: cf, version: latest, url: 'https://bosh.io/d/cf'}]\n";

/// In this order: what one of them makes, the next ones find.
const ASKS: &[&[Ask]] = &[UNKNOWN, CONFIGS, DEPLOYMENTS, TASKS, EVENTS, INVENTORY];

const UNKNOWN: &[Ask] = &[
    Ask { authorized: false, ..get("GET /info", 200, r#""user":null"#) },
    get("GET /info", 200, r#""user":"admin""#),
    Ask { authorized: false, ..get("GET /tasks", 401, "Not authorized: '/tasks'") },
    get("GET /nosuch", 404, "Not Found: /nosuch"),
    get("GET /tasks/1/nosuch", 404, "Endpoint '/tasks/1/nosuch' not found."),
    get("DELETE /locks", 404, "Endpoint '/locks' not found."),
    Ask { context: LONG, ..get("GET /tasks", 400, r#""code":70010"#) },
];

const CONFIGS: &[Ask] = &[
    ask("POST /configs", CLOUD, 201, r#""id":"1""#),
    // It says what the newest one says.
    ask("POST /configs", CLOUD, 201, r#""id":"1""#),
    ask("POST /configs", STALE, 412, r#""latest_id":"1","expected_latest_id":"7""#),
    ask("POST /configs", CLOUD_2, 201, r#""id":"2""#),
    ask("POST /configs", r#"{"type":"cloud","name":"default"}"#, 400, "'content' is required"),
    ask("POST /configs", r#"{"type":"cloud","name":"a","content":"- a"}"#, 400, "Manifest should be a hash"),
    ask("POST /configs", OPS, 201, r#""type":"ops""#),
    get("GET /configs?type=cloud&latest=true", 200, r#""id":"2""#),
    get("GET /configs?type=cloud&limit=5", 200, r#""id":"1""#),
    get("GET /configs/1", 200, r#""current":false"#),
    get("GET /configs/9", 404, "Config 9 not found"),
    ask("POST /configs/diff", r#"{"from":{"id":"1"},"to":{"id":"2"}}"#, 200, r#"["- name: z2","added"]"#),
    ask("POST /configs/diff", r#"{"from":{"id":"9"},"to":{"id":"2"}}"#, 404, "Config 9 not found"),
    ask("POST /configs/diff", r#"{"from":{},"to":{}}"#, 400, "The following request formats are allowed"),
    ask("POST /configs/diff", CLOUD, 200, r#""from":{"id":"2"}"#),
    get("DELETE /configs?type=ops", 400, "'name' is required"),
    get("DELETE /configs?type=ops&name=other", 404, ""),
    get("DELETE /configs?type=ops&name=one", 204, ""),
    get("DELETE /configs/9", 404, "Config 9 not found"),
    get("GET /cloud_configs", 400, "limit is required"),
    get("GET /cloud_configs?limit=x", 400, "limit is invalid: 'x' is not an integer"),
    get("GET /cloud_configs?limit=1", 200, "name: z2"),
    get("GET /cpi_configs?limit=1", 200, "[]"),
    ask("POST /cpi_configs", "cpis: []\n", 201, ""),
];

const DEPLOYMENTS: &[Ask] = &[
    get("POST /deployments", 400, "Manifest should not be empty"),
    ask("POST /deployments", "- a", 400, "Manifest should be a hash"),
    ask("POST /deployments", "releases: []", 400, "Deployment manifest must have a 'name' key"),
    ask("POST /releases", r#"{"location":"https://bosh.io/d/cf"}"#, 302, "https://10.0.0.6:25555/tasks/100"),
    ask("POST /stemcells", r#"{"location":"https://bosh.io/d/jammy"}"#, 302, "/tasks/101"),
    ask("POST /releases", "{}", 400, r#""code":40001"#),
    ask("POST /deployments", MANIFEST, 302, "/tasks/102"),
    get("GET /deployments", 200, r#""name":"paasta""#),
    get("GET /deployments/nosuch", 404, "Deployment 'nosuch' doesn't exist"),
    ask("POST /deployments/paasta/diff", MANIFEST, 200, r#""cloud_config_ids":[2]"#),
    get("GET /deployments/paasta/instances", 200, "[]"),
    get("GET /deployments/paasta/vms?format=full", 302, "/tasks/103"),
    get("PUT /deployments/paasta/jobs/web?state=gone", 400, r#""code":140008"#),
    get("PUT /deployments/paasta/jobs/web/0?state=stopped", 404, r#""code":70001"#),
    get("PUT /deployments/paasta/jobs/web/x?state=stopped", 400, r#""code":70002"#),
    ask("POST /deployments/paasta/ssh", r#"{"command":"setup","target":{},"params":{}}"#, 302, "/tasks/104"),
    ask("POST /deployments/nosuch/ssh", r#"{"command":"setup"}"#, 404, r#""code":70000"#),
    get("GET /deployments/paasta/jobs/*/*/logs?type=job", 500, ""),
    get("GET /deployments/paasta/errands", 400, "has no manifest yet"),
    get("POST /deployments/paasta/scans", 302, "/tasks/105"),
    get("GET /deployments/paasta/problems", 200, "[]"),
    ask("PUT /deployments/paasta/problems", r#"{"resolutions":[1]}"#, 400, r#""code":410003"#),
    get("DELETE /deployments/nosuch", 404, r#""code":70000"#),
    get("DELETE /deployments/paasta", 302, "/tasks/106"),
    ask("POST /cleanup", r#"{"config":{"remove_all":true}}"#, 302, "/tasks/107"),
    get("GET /cleanup/dryrun", 200, r#""orphaned_vms":[]"#),
];

const TASKS: &[Ask] = &[
    get("GET /tasks/102", 200, r#""state":"queued","description":"create deployment""#),
    get("GET /tasks/nosuch", 404, r#""code":10000"#),
    get("GET /tasks/999", 404, "Task 999 not found"),
    get("GET /tasks?deployment=paasta&limit=1&verbose=2", 200, r#""id":106"#),
    get("GET /tasks/102/output?type=nosuch", 401, "Unknown type nosuch"),
    get("GET /tasks/102/output?type=none", 204, ""),
    get("GET /tasks/102/output?type=event", 200, ""),
    get("GET /tasks/102/output?type=debug", 204, ""),
    get("DELETE /task/102", 204, ""),
    get("DELETE /task/102", 400, "Cannot cancel task 102: invalid state (cancelling)"),
    get("DELETE /task/999", 404, r#""code":10000"#),
    ask("POST /tasks/cancel", r#"{"states":["done"]}"#, 400, "done is not one of the cancellable states"),
    // Without states it means those that wait, of every type.
    ask("POST /tasks/cancel", r#"{"types":["ssh"]}"#, 204, ""),
    get("GET /tasks/104", 200, r#""state":"cancelling""#),
    get("GET /tasks/103", 200, r#""state":"queued""#),
    ask("POST /tasks/cancel", "{}", 204, ""),
    get("GET /tasks?state=queued&verbose=2", 200, "[]"),
];

const EVENTS: &[Ask] = &[
    get("GET /events?object_type=cloud-config", 200, r#""action":"update""#),
    get("GET /events/1", 200, r#""id":"1""#),
    get("GET /events?before_id=1", 200, "[]"),
    get("GET /events?before_time=Fri%20Nov%2020%2009:15:26%20UTC%202020", 200, "[]"),
    get("GET /events?before_time=once", 400, "Invalid before parameter: 'once'"),
    get("GET /events/999", 404, "Event not found"),
    get("GET /locks", 200, r#""type":"deployment","resource":["paasta"]"#),
];

const INVENTORY: &[Ask] = &[
    get("GET /releases", 200, "[]"),
    get("GET /releases/cf", 404, r#""code":30005"#),
    get("GET /stemcells", 200, "[]"),
    get("GET /networks?orphaned=true", 200, "[]"),
    get("GET /networks", 500, "listing active networks is not implemented"),
    get("GET /orphan_disks", 200, "[]"),
    get("GET /orphaned_vms", 200, "[]"),
    get("GET /disks", 200, "[]"),
    get("GET /runtime_configs?limit=1", 200, "[]"),
];

#[tokio::test]
async fn what_the_cli_asks_is_answered_as_the_director_does() {
    let Some(director) = Director::start().await else { return };
    let mut wrong = Vec::new();
    for ask in ASKS.iter().copied().flatten() {
        let (status, to, body) = director.asked(ask).await;
        let says = body.contains(ask.says) || (!to.is_empty() && to.ends_with(ask.says));
        if status != ask.status || !says || body.contains("<h1>") {
            let Ask { what, body: sent, status: wanted, says, .. } = ask;
            wrong.push(format!("{what} {sent}\n  wants {wanted} {says}\n  gets  {status} {to} {body}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
