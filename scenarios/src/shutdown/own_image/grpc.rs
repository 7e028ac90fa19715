//! Unary gRPC calls: a message over HTTP/2, and a status after the answer.

use std::{net::Ipv4Addr, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request,
    body::Bytes,
    header::{CONTENT_TYPE, TE},
};

use serde_json::Value;

use super::{
    protoscope,
    web::{Reply, Trouble, Web, no_request},
};

/// The health service's method, and its answer that all is well: status 1, `SERVING`.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const SERVING: &[u8] = &[0x08, 0x01];
/// What stands before a message: that it is not compressed, and its length.
const PREFIX: usize = 5;

/// Calls a method with an encoded message.
pub(super) async fn call(
    web: &Web,
    ip: Ipv4Addr,
    method: &str,
    message: &[u8],
    metadata: &[(&str, String)],
    limit: Duration,
) -> Result<Reply, Trouble> {
    let mut request = Request::builder().method(Method::POST).uri(web.url(ip, method));
    request = request.header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
    for (name, value) in metadata {
        request = request.header(*name, value);
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let framed = [&[0][..], &length, message].concat();
    web.send(request.body(Full::new(Bytes::from(framed))).map_err(|error| no_request(&error))?, limit).await
}

/// What a call ended with: `None`, status 0; else the status with its message. An answer
/// that bears no status was cut off, or is none of gRPC's.
pub(super) fn refusal(reply: &Reply) -> Result<Option<String>, Trouble> {
    let said = |name: &str| reply.trailers.get(name).or(reply.headers.get(name)).and_then(|value| value.to_str().ok());
    match said("grpc-status") {
        Some("0") => Ok(None),
        Some(status) => {
            Ok(Some(format!("grpc-status {status} {}", said("grpc-message").unwrap_or_default()).trim().into()))
        }
        None => Err(Trouble::NoAnswer(format!("{} without a grpc-status", reply.status))),
    }
}

/// Why the health service does not say that this service of a replica serves.
pub(super) async fn unhealthy(web: &Web, ip: Ipv4Addr, service: &str, limit: Duration) -> Option<String> {
    // An empty name stands for the whole server.
    let asked = protoscope::encode(&format!("1: {{{}}}", Value::from(service))).unwrap_or_default();
    let answered = call(web, ip, HEALTH, &asked, &[], limit).await;
    match answered.and_then(|reply| Ok((refusal(&reply)?, reply))) {
        Ok((None, reply)) if reply.body.get(PREFIX..).is_some_and(|body| body == SERVING) => None,
        Ok((None, _)) => Some(format!("{HEALTH} does not say SERVING")),
        Ok((Some(status), _)) => Some(format!("{HEALTH} answers {status}")),
        Err(trouble) => Some(trouble.why()),
    }
}
