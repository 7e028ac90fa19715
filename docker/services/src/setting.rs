//! Settings: environment variables, as a container gets them.

use std::{fmt, str::FromStr};

/// A setting that cannot be used as it is.
#[derive(Debug)]
pub struct BadSetting {
    name: &'static str,
    text: String,
    reason: String,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?} cannot be used: {}", self.name, self.text, self.reason)
    }
}

impl std::error::Error for BadSetting {}

/// The environment variable `name`, or `default` where it is not set.
///
/// # Errors
/// If it is set to what `T` cannot be made of.
pub fn setting<T: FromStr<Err: fmt::Display>>(name: &'static str, default: T) -> Result<T, BadSetting> {
    parse(name, std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()), default)
}

fn parse<T: FromStr<Err: fmt::Display>>(name: &'static str, text: Option<String>, default: T) -> Result<T, BadSetting> {
    let Some(text) = text else { return Ok(default) };
    text.parse().map_err(|error: T::Err| BadSetting { name, reason: error.to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_its_default() {
        assert_eq!(parse("N", None, 7).expect("valid"), 7);
        assert_eq!(parse("N", Some("8".into()), 7).expect("valid"), 8);
    }

    #[test]
    fn a_bad_value_is_named_and_never_replaced() {
        let error = parse("N", Some("many".into()), 7).expect_err("no number").to_string();
        assert!(error.contains("N=\"many\""), "{error}");
        assert!(parse("N", Some(String::new()), 7).is_err(), "empty is not unset");
    }
}
