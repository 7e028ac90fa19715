//! Values of the file that are checked as they are read, so that a mistake is shown with
//! its line and a caret.

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::place;

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
