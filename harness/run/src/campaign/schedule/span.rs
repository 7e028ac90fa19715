//! A length of time as people write it.

use std::{borrow::Cow, time::Duration};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time, written as `2s` or `1m 30s` or `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "SignedDuration", into = "String")]
pub struct Span(pub Duration);

impl TryFrom<SignedDuration> for Span {
    type Error = String;

    fn try_from(signed: SignedDuration) -> Result<Self, String> {
        Duration::try_from(signed).map(Self).map_err(|_| format!("{signed:#} is negative"))
    }
}

impl From<Span> for String {
    fn from(Span(time): Span) -> Self {
        format!("{:#}", SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a length of time, such as `2s`, `1m 30s`, `500ms`",
            "pattern": "^\\s*([0-9]+(\\.[0-9]+)?\\s*[a-zµ]+\\s*)+$",
        })
    }
}
