//! HTTP with the replicas as their file has it: HTTP/1.1 or, for gRPC, HTTP/2; over TLS or
//! not. An answer counts once it has come to its end.

use std::{
    error::Error as _,
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    body::Bytes,
    header::{ACCEPT, HeaderValue},
    rt::{Read, ReadBufCursor, Write},
};
use hyper_util::{
    client::legacy::{
        Client, Error,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use tower_service::Service;

use super::{
    file::{File, Update},
    tls::Trust,
};

/// A client of the replicas; it keeps its connections.
#[derive(Clone)]
pub(super) struct Web {
    client: Client<Connector, Full<Bytes>>,
    scheme: &'static str,
    port: u16,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

impl Reply {
    /// Its body as a text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The request was not sent.
    NotSent(String),
    /// It may have been sent, and done.
    NoAnswer(String),
}

impl Trouble {
    /// In a few words.
    pub(super) fn why(self) -> String {
        match self {
            Self::NotSent(why) | Self::NoAnswer(why) => why,
        }
    }
}

impl Web {
    /// A client with connections of its own.
    pub(super) fn new(file: &File) -> Self {
        // What speaks HTTP with a replica stands in the file beside its port.
        let port = file.service.port.unwrap_or_default();
        Self::of(port, file.trust.as_ref(), matches!(file.update, Update::Grpc(_)))
    }

    fn of(port: u16, trust: Option<&Trust>, is_http2: bool) -> Self {
        let protocol = if is_http2 { &b"h2"[..] } else { b"http/1.1" };
        let tls = trust.map(|trust| (trust.connector(protocol), trust.name.clone()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let client = Client::builder(TokioExecutor::new()).http2_only(is_http2).build(Connector { tls });
        Self { client, scheme, port }
    }

    /// A client of plain HTTP/1.1 at that port.
    #[cfg(test)]
    pub(super) fn at(port: u16) -> Self {
        Self::of(port, None, false)
    }

    /// The address of a path of a replica.
    pub(super) fn url(&self, ip: Ipv4Addr, path: &str) -> String {
        format!("{}://{ip}:{}{path}", self.scheme, self.port)
    }

    /// Sends a request, and waits for the end of its answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>, limit: Duration) -> Result<Reply, Trouble> {
        let answer = async {
            let response = self.client.request(request).await.map_err(|error| trouble(&error))?;
            let (head, body) = response.into_parts();
            let cut_off = |error: hyper::Error| Trouble::NoAnswer(format!("the answer was cut off: {error}"));
            let collected = body.collect().await.map_err(cut_off)?;
            let trailers = collected.trailers().cloned().unwrap_or_default();
            Ok(Reply { status: head.status, headers: head.headers, body: collected.to_bytes(), trailers })
        };
        let late = |_| Err(Trouble::NoAnswer(format!("no whole answer in {limit:?}")));
        timeout(limit, answer).await.unwrap_or_else(late)
    }

    /// Asks for a path.
    pub(super) async fn get(&self, ip: Ipv4Addr, path: &str, limit: Duration) -> Result<Reply, Trouble> {
        let request = Request::builder().method(Method::GET).uri(self.url(ip, path));
        let request = request.header(ACCEPT, HeaderValue::from_static("*/*")).body(Full::default());
        self.send(request.map_err(|error| no_request(&error))?, limit).await
    }
}

/// What stands for a request that the file cannot have meant.
pub(super) fn no_request(error: &hyper::http::Error) -> Trouble {
    Trouble::NotSent(format!("no valid request: {error}"))
}

fn trouble(error: &Error) -> Trouble {
    if !error.is_connect() {
        return Trouble::NoAnswer("the connection broke".into());
    }
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    match causes.last() {
        Some(cause) if !cause.downcast_ref().is_some_and(refused) => {
            Trouble::NotSent(format!("no connection: {cause}"))
        }
        _ => Trouble::NotSent("no connection".into()),
    }
}

/// Connects to a replica.
#[derive(Clone)]
struct Connector {
    /// With the name that its certificate must bear.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Wire>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or_default());
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match tls {
                Some((connector, name)) => Box::new(connector.connect(name, stream).await?),
                None => Box::new(stream),
            };
            Ok(Wire(TokioIo::new(stream)))
        })
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The same as hyper wants it.
struct Wire(TokioIo<Box<dyn Stream>>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
