//! Durations as Prometheus writes them: `90s`, `5m`, `1h30m`.

const UNITS: [(&str, u64); 7] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

/// In milliseconds; `None` if it is no duration. A number without a unit is of seconds, as newer
/// versions of Prometheus have it.
pub(crate) fn parse(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds >= 0.0 && seconds.is_finite()).then_some((seconds * 1000.0) as u64);
    }
    let (mut rest, mut sum) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit.find(|letter: char| letter.is_ascii_digit()).unwrap_or(unit.len());
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == &unit[..end])?;
        sum = sum.checked_add(number.checked_mul(*factor)?)?;
        rest = &unit[end..];
    }
    Some(sum)
}

/// For promtool: in milliseconds where whole seconds do not do.
pub(crate) fn written(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// For people: in the largest unit that leaves no rest.
pub fn shown(ms: u64) -> String {
    for (name, factor) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if ms >= factor && ms.is_multiple_of(factor) {
            return format!("{}{name}", ms / factor);
        }
    }
    format!("{:.1}s", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_prometheus_units_are_read() {
        for (text, ms) in [("90s", 90_000), ("1h30m", 5_400_000), ("250ms", 250), ("0", 0), ("1d", 86_400_000)] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
        for text in ["", "m", "5 m", "5x", "-5m"] {
            assert!(parse(text).is_none_or(|ms| text.is_empty() && ms == 0), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for ms in [0, 1, 999, 1000, 90_000, 3_600_000, 3_601_001] {
            assert_eq!(parse(&written(ms)), Some(ms));
        }
        assert_eq!((shown(300_000), shown(90_000), shown(2500)), ("5m".into(), "90s".into(), "2.5s".into()));
    }
}
