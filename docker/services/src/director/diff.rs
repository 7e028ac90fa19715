//! What a new manifest or config changes: the lines that the CLI shows in green and red.

use serde_json::{Value, json};

/// The lines from `before` to `after`, each with what became of it: `added`, `removed`, or null for context. With
/// `redact` a changed secret shows as changed, and not as what.
pub fn lines(before: &Value, after: &Value, redact: bool) -> Vec<(String, Option<&'static str>)> {
    let mut diff = Diff { redact, secret: false, depth: 0, lines: Vec::new() };
    diff.compare(before, after);
    diff.lines
}

/// As the API has them: `[["line", "added"], …]`.
pub fn shown(before: &Value, after: &Value, redact: bool) -> Value {
    lines(before, after, redact).into_iter().map(|(line, status)| json!([line, status])).collect()
}

/// A diff in the making, and where in the two trees it is.
struct Diff {
    redact: bool,
    secret: bool,
    depth: usize,
    lines: Vec<(String, Option<&'static str>)>,
}

impl Diff {
    fn compare(&mut self, before: &Value, after: &Value) {
        match (before, after) {
            (Value::Array(before), Value::Array(after)) => self.compare_lists(before, after),
            _ => self.compare_mappings(before, after),
        }
    }

    fn compare_mappings(&mut self, before: &Value, after: &Value) {
        let nothing = serde_json::Map::new();
        let (old, new) = (before.as_object().unwrap_or(&nothing), after.as_object().unwrap_or(&nothing));
        for (key, was) in old {
            match new.get(key) {
                Some(is) if is == was => {}
                Some(is) if is_tree(was) && is_tree(is) && was.is_array() == is.is_array() => {
                    let secret = is_secret(key);
                    self.under(&format!("{key}:"), usize::from(is.is_object()), secret, |diff| diff.compare(was, is));
                }
                is => {
                    self.whole(&json!({key: was}), "removed");
                    is.into_iter().for_each(|is| self.whole(&json!({key: is}), "added"));
                }
            }
        }
        for (key, is) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
            self.whole(&json!({key: is}), "added");
        }
    }

    /// Items with a `name` (or a `range`, or an `alias`) are the same item by that; others only when they are equal.
    fn compare_lists(&mut self, before: &[Value], after: &[Value]) {
        let mark = |item: &Value| {
            ["name", "range", "alias"].into_iter().find_map(|key| item[key].as_str().map(|name| (key, name.to_owned())))
        };
        let same = |one: &Value, other: &Value| one == other || (mark(one).is_some() && mark(one) == mark(other));
        for was in before {
            match after.iter().find(|is| same(was, is)) {
                None => self.whole(&json!([was]), "removed"),
                Some(is) if is == was => {}
                Some(is) => {
                    let title = mark(was).map(|(key, name)| format!("- {key}: {name}")).unwrap_or_default();
                    self.under(&title, 1, false, |diff| diff.compare(was, is));
                }
            }
        }
        for is in after.iter().filter(|is| !before.iter().any(|was| same(was, is))) {
            self.whole(&json!([is]), "added");
        }
    }

    /// A line of context, and what has changed below it.
    fn under(&mut self, title: &str, deeper: usize, secret: bool, below: impl FnOnce(&mut Self)) {
        self.lines.push((format!("{}{title}", "  ".repeat(self.depth)), None));
        let was_secret = self.secret;
        self.secret |= secret;
        self.depth += deeper;
        below(self);
        (self.secret, self.depth) = (was_secret, self.depth - deeper);
    }

    fn whole(&mut self, value: &Value, status: &'static str) {
        let mut value = value.clone();
        if self.redact {
            hide(&mut value, self.secret);
        }
        let yaml = serde_yaml_ng::to_string(&value).unwrap_or_default();
        let pad = "  ".repeat(self.depth);
        self.lines.extend(yaml.lines().map(|line| (format!("{pad}{line}"), Some(status))));
    }
}

fn is_tree(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// Values below these may be secret.
fn is_secret(key: &str) -> bool {
    matches!(key, "properties" | "env")
}

fn hide(value: &mut Value, secret: bool) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| hide(value, secret || is_secret(key))),
        Value::Array(list) => list.iter_mut().for_each(|value| hide(value, secret)),
        Value::Null => {}
        value if secret => *value = json!("<redacted>"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_subnet_shows_as_one_line_out_and_one_in() {
        let config = |net: &str| {
            json!({"networks": [{"name": "default", "subnets": [
                {"range": "10.0.1.0/24", "az": "z1", "cloud_properties": {"net_id": net}}]}]})
        };
        let shown = lines(&config("a"), &config("b"), false);
        let changed: Vec<_> = shown.iter().filter(|(_, status)| status.is_some()).collect();
        assert_eq!(changed.len(), 2, "{shown:?}");
        assert!(changed[0].0.ends_with("net_id: a") && changed[0].1 == Some("removed"));
        assert!(changed[1].0.ends_with("net_id: b") && changed[1].1 == Some("added"));
        assert_eq!(lines(&config("a"), &config("a"), false), []);
    }

    #[test]
    fn properties_are_not_shown() {
        let after = json!({"jobs": [{"name": "db", "properties": {"password": "secret"}}]});
        let shown = lines(&json!({}), &after, true);
        assert!(shown.iter().all(|(line, _)| !line.contains("secret")), "{shown:?}");
        let before = json!({"jobs": [{"name": "db", "properties": {"password": "older"}}]});
        let changed: Vec<_> = lines(&before, &after, true).into_iter().filter(|(_, status)| status.is_some()).collect();
        assert_eq!(changed.len(), 2, "a changed secret is a change: {changed:?}");
        assert!(changed.iter().all(|(line, _)| line.ends_with("password: <redacted>")), "{changed:?}");
    }
}
