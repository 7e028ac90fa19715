//! `GET /info`: what every command asks first, without credentials.

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::Api;
use crate::director::config::{NAME, UUID, VERSION};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/info", get(info))
}

async fn info(State(api): State<Api>, headers: HeaderMap) -> Response {
    super::json(&json!({
        "name": NAME, "uuid": UUID, "version": VERSION, "user": api.user(&headers), "cpi": "docker_cpi",
        "stemcell_os": "-", "stemcell_version": "-", "user_authentication": {"type": "basic", "options": {}},
        "features": {
            "local_dns": {"status": false, "extras": {"domain_name": "bosh"}},
            "snapshots": {"status": false},
            "config_server": {"status": false, "extras": {"urls": []}},
        },
    }))
}
