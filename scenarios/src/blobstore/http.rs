//! The blobstore's and monit's HTTP, with honest words for what came back.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use reenact::{Error, Result, probe::Answer, testbed::Node};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;

use super::PORTS;
use crate::answer;

/// How long an answer may take. Here a healthy one takes some milliseconds.
const LIMIT: Duration = Duration::from_secs(2);

/// How long the one waits who wants to know whether a blob comes to its end at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// The VM's services, over connections that are used again; cheap to clone.
#[derive(Clone)]
pub(super) struct Service {
    client: Client,
    nginx: SocketAddr,
    monit: SocketAddr,
}

/// A row of nginx's listing.
#[derive(Deserialize)]
struct Row {
    name: String,
}

/// monit's status, as far as it is read.
#[derive(Deserialize)]
struct Status {
    #[serde(default, rename = "service")]
    services: Vec<Watched>,
}

/// What monit watches. `type` 5 is the machine itself.
#[derive(Deserialize)]
struct Watched {
    name: String,
    /// Bits of what is wrong; 0: nothing.
    status: u32,
    /// 0: not monitored, 1: monitored, 2: about to be.
    monitor: u32,
}

/// monit's bit for a process that is not there.
const NOT_THERE: u32 = 1 << 9;

impl Watched {
    /// In the words of `monit summary`.
    fn words(&self) -> &'static str {
        match (self.monitor, self.status) {
            (0, _) => "Not monitored",
            (2, _) => "Initializing",
            (_, 0) => "OK",
            (_, status) if status & NOT_THERE != 0 => "Does not exist",
            _ => "Failed",
        }
    }
}

impl Service {
    /// The services of this VM.
    pub(super) fn of(node: &Node) -> Self {
        let [nginx, monit] = PORTS.map(|port| (node.ip(), port).into());
        Self::at(nginx, monit)
    }

    /// The same for one who waits for ten seconds.
    pub(super) fn patient(node: &Node) -> Self {
        let client = Client::builder().connect_timeout(LIMIT).timeout(PATIENCE).build().unwrap_or_default();
        Self { client, ..Self::of(node) }
    }

    /// The services at these addresses.
    pub(super) fn at(nginx: SocketAddr, monit: SocketAddr) -> Self {
        // It fails only where a TLS library cannot be set up, and there is none.
        Self { client: Client::builder().timeout(LIMIT).build().unwrap_or_default(), nginx, monit }
    }

    /// Asks for something; any status is an answer.
    async fn ask(&self, method: Method, at: SocketAddr, path: &str, body: Vec<u8>) -> Result<Response, Answer> {
        let url = format!("http://{at}{path}");
        self.client.request(method, url).body(body).send().await.map_err(|error| answer::of_error(&error))
    }

    /// Puts a blob and gives the status.
    pub(super) async fn put(&self, name: &str, body: Vec<u8>) -> Result<StatusCode, Answer> {
        Ok(self.ask(Method::PUT, self.nginx, &format!("/blobs/{name}"), body).await?.status())
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`Error::Failed`] with what came back instead.
    pub(super) async fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.fetch(self.nginx, &format!("/blobs/{name}")).await.map_err(|answer| cannot("read", name, &answer))
    }

    /// The names of all blobs.
    ///
    /// # Errors
    /// [`Error::Failed`] with what came back instead.
    pub(super) async fn list(&self) -> Result<Vec<String>> {
        let listed = self.fetch(self.nginx, "/blobs/").await.map_err(|answer| cannot("list", "the blobs", &answer))?;
        let rows: Vec<Row> = serde_json::from_slice(&listed)
            .map_err(|error| Error::failed(format!("the list of blobs does not parse: {error}")))?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Reads something that must be there.
    async fn fetch(&self, at: SocketAddr, path: &str) -> Result<Vec<u8>, Answer> {
        let response = self.ask(Method::GET, at, path, Vec::new()).await?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| answer::of_error(&error))?;
        if status.is_success() { Ok(body.into()) } else { Err(unwanted("GET", path, status)) }
    }

    /// Puts a blob, reads it back and removes it.
    pub(super) async fn round_trip(&self, name: &str) -> Result<(), Answer> {
        // In a folder of their own: nginx cuts off a listing in which a file goes.
        let (name, path) = (format!("synthetic/{name}"), format!("/blobs/synthetic/{name}"));
        let body = format!("{name} {:?}", std::time::Instant::now()).into_bytes();
        let put = self.put(&name, body.clone()).await?;
        if !put.is_success() {
            return Err(unwanted("PUT", &path, put));
        }
        let read = self.fetch(self.nginx, &path).await?;
        let removed = self.ask(Method::DELETE, self.nginx, &path, Vec::new()).await?.status();
        match read == body {
            false => Err(Answer::Error { code: "200".into(), text: "GET: not what was put".into() }),
            true if !removed.is_success() => Err(unwanted("DELETE", &path, removed)),
            true => Ok(()),
        }
    }

    /// Whether nginx says that it is there.
    pub(super) async fn health(&self) -> Answer {
        match self.ask(Method::GET, self.nginx, "/health", Vec::new()).await {
            Ok(response) if response.status().is_success() => {
                Answer::Values { values: BTreeMap::from([("status".into(), response.status().as_str().into())]) }
            }
            Ok(response) => unwanted("GET", "/health", response.status()),
            Err(answer) => answer,
        }
    }

    /// monit's summary: each service and its state.
    pub(super) async fn monit(&self) -> Answer {
        let status = match self.fetch(self.monit, "/_status?format=xml").await {
            Ok(status) => status,
            Err(answer) => return answer,
        };
        match quick_xml::de::from_reader::<_, Status>(status.as_slice()) {
            Ok(Status { services }) => {
                let words = services.iter().map(|watched| (watched.name.clone(), watched.words().to_owned()));
                Answer::Values { values: words.collect() }
            }
            Err(error) => Answer::Error { code: "parse".into(), text: error.to_string() },
        }
    }
}

fn unwanted(method: &str, path: &str, status: StatusCode) -> Answer {
    Answer::Error { code: status.as_str().into(), text: format!("{method} {path}: {status}") }
}

fn cannot(verb: &str, what: &str, answer: &Answer) -> Error {
    Error::failed(format!("cannot {verb} {what}: {}", answer::describe(answer)))
}
