//! A small HTTP client: a connection for each request, and a limit on the whole of it.
//! What answers at all is an answer; its status is for the caller to judge.

use std::{fmt, time::Duration};

use axum::http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;

/// How long a connection may take to be made: nobody is there then, or no way to them.
/// That of the etcd client of the time.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// What to ask.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    content_type: &'static str,
    body: Vec<u8>,
    limit: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer. Whether the request took effect is not known.
#[derive(Debug)]
pub enum Failure {
    /// Nobody could be connected to.
    Unreachable(std::io::Error),
    /// The connection broke.
    Broken(hyper::Error),
    /// The limit passed.
    Late(Duration),
    /// The request cannot be sent at all.
    Invalid(axum::http::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot connect: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Late(limit) => write!(f, "no answer within {} ms", limit.as_millis()),
            Self::Invalid(error) => write!(f, "the request is invalid: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl Request {
    /// A request without a body, for a path with its query.
    pub fn new(method: Method, path: impl Into<String>, limit: Duration) -> Self {
        Self { method, path: path.into(), content_type: "application/octet-stream", body: Vec::new(), limit }
    }

    /// A request with a JSON body.
    pub fn json(method: Method, path: impl Into<String>, limit: Duration, body: &impl Serialize) -> Self {
        // Our own types: their maps have text for keys, which is all that can fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { content_type: "application/json", body, ..Self::new(method, path, limit) }
    }

    /// A request with a body of any kind.
    #[must_use]
    pub fn with_body(self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { content_type, body: body.into(), ..self }
    }

    /// Sends it to `authority`, such as `10.0.0.1:4001`.
    ///
    /// # Errors
    /// [`Failure`], if there is no answer.
    pub async fn send(&self, authority: &str) -> Result<Answer, Failure> {
        match tokio::time::timeout(self.limit, self.exchange(authority)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Late(self.limit)),
        }
    }

    async fn exchange(&self, authority: &str) -> Result<Answer, Failure> {
        let connect = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(authority)).await;
        let stream = connect.unwrap_or_else(|late| Err(late.into())).map_err(Failure::Unreachable)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Failure::Broken)?;
        let request = hyper::Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, self.content_type)
            .body(Full::<Bytes>::from(self.body.clone()))
            .map_err(Failure::Invalid)?;
        let answer = async {
            let (parts, body) = sender.send_request(request).await.map_err(Failure::Broken)?.into_parts();
            let body = body.collect().await.map_err(Failure::Broken)?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        // In this task, so that a request that is dropped leaves no connection behind.
        let mut connection = std::pin::pin!(connection);
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            result = &mut answer => result,
            ended = &mut connection => match ended {
                // Its last words may be the answer.
                Ok(()) => answer.await,
                Err(error) => Err(Failure::Broken(error)),
            }
        }
    }
}

impl Answer {
    /// Its body as text, for an error message.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }

    /// Its body as a value.
    ///
    /// # Errors
    /// If it is no such JSON.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    async fn served(routes: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let authority = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        authority
    }

    #[tokio::test]
    async fn an_error_status_is_an_answer() {
        let authority = served(Router::new().route("/", get(|| async { (StatusCode::NOT_FOUND, "no\n") }))).await;
        let answer = Request::new(Method::GET, "/", LIMIT).send(&authority).await.expect("an answer");
        assert_eq!((answer.status, answer.text()), (StatusCode::NOT_FOUND, "no".to_owned()));
    }

    #[tokio::test]
    async fn nobody_and_silence_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let authority = listener.local_addr().expect("bound").to_string();
        let silent = Request::new(Method::GET, "/", Duration::from_millis(50)).send(&authority).await;
        assert!(matches!(silent, Err(Failure::Late(_))), "{silent:?}");
        drop(listener);
        let nobody = Request::new(Method::GET, "/", LIMIT).send(&authority).await;
        assert!(matches!(nobody, Err(Failure::Unreachable(_))), "{nobody:?}");
    }
}
