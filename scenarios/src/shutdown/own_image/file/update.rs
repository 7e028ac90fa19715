//! The updates: how one is sent, what acknowledges it, and how its effect is found.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use toml::Spanned;

use super::super::{
    answer::Answer,
    text::{GrpcMethod, RequestPath, RequestText, Status, Verb},
};

/// How updates come to the service.
#[derive(Debug)]
pub(in super::super) enum Update {
    /// An HTTP request to a replica.
    Request(Request),
    /// A unary gRPC call of a replica.
    Grpc(Grpc),
    /// Through a queue that the replicas consume.
    Queue(Queue),
}

impl Update {
    /// The only one that is written.
    pub(super) fn only(
        request: Option<Spanned<Request>>,
        grpc: Option<Spanned<Grpc>>,
        queue: Option<Spanned<Queue>>,
    ) -> Result<Spanned<Self>, String> {
        match (request, grpc, queue) {
            (Some(request), None, None) => Ok(Spanned::new(request.span(), Self::Request(request.into_inner()))),
            (None, Some(grpc), None) => Ok(Spanned::new(grpc.span(), Self::Grpc(grpc.into_inner()))),
            (None, None, Some(queue)) => Ok(Spanned::new(queue.span(), Self::Queue(queue.into_inner()))),
            _ => Err("expected exactly one of [request], [grpc], [queue]: how an update is sent".into()),
        }
    }

    /// The texts that may say which update it is.
    pub(super) fn texts(&self) -> Vec<&RequestText> {
        match self {
            Self::Request(Request { path, headers, body, .. }) => headers.values().chain([&path.0, body]).collect(),
            Self::Grpc(Grpc { message, metadata, .. }) => metadata.values().chain([message.get_ref()]).collect(),
            Self::Queue(Queue { sql, command, .. }) => {
                sql.iter().chain(command.iter().flat_map(|command| &command.get_ref().run)).collect()
            }
        }
    }
}

/// An HTTP request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Request {
    #[serde(default = "post")]
    pub method: Verb,
    pub path: RequestPath,
    #[serde(default)]
    pub headers: BTreeMap<String, RequestText>,
    #[serde(default)]
    pub body: RequestText,
    /// The statuses that promise the effect.
    #[serde(default = "acknowledged")]
    pub acknowledged: Vec<Status>,
    /// What the body must show besides.
    #[serde(default)]
    pub answer: Answer,
}

/// A unary call; status 0 promises the effect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Grpc {
    pub method: GrpcMethod,
    /// In Protoscope.
    pub message: Spanned<RequestText>,
    #[serde(default)]
    pub metadata: BTreeMap<String, RequestText>,
}

/// A queue, filled in exactly one of these ways.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Queue {
    /// SQL on our database; done without an error, it is accepted.
    pub sql: Option<RequestText>,
    /// A command in a container; accepted if it ends with 0.
    pub command: Option<Spanned<Command<RequestText>>>,
    /// What the command must print besides.
    #[serde(default)]
    pub answer: Answer,
}

/// A command in a container of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Command<T> {
    /// The container.
    pub on: Spanned<String>,
    pub run: Vec<T>,
}

/// How the updates that took effect are found. Exactly one of the first three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Effects {
    /// Gives their ids in the first column.
    pub sql: Option<String>,
    pub http: Option<Http>,
    /// Prints their ids, a line each.
    pub command: Option<Command<String>>,
    /// Whether the effect is there before the answer, so that none is ever waited for.
    #[serde(default)]
    pub before_answer: bool,
}

/// A replica is asked for each update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Http {
    pub path: RequestPath,
    /// The text that an answer has if the update took effect.
    pub shows: RequestText,
}

fn post() -> Verb {
    Verb(Method::POST)
}

fn acknowledged() -> Vec<Status> {
    [200, 201, 202].map(Status).into()
}
