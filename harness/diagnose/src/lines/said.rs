//! A line's own words, without what the journal, syslog, docker or the kubelet wraps them in.

use std::sync::LazyLock;

use regex::Regex;

/// What the journal, syslog, docker and the kubelet put before a line.
static WRAPPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let journal = r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:]{8}[.,]?\d*[+-]\d\d:?\d\d) \S+ [^\s:]+: ";
    let docker = r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z (?:std(?:out|err) [FP] )?";
    Regex::new(&format!("^(?:{journal}|{docker})")).ok()
});

/// A line's own words, without what wraps it.
pub(super) fn said(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line).replace('\0', "");
    let text = text.trim_end_matches(['\n', '\r']);
    if text.starts_with('{')
        && let Some(inner) = in_json(text)
    {
        return inner;
    }
    match WRAPPED.as_ref().and_then(|wrapped| wrapped.find(text)) {
        // rsyslog writes a tab so: `EscapeControlCharactersOnReceive`.
        Some(wrapping) => text[wrapping.end()..].replace("#011", "\t"),
        None => text.strip_prefix("MESSAGE=").unwrap_or(text).to_owned(),
    }
}

/// What docker's and the journal's JSON wrap. A program's own JSON is its own words.
fn in_json(text: &str) -> Option<String> {
    let serde_json::Value::Object(fields) = serde_json::from_str(text).ok()? else { return None };
    let is_wrapping = fields.contains_key("stream") || fields.contains_key("__REALTIME_TIMESTAMP");
    let inner = ["log", "MESSAGE"].iter().find_map(|name| fields.get(*name)?.as_str())?;
    is_wrapping.then(|| inner.trim_end_matches(['\n', '\r']).to_owned())
}
