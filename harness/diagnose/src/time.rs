//! The time that a log's line says of itself.
//!
//! Each program writes it in a form of its own; most begin the line with it. What is not said is
//! made up for: the zone by that of the node, the year by what cannot lie in the future.

use std::sync::LazyLock;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::Offset,
};
use memchr::memmem::Finder;

/// What a line's time may leave out.
#[derive(Debug, Clone, Copy)]
pub struct Zone {
    /// The node's zone.
    pub offset: Offset,
    /// When the log was read, or last written: no line is later by more than a day.
    pub now: Timestamp,
}

/// The journal's name of a time.
static JOURNAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("__REALTIME_TIMESTAMP"));

/// The names of times in JSON.
static IN_JSON: LazyLock<[Finder<'static>; 4]> =
    LazyLock::new(|| ["\"ts\"", "\"timestamp\"", "\"time\"", "\"@timestamp\""].map(Finder::new));

/// Fields before a line's time, such as `[` or `<6>`, are looked through so far.
const LEAD: usize = 24;

/// When the line was written, as far as it says so.
///
/// | who | form |
/// |---|---|
/// | MariaDB, MySQL, PostgreSQL, etcd, Consul, docker | `2026-11-20 10:42:04`, `2026-11-20T10:42:04.123456Z`, `2017/10/21 21:57:52` |
/// | MySQL up to 5.6 | `151113 10:58:06` |
/// | syslog, journald short | `Nov 29 08:31:27 host …` |
/// | monit | `[UTC Nov 29 08:31:27]` |
/// | nginx's access log | `[29/Nov/2026:08:31:27 +0000]` |
/// | JSON | `"ts"`, `"time"`, `"timestamp"`, `"@timestamp"`: a text as above, or seconds since 1970 |
/// | journald export, JSON | `__REALTIME_TIMESTAMP`: microseconds since 1970 |
pub fn stamp(line: &[u8], zone: Zone) -> Option<Timestamp> {
    let line = &line[..line.len().min(4096)];
    if let Some(micros) = after(line, &JOURNAL) {
        return Timestamp::from_microsecond(integer(micros)?).ok();
    }
    if line.first() == Some(&b'{') {
        return in_json(line, zone);
    }
    let lead = &line[..line.len().min(LEAD)];
    let starts = (0..lead.len()).filter(|&at| at == 0 || !lead[at - 1].is_ascii_alphanumeric());
    starts.filter_map(|at| forms(&line[at..], zone)).next()
}

fn in_json(line: &[u8], zone: Zone) -> Option<Timestamp> {
    IN_JSON.iter().find_map(|name| {
        let value = after(line, name)?;
        forms(value, zone).or_else(|| epoch(value))
    })
}

/// What follows a name, without the marks in between.
fn after<'l>(line: &'l [u8], name: &Finder<'_>) -> Option<&'l [u8]> {
    let at = name.find(line)?;
    let rest = &line[at + name.needle().len()..];
    let marks = rest.iter().take_while(|byte| matches!(byte, b'"' | b':' | b'=' | b' ')).count();
    Some(&rest[marks..])
}

fn forms(text: &[u8], zone: Zone) -> Option<Timestamp> {
    match text.first()? {
        b'0'..=b'9' => dashed(text, zone).or_else(|| day_first(text, zone)).or_else(|| short(text, zone)),
        b'A'..=b'Z' => named(text, zone),
        _ => None,
    }
}

/// `2026-11-20 10:42:04`, with `/` and `T` alike.
fn dashed(text: &[u8], zone: Zone) -> Option<Timestamp> {
    let separator = *text.get(4).filter(|byte| matches!(byte, b'-' | b'/'))?;
    if *text.get(7)? != separator || !matches!(text.get(10)?, b' ' | b'T') {
        return None;
    }
    let date = Date::new(digits(text, 0, 4)?, small(text, 5, 2)?, small(text, 8, 2)?).ok()?;
    // MySQL 5.7 pads the hour with a space.
    clock(date, text.get(11..)?, zone)
}

/// `151113 10:58:06`
fn short(text: &[u8], zone: Zone) -> Option<Timestamp> {
    if *text.get(6)? != b' ' {
        return None;
    }
    let date = Date::new(2000 + digits(text, 0, 2)?, small(text, 2, 2)?, small(text, 4, 2)?).ok()?;
    clock(date, text.get(7..)?, zone)
}

/// `29/Nov/2026:08:31:27 +0000`
fn day_first(text: &[u8], zone: Zone) -> Option<Timestamp> {
    if *text.get(2)? != b'/' || *text.get(6)? != b'/' || *text.get(11)? != b':' {
        return None;
    }
    let date = Date::new(digits(text, 7, 4)?, month(text.get(3..6)?)?, small(text, 0, 2)?).ok()?;
    clock(date, text.get(12..)?, zone)
}

/// `Nov 29 08:31:27`, after a zone of three letters too.
fn named(text: &[u8], zone: Zone) -> Option<Timestamp> {
    let text = match text.get(..4)? {
        b"UTC " | b"GMT " => &text[4..],
        _ => text,
    };
    let month = month(text.get(..3)?)?;
    if *text.get(3)? != b' ' {
        return None;
    }
    let day = small(text, 4, 2)?;
    let year = zone.offset.to_datetime(zone.now).year();
    let of = |year| clock(Date::new(year, month, day).ok()?, text.get(7..)?, zone);
    let latest = zone.now.checked_add(SignedDuration::from_hours(24)).ok()?;
    // A leap day of an earlier year is none of this one.
    (0..5).filter_map(|back| of(year - back)).find(|at| *at <= latest)
}

/// A clock's time with what follows it: a fraction, a zone.
fn clock(date: Date, text: &[u8], zone: Zone) -> Option<Timestamp> {
    let hour_ends = text.iter().position(|byte| *byte == b':').filter(|at| (1..=2).contains(at))?;
    let hour = small(text, 0, hour_ends)?;
    let rest = &text[hour_ends + 1..];
    if *rest.get(2)? != b':' {
        return None;
    }
    let (minute, second) = (small(rest, 0, 2)?, small(rest, 3, 2)?.min(59));
    let rest = &rest[5..];
    let (nanosecond, rest) = fraction(rest);
    let time = Time::new(hour, minute, second, nanosecond).ok()?;
    let offset = explicit_zone(rest).unwrap_or(zone.offset);
    offset.to_timestamp(DateTime::from_parts(date, time)).ok()
}

/// Nanoseconds, and what follows them.
fn fraction(text: &[u8]) -> (i32, &[u8]) {
    if !matches!(text.first(), Some(b'.' | b',')) {
        return (0, text);
    }
    let count = text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let shown = &text[1..=count];
    let nanos = (0..9).fold(0, |sum, at| sum * 10 + shown.get(at).map_or(0, |digit| i32::from(digit - b'0')));
    (nanos, &text[count + 1..])
}

/// `Z`, `+02:00`, ` +0200`, ` UTC`.
fn explicit_zone(text: &[u8]) -> Option<Offset> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let sign = match text.first()? {
        b'Z' => return Some(Offset::UTC),
        b'+' => 1,
        b'-' => -1,
        _ if text.starts_with(b"UTC") || text.starts_with(b"GMT") => return Some(Offset::UTC),
        _ => return None,
    };
    let hours: i32 = digits(text, 1, 2)?.into();
    let minutes_at = if text.get(3) == Some(&b':') { 4 } else { 3 };
    let minutes: i32 = digits(text, minutes_at, 2)?.into();
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Seconds since 1970, with a fraction; of so many digits that they are milliseconds or finer,
/// those.
fn epoch(text: &[u8]) -> Option<Timestamp> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = integer(text)?;
    match whole {
        9..=10 => {
            let (nanos, _) = fraction(&text[whole..]);
            Timestamp::new(value, nanos).ok()
        }
        12..=13 => Timestamp::from_millisecond(value).ok(),
        15..=16 => Timestamp::from_microsecond(value).ok(),
        18..=19 => Timestamp::from_nanosecond(value.into()).ok(),
        _ => None,
    }
}

fn integer(text: &[u8]) -> Option<i64> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..count]).ok()?.parse().ok()
}

fn month(name: &[u8]) -> Option<i8> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    (1..).zip(MONTHS).find(|(_, month)| *month == name).map(|(number, _)| number)
}

/// A number of so many digits; the first may be a space.
fn digits(text: &[u8], from: usize, count: usize) -> Option<i16> {
    let shown = text.get(from..from + count)?;
    let padding = usize::from(count > 1 && shown[0] == b' ');
    let all = &shown[padding..];
    let is_number = all.iter().all(u8::is_ascii_digit);
    is_number.then(|| all.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
}

fn small(text: &[u8], from: usize, count: usize) -> Option<i8> {
    digits(text, from, count).and_then(|number| i8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone() -> Zone {
        Zone {
            offset: Offset::from_seconds(3600).expect("an offset"),
            now: "2026-11-29T12:00:00Z".parse().expect("a time"),
        }
    }

    fn said(line: &str) -> Option<String> {
        stamp(line.as_bytes(), zone()).map(|at| at.to_string())
    }

    #[test]
    fn each_program_s_form_is_read() {
        for (line, expected) in [
            ("2026-11-20 10:42:04 0 [Note] WSREP: x", "2026-11-20T09:42:04Z"),
            ("2017-06-14  8:01:24 86 [ERROR] WSREP: x", "2017-06-14T07:01:24Z"),
            ("2023-03-16T20:09:52.554860Z 0 [Note] x", "2023-03-16T20:09:52.55486Z"),
            ("2001-01-01T01:01:01.481967+09:00 4 [ERROR] x", "2000-12-31T16:01:01.481967Z"),
            ("151113 10:58:06 [Note] WSREP: x", "2015-11-13T09:58:06Z"),
            ("151113  9:58:06 [Note] WSREP: x", "2015-11-13T08:58:06Z"),
            ("Nov 29 08:31:27 db1 mysqld[411]: x", "2026-11-29T07:31:27Z"),
            ("Dec  9 08:31:27 db1 mysqld[411]: x", "2025-12-09T07:31:27Z"),
            ("Feb 29 08:31:27 db1 x", "2024-02-29T07:31:27Z"),
            ("[UTC Nov 29 08:31:27] error    : 'web' x", "2026-11-29T07:31:27Z"),
            ("[2026-11-29T08:31:27+0000] error : x", "2026-11-29T08:31:27Z"),
            ("10.0.0.1 - - [29/Nov/2026:08:31:27 +0000] \"GET /\"", "2026-11-29T08:31:27Z"),
            ("2026/11/29 08:31:27 [error] 12#12: x", "2026-11-29T07:31:27Z"),
            ("2026-11-29 08:31:27.123 UTC [411] LOG:  x", "2026-11-29T08:31:27.123Z"),
            ("2017-10-21 21:57:52.123456 I | raft: x", "2017-10-21T20:57:52.123456Z"),
            (r#"{"level":"warn","ts":"2021-04-22T08:01:05.000Z","msg":"x"}"#, "2021-04-22T08:01:05Z"),
            (r#"{"timestamp":"1511308672.5","source":"bbs"}"#, "2017-11-21T23:57:52.5Z"),
            (r#"{"log":"x\n","stream":"stderr","time":"2026-11-29T08:31:27.5Z"}"#, "2026-11-29T08:31:27.5Z"),
            ("__REALTIME_TIMESTAMP=1511308672500000", "2017-11-21T23:57:52.5Z"),
            (r#"{"__REALTIME_TIMESTAMP":"1511308672500000","MESSAGE":"x"}"#, "2017-11-21T23:57:52.5Z"),
            ("<6>Nov 29 08:31:27 x", "2026-11-29T07:31:27Z"),
        ] {
            assert_eq!(said(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_says_no_time_has_none() {
        for line in ["", "{", "\t11111111-8002,0", "} joined {", "2026-13-01 00:00:00", "Now 12 23:00:00", "12345678"] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = stamp(&line, zone());
        }

        #[test]
        fn no_torn_time_panics(cut in 0_usize..40, byte in any::<u8>(), at in 0_usize..40) {
            for whole in ["2026-11-29T08:31:27.123+02:00 x", "[29/Nov/2026:08:31:27 +0000]", "{\"ts\":1511308672.5}", "Nov  9 08:31:27 x"] {
                let mut line = whole.as_bytes()[..cut.min(whole.len())].to_vec();
                if let Some(place) = line.get_mut(at) { *place = byte; }
                let _ = stamp(&line, zone());
            }
        }
    }
}
