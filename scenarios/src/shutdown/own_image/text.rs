//! Values of the file that are checked as they are read, so that a mistake is shown with
//! its line and a caret.

use std::{fmt, marker::PhantomData};

use regex::Regex;
use reqwest::{Method, StatusCode};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer, value::StrDeserializer},
};

use super::place;

/// What a field holds that is written as a text or as a table.
pub(super) enum Either<T, U> {
    Text(T),
    Table(U),
}

/// Reads such a field; `expected` says what it may be.
pub(super) fn text_or_table<'de, D, T, U>(deserializer: D, expected: &'static str) -> Result<Either<T, U>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    U: Deserialize<'de>,
{
    deserializer.deserialize_any(TextOrTable { expected, of: PhantomData })
}

struct TextOrTable<T, U> {
    expected: &'static str,
    of: PhantomData<(T, U)>,
}

impl<'de, T: Deserialize<'de>, U: Deserialize<'de>> Visitor<'de> for TextOrTable<T, U> {
    type Value = Either<T, U>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(StrDeserializer::new(text)).map(Either::Text)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        U::deserialize(MapAccessDeserializer::new(map)).map(Either::Table)
    }
}

/// A regular expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(pub Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text).map(Self).map_err(|error| format!("no regular expression: {error}"))
    }
}

/// Where a value is in JSON (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pointer(pub String);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') { Ok(Self(text)) } else { Err("a JSON pointer begins with /, as \"/data/id\"".into()) }
    }
}

/// A method of a gRPC service.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct GrpcMethod(pub String);

impl TryFrom<String> for GrpcMethod {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        let good = matches!(parts[..], ["", service, method] if !service.is_empty() && !method.is_empty());
        if good { Ok(Self(text)) } else { Err("a method is written \"/package.Service/Method\"".into()) }
    }
}

/// A text of a request, with `{id}`, `{value}` or `{uuid}` in it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RequestText(pub String);

impl TryFrom<String> for RequestText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(unknown) = place::names(&text).find(|name| !place::OF_REQUEST.contains(name)) {
            return Err(format!("there is no {{{unknown}}}; a request has {{id}}, {{value}} and {{uuid}}"));
        }
        Ok(Self(text))
    }
}

impl RequestText {
    /// Whether it says which update it is.
    pub(super) fn has_id(&self) -> bool {
        place::names(&self.0).any(|name| name != "value")
    }
}

/// A path of the service with such placeholders.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RequestPath(pub RequestText);

impl TryFrom<String> for RequestPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        PlainPath::try_from(text.clone())?;
        RequestText::try_from(text).map(Self)
    }
}

/// A path of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct PlainPath(pub String);

impl TryFrom<String> for PlainPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') { Ok(Self(text)) } else { Err("a path begins with /, as \"/orders\"".into()) }
    }
}

/// An HTTP method.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Verb(pub Method);

impl TryFrom<String> for Verb {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET];
        let found = known.into_iter().find(|method| method.as_str() == text);
        found.map(Self).ok_or_else(|| "expected one of POST, PUT, PATCH, DELETE, GET".into())
    }
}

/// An HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct Status(pub u16);

impl TryFrom<u16> for Status {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        StatusCode::from_u16(number).map(|_| Self(number)).map_err(|_| format!("{number} is no HTTP status"))
    }
}
