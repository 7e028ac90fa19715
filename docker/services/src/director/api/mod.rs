//! The director's HTTPS API, as far as the `bosh` CLI uses it.

mod cleanup;
mod configs;
mod deployments;
mod disks;
mod events;
mod info;
mod inventory;
mod locks;
mod tasks;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;

use super::config::Config;
use super::error::{During as _, Error, Kind, Result};
use super::jobs::Work;
use super::store::events as record;
use super::{queue, schema, tls};

/// What the API's process is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Where to listen.
    #[arg(long, env = "DIRECTOR_LISTEN", default_value = "0.0.0.0:25555")]
    pub listen: SocketAddr,
    /// The one client that there is.
    #[arg(long, env = "DIRECTOR_USER", default_value = "admin")]
    pub user: String,
    /// Its secret.
    #[arg(long, env = "DIRECTOR_PASSWORD", default_value = "admin")]
    pub password: String,
    /// More names and addresses for the certificate, beside the host's own.
    #[arg(long, env = "DIRECTOR_SAN", value_delimiter = ',')]
    pub san: Vec<String>,
    /// The first task's number, in a database that has had none.
    #[arg(long, env = "DIRECTOR_FIRST_TASK", default_value_t = 1)]
    pub first_task: i64,
}

/// What every handler has.
#[derive(Debug, Clone)]
pub struct Api(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    user: String,
    password: String,
}

/// What an error becomes on the way to the client.
#[derive(Debug)]
struct Failure(Error);

/// A handler's answer.
type Answer<T = Response> = std::result::Result<T, Failure>;

/// Serves until it is killed.
///
/// # Errors
/// When the database, the certificate or the address can't be had.
pub async fn serve(config: Config, options: Options) -> Result<()> {
    let certificates = config.options.dir.join("tls");
    tls::ensure(&certificates, &tls::names(&options.san))?;
    schema::migrate_when_up(&config.db, options.first_task, Duration::from_secs(60)).await?;
    let version = serde_json::json!({"version": super::config::VERSION});
    record::started(&config, "director", super::config::UUID, version).await?;
    let listener = tls::Listener::bind(options.listen, &certificates).await?;
    let api = Api(Arc::new(Shared { config, user: options.user, password: options.password }));
    eprintln!("director listens at {}", options.listen);
    axum::serve(listener, router(api)).await.during(|| "the API ended".to_owned())
}

fn router(api: Api) -> Router {
    Router::new()
        .merge(info::routes())
        .merge(disks::routes())
        .merge(inventory::routes())
        .merge(tasks::routes())
        .merge(locks::routes())
        .merge(events::routes())
        .merge(configs::routes())
        .merge(deployments::routes())
        .merge(cleanup::routes())
        .fallback(nothing_there)
        .method_not_allowed_fallback(nothing_there)
        .layer(middleware::from_fn_with_state(api.clone(), authenticate))
        .layer(DefaultBodyLimit::max(64 << 20))
        .with_state(api)
}

/// By which a client marks the tasks of one run of it.
const CONTEXT_ID: &str = "x-bosh-context-id";

/// Where a controller stands: below these everything wants a client; elsewhere there is nothing to protect.
const CONTROLLERS: [&str; 18] = [
    "tasks",
    "task",
    "locks",
    "events",
    "configs",
    "cloud_configs",
    "runtime_configs",
    "deployments",
    "cleanup",
    "stemcells",
    "releases",
    "disks",
    "stemcell_uploads",
    "cpi_configs",
    "orphan_disks",
    "orphaned_vms",
    "networks",
    "resources",
];

fn controller(path: &str) -> bool {
    CONTROLLERS.contains(&path.split('/').nth(1).unwrap_or_default())
}

async fn authenticate(State(api): State<Api>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if controller(path) && api.user(request.headers()).is_none() {
        let body = format!("Not authorized: '{path}'\n");
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"BOSH Director\"")], body)
            .into_response();
    }
    let context = request.headers().get(CONTEXT_ID).map_or(0, |id| id.to_str().map_or(0, |id| id.chars().count()));
    if controller(path) && context > 64 {
        let told = "X-Bosh-Context-Id cannot be more than 64 characters in length";
        return Failure(Error::bad(70_010, told)).into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CONTENT_TYPE).or_insert(header::HeaderValue::from_static("text/html"));
    response
}

async fn nothing_there(request: Request) -> Response {
    let path = request.uri().path();
    let body = match path {
        path if path.starts_with("/events/") => "Event not found".to_owned(),
        path if controller(path) => format!("Endpoint '{path}' not found."),
        path => format!("Not Found: {path}"),
    };
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html")], body).into_response()
}

impl Api {
    fn config(&self) -> &Config {
        &self.0.config
    }

    /// Who asks, if the credentials are right.
    fn user(&self, headers: &HeaderMap) -> Option<String> {
        let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let given = base64::engine::general_purpose::STANDARD.decode(given).ok()?;
        let right = format!("{}:{}", self.0.user, self.0.password);
        (given == right.as_bytes()).then(|| self.0.user.clone())
    }

    /// Queues `work` and sends the client to its task, as every action does.
    async fn start(&self, client: &Client, work: &Work) -> Answer {
        let id = queue::enqueue(self.config(), &client.user, &client.context_id, work).await?;
        // 302: older CLIs follow no 303.
        let location = format!("https://{}/tasks/{id}", client.host);
        Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
    }
}

/// Who asks, and by which address.
#[derive(Debug, Clone)]
struct Client {
    user: String,
    host: String,
    context_id: String,
}

impl FromRequestParts<Api> for Client {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> std::result::Result<Self, StatusCode> {
        let text =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let user = api.user(&parts.headers).ok_or(StatusCode::UNAUTHORIZED)?;
        let host = parts.uri.authority().map_or_else(|| text("host"), |authority| authority.to_string());
        Ok(Self { user, host, context_id: text(CONTEXT_ID) })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Error { code, status, message, kind } = self.0;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if matches!(kind, Kind::Database | Kind::Internal) {
            eprintln!("request failed: {message}");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        (status, json(&serde_json::json!({"code": code, "description": message}))).into_response()
    }
}

/// A JSON body.
fn json(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
