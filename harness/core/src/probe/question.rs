//! Questions whose answers have a type: a probe writes the value, a detector reads it.
//!
//! An answer's values are text, as a service gave them, so serde reads each by the type that
//! is wanted: a number, a flag (`true` or `1`), words for a list, nothing for an option, and a
//! row `a|b|c` for a struct or tuple; the row's last field may hold more of `|`.

use std::{collections::BTreeMap, fmt::Display};

use serde::{
    Deserializer, Serialize,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor,
        value::{Error, MapAccessDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::{Answer, Signal};

/// The named values of an answer.
pub type Values = BTreeMap<String, String>;

/// What the answer to a question holds; [`questions!`](crate::questions) names the question.
pub trait Question: DeserializeOwned {
    /// What is asked, such as `etcd:member`.
    const OF: &'static str;

    /// What an error tells, where it is an answer too.
    fn of_error(_code: &str) -> Option<Self> {
        None
    }
}

/// Says which questions these types answer: `questions! { Member = "etcd:member" }`.
#[macro_export]
macro_rules! questions {
    ($($answer:ty = $of:literal),* $(,)?) => {
        $(impl $crate::probe::Question for $answer {
            const OF: &'static str = $of;
        })*
    };
}

impl Answer {
    /// Reads the values of an answer.
    ///
    /// # Errors
    /// Which is not what the type wants, and why; that there are none.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let Self::Values { values } = self else { return Err("it has no values".into()) };
        read_but(values, &[])
    }

    /// The answer that holds a value: its fields, or a map's entries.
    pub fn of(value: &impl Serialize) -> Self {
        let Ok(Value::Object(fields)) = serde_json::to_value(value) else {
            return Self::Values { values: Values::new() };
        };
        Self::Values { values: fields.into_iter().map(|(name, value)| (name, text(value))).collect() }
    }
}

impl Signal {
    /// The answer to a question.
    pub fn told<T: Question + Serialize>(value: &T) -> Self {
        Self::Query { of: T::OF.into(), answer: Answer::of(value) }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(all) => all.into_iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Reads the values but for those of these names: where some are rows, and those are not.
///
/// # Errors
/// Which is not what the type wants, and why.
pub fn read_but<T: DeserializeOwned>(values: &Values, but: &[&str]) -> Result<T, String> {
    let entries = values.iter().filter(|(name, _)| !but.contains(&name.as_str()));
    T::deserialize(MapAccessDeserializer::new(Entries { entries, next: None })).map_err(|error| error.to_string())
}

struct Entries<'v, I> {
    entries: I,
    next: Option<(&'v str, &'v str)>,
}

impl<'v, I: Iterator<Item = (&'v String, &'v String)>> MapAccess<'v> for Entries<'v, I> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next = self.entries.next().map(|(name, value)| (name.as_str(), value.as_str()));
        self.next.map(|(name, _)| seed.deserialize(Text(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'v>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (name, value) = self.next.unwrap_or_default();
        seed.deserialize(Text(value)).map_err(|why| Error::custom(format!("{name}: {why}")))
    }
}

/// A value, read by the type that is wanted.
struct Text<'t>(&'t str);

impl Text<'_> {
    fn number<T: std::str::FromStr<Err: Display>>(&self) -> Result<T, Error> {
        self.0.parse().map_err(|why| Error::custom(format!("{why}: {}", self.0)))
    }
}

macro_rules! numbers {
    ($($read:ident $visit:ident $type:ty),*) => {
        $(fn $read<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number::<$type>()?)
        })*
    };
}

impl<'t> Deserializer<'t> for Text<'t> {
    type Error = Error;

    numbers! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64, deserialize_f64 visit_f64 f64
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            "1" | "true" => visitor.visit_bool(true),
            "0" | "false" => visitor.visit_bool(false),
            other => Err(Error::custom(format!("neither 1 nor 0: {other}"))),
        }
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, _name: &str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(self.0.split_whitespace().map(Text)))
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, fields: usize, visitor: V) -> Result<V::Value, Error> {
        let row = visitor.visit_seq(SeqDeserializer::new(self.0.splitn(fields, '|').map(Text)));
        row.map_err(|why| Error::custom(format!("{why}: {}", self.0)))
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _name: &str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _name: &str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        i8 i16 i128 u128 f32 char str string bytes byte_buf unit unit_struct tuple_struct map identifier ignored_any
    }
}

impl<'t> IntoDeserializer<'t> for Text<'t> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Member {
        id: String,
        leads: bool,
        applied: u64,
        age: i64,
        scale: f64,
        pid: Option<u32>,
        alarms: Vec<String>,
        #[serde(default)]
        note: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        state: State,
        ip: Option<Ipv4Addr>,
        text: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Queued,
    }

    fn values(said: &[(&str, &str)]) -> Values {
        said.iter().map(|&(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn each_value_is_read_by_the_type_that_is_wanted() {
        let (id, note) = ("12".to_owned(), String::new());
        let alarms = vec!["NOSPACE".into(), "CORRUPT".into()];
        for pid in [Some(7), None] {
            let member = Member {
                id: id.clone(),
                leads: true,
                applied: 9,
                age: -1,
                scale: 0.5,
                pid,
                alarms: alarms.clone(),
                note: note.clone(),
            };
            assert_eq!(Answer::of(&member).read(), Ok(member));
        }
        let said = [
            ("id", "12"),
            ("leads", "true"),
            ("applied", "1"),
            ("age", "1"),
            ("scale", "2"),
            ("pid", ""),
            ("alarms", ""),
        ];
        let answer = Answer::Values { values: values(&said) };
        assert!(answer.read::<Member>().is_ok_and(|read| read.leads && read.id == "12" && read.alarms.is_empty()));
        for (name, value, why) in [
            ("applied", "-1", "applied: invalid digit found in string: -1"),
            ("leads", "yes", "leads: neither 1 nor 0: yes"),
        ] {
            let answer = Answer::Values { values: values(&[&said[..], &[(name, value)]].concat()) };
            assert_eq!(answer.read::<Member>().expect_err("wrong"), why);
        }
        let missing = Answer::Values { values: values(&said[1..]) };
        assert_eq!(missing.read::<Member>().expect_err("no id"), "missing field `id`");
        assert_eq!(Answer::Refused.read::<Member>().expect_err("silence"), "it has no values");
    }

    #[test]
    fn rows_are_read_by_their_names_and_fields() {
        let read = |said: &[(&str, &str)]| read_but::<BTreeMap<u64, Row>>(&values(said), &["now_ms"]);
        let row = Row { state: State::Queued, ip: Some(Ipv4Addr::LOCALHOST), text: "a|b".into() };
        assert_eq!(read(&[("now_ms", "x"), ("7", "queued|127.0.0.1|a|b")]), Ok([(7, row)].into()));
        assert_eq!(read(&[("7", "queued||")]).expect("a row")[&7].ip, None);
        for (name, row, why) in [
            ("7", "queued|", "7: invalid length 2, expected struct Row with 3 elements: queued|"),
            ("7", "gone||", "7: unknown variant `gone`, expected `queued`: gone||"),
            ("x", "queued||", "invalid digit found in string: x"),
        ] {
            assert_eq!(read(&[(name, row)]).expect_err("no row"), why);
        }
    }
}
