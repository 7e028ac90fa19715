//! The director's HTTPS API, as a client on the network uses it.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION},
};
use hyper_util::rt::TokioIo;
use reenact::{Error, Result};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// The director's port.
const PORT: u16 = 25555;
/// `admin:admin`, as HTTP's basic authentication has it.
const BASIC: &str = "Basic YWRtaW46YWRtaW4=";
/// How long any one answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A client of the director; each request goes over a connection of its own.
#[derive(Clone)]
pub(super) struct Api {
    ip: Ipv4Addr,
    tls: TlsConnector,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The task that an action is: from the redirect to it.
    pub(super) task: Option<u64>,
    pub(super) body: String,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody listens: nothing was done.
    Refused,
    /// No answer came in time: it may be done, or be done later.
    Late,
    /// Anything else: it may have been done.
    Other(String),
}

impl Trouble {
    /// In a few words.
    pub(super) fn why(self) -> String {
        match self {
            Self::Refused => "connection refused".into(),
            Self::Late => format!("no answer in {LIMIT:?}"),
            Self::Other(why) => why,
        }
    }
}

fn other(error: impl std::fmt::Display) -> Trouble {
    Trouble::Other(error.to_string())
}

impl Api {
    /// The director at that address, whose certificate is of that authority (PEM).
    pub(super) fn new(ip: Ipv4Addr, authority: &str) -> Result<Self> {
        let unfit = |error: &dyn std::fmt::Display| Error::inconclusive(format!("the director's ca.pem: {error}"));
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).map_err(|error| unfit(&error))?;
        roots.add(certificate).map_err(|error| unfit(&error))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|error| Error::Bug(error.to_string()))?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { ip, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// One request; `body` is JSON, which is YAML too.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, Trouble> {
        timeout(LIMIT, self.exchange(method, path, body)).await.unwrap_or(Err(Trouble::Late))
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply, Trouble> {
        let stream = TcpStream::connect((self.ip, PORT)).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Trouble::Refused,
            _ => other(error),
        })?;
        let stream = self.tls.connect(ServerName::from(std::net::IpAddr::from(self.ip)), stream);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream.await.map_err(other)?)).await.map_err(other)?;
        // It ends with the sender; its error comes out at the request.
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, format!("{}:{PORT}", self.ip));
        // Manifests and cloud-configs are YAML, which JSON is, too.
        let is_yaml = path == "/deployments" || path.starts_with("/cloud_configs");
        let kind = if is_yaml { "text/yaml" } else { "application/json" };
        let request = request.header(AUTHORIZATION, BASIC).header(CONTENT_TYPE, kind);
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(text))).map_err(other)?;
        let response = sender.send_request(request).await.map_err(other)?;
        let status = response.status().as_u16();
        let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
        let task = place.and_then(|place| place.rsplit('/').next()?.parse().ok());
        let body = response.into_body().collect().await.map_err(other)?.to_bytes();
        Ok(Reply { status, task, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// A request of the story's that must go well.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] with the director's answer.
    pub(super) async fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        match self.ask(method, path, body).await {
            Ok(reply) if reply.status < 400 => Ok(reply),
            Ok(Reply { status, body, .. }) => {
                Err(Error::inconclusive(format!("{method} {path}: the director answers {status}: {body}")))
            }
            Err(trouble) => Err(Error::inconclusive(format!("{method} {path}: {}", trouble.why()))),
        }
    }

    /// `bosh deploy`: queues it and gives the task's number.
    ///
    /// # Errors
    /// As [`Api::must`].
    pub(super) async fn deploy(&self, manifest: &Value) -> Result<u64> {
        let reply = self.must("POST", "/deployments", Some(manifest)).await?;
        reply.task.ok_or_else(|| Error::inconclusive("the director answers a deploy with no task"))
    }

    /// `bosh cancel-task`: asks a task to stop.
    ///
    /// # Errors
    /// As [`Api::must`].
    pub(super) async fn cancel(&self, task: u64) -> Result<()> {
        self.must("DELETE", &format!("/task/{task}"), None).await.map(drop)
    }

    /// `bosh update-cloud-config`.
    ///
    /// # Errors
    /// As [`Api::must`].
    pub(super) async fn update_cloud_config(&self, config: &Value) -> Result<()> {
        self.must("POST", "/cloud_configs", Some(config)).await.map(drop)
    }

    /// `bosh update-config`.
    pub(super) async fn update_config(&self, kind: &str, name: &str, content: &Value) -> Result<Reply, Trouble> {
        let config = json!({"type": kind, "name": name, "content": content.to_string()});
        self.ask("POST", "/configs", Some(&config)).await
    }
}
