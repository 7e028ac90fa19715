//! What an answer's body must show before an update counts as acknowledged: GraphQL,
//! JSON-RPC and SOAP answer 200 to everything.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    place::fill_request,
    text::{Pattern, Pointer, RequestText},
};

/// Conditions on a body; all of them must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Answer {
    /// It must match.
    matches: Option<Pattern>,
    /// It must not match.
    lacks: Option<Pattern>,
    /// Something other than null must be there.
    present: Vec<Pointer>,
    /// Nothing may be there but null.
    absent: Vec<Pointer>,
    /// This value must be there.
    equals: BTreeMap<Pointer, Expected>,
    /// This value must not be there.
    differs: BTreeMap<Pointer, Expected>,
}

/// A value of the file. A text may hold placeholders, and stands for a number as well.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
struct Expected(Value);

impl TryFrom<Value> for Expected {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::String(text) => RequestText::try_from(text.clone()).map(drop)?,
            Value::Bool(_) | Value::Number(_) => {}
            _ => return Err("expected a text, a number, true or false".into()),
        }
        Ok(Self(value))
    }
}

impl Expected {
    fn is(&self, found: &Value, id: u64, value: u64) -> bool {
        match (&self.0, found) {
            (Value::String(text), Value::String(found)) => fill_request(text, id, value) == *found,
            (Value::String(text), Value::Number(found)) => fill_request(text, id, value) == found.to_string(),
            (expected, found) => expected == found,
        }
    }
}

impl Answer {
    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.matches.is_none() && self.lacks.is_none() && !self.reads_json()
    }

    fn reads_json(&self) -> bool {
        !(self.present.is_empty() && self.absent.is_empty() && self.equals.is_empty() && self.differs.is_empty())
    }

    /// What a whole body is short of; `None`: nothing.
    pub(super) fn missing(&self, body: &str, id: u64, value: u64) -> Option<String> {
        if let Some(Pattern(pattern)) = self.matches.as_ref().filter(|pattern| !pattern.0.is_match(body)) {
            return Some(format!("the body does not match {pattern}"));
        }
        if let Some(Pattern(pattern)) = self.lacks.as_ref().filter(|pattern| pattern.0.is_match(body)) {
            return Some(format!("the body matches {pattern}"));
        }
        if !self.reads_json() {
            return None;
        }
        let Ok(json) = serde_json::from_str::<Value>(body) else { return Some("the body is no JSON".into()) };
        self.missing_in(&json, id, value)
    }

    fn missing_in(&self, json: &Value, id: u64, value: u64) -> Option<String> {
        let at = |pointer: &Pointer| json.pointer(&pointer.0).filter(|found| !found.is_null());
        let is = |(pointer, expected): &(&Pointer, &Expected)| at(pointer).is_some_and(|it| expected.is(it, id, value));
        if let Some(Pointer(at)) = self.present.iter().find(|pointer| at(pointer).is_none()) {
            return Some(format!("the body has nothing at {at}"));
        }
        if let Some(Pointer(at)) = self.absent.iter().find(|pointer| at(pointer).is_some()) {
            return Some(format!("the body has something at {at}"));
        }
        if let Some((Pointer(at), Expected(expected))) = self.equals.iter().find(|pair| !is(pair)) {
            return Some(format!("the body does not have {expected} at {at}"));
        }
        let (Pointer(at), Expected(forbidden)) = self.differs.iter().find(is)?;
        Some(format!("the body has {forbidden} at {at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a body is short of, by conditions as the file has them; the update is number 7.
    fn missing(conditions: &str, body: &str) -> Option<String> {
        toml::from_str::<Answer>(conditions).expect(conditions).missing(body, 7, 0)
    }

    #[test]
    fn an_error_with_status_200_is_no_acknowledgement() {
        let stops = r#"{"errors":[{"message":"Server is stopping"}]}"#;
        for conditions in [r#"absent = ["/errors"]"#, r#"present = ["/data/create/id"]"#, "lacks = '\"errors\"'"] {
            assert!(missing(conditions, stops).is_some(), "{conditions}");
            let done = r#"{"data":{"create":{"id":"7"}}}"#;
            assert_eq!(missing(conditions, done), None, "{conditions}");
        }
        let null = r#"{"data":{"create":null},"errors":null}"#;
        assert_eq!(missing(r#"absent = ["/errors"]"#, null), None);
        assert_eq!(
            missing(r#"present = ["/data/create"]"#, null).expect("null"),
            "the body has nothing at /data/create"
        );
    }

    #[test]
    fn a_value_is_there_or_is_not() {
        let equals = |expected: &str| format!("equals = {{ \"/a/0\" = {expected} }}");
        for (found, expected) in [("7", "\"{id}\""), ("\"7\"", "\"{id}\""), ("7", "7"), ("true", "true")] {
            let body = format!("{{\"a\":[{found}]}}");
            assert_eq!(missing(&equals(expected), &body), None, "{found}");
            assert!(missing(&equals(expected).replace("equals", "differs"), &body).is_some(), "{found}");
        }
        for found in ["8", "null", "\"7 \"", "[7]"] {
            let body = format!("{{\"a\":[{found}]}}");
            assert!(missing(&equals("\"{id}\""), &body).is_some(), "{found}");
            assert_eq!(missing(&equals("\"{id}\"").replace("equals", "differs"), &body), None, "{found}");
        }
        assert!(missing(&equals("\"7\""), "{}").expect("missing").contains("/a/0"));
    }

    #[test]
    fn what_is_no_json_meets_no_pointer_and_may_meet_a_pattern() {
        assert_eq!(missing(r#"absent = ["/errors"]"#, "busy").expect("no JSON"), "the body is no JSON");
        assert_eq!(missing(r#"absent = ["/errors"]"#, r#"{"data":{"#).expect("cut off"), "the body is no JSON");
        assert_eq!(missing("matches = '^ok'", "ok, queued"), None);
        assert_eq!(missing("matches = '^ok'", "not ok").expect("another"), "the body does not match ^ok");
        assert_eq!(missing("", ""), None);
    }
}
