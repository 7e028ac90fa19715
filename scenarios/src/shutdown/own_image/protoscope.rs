//! A Protocol Buffers message from text, without its descriptor: the part of Protoscope
//! (github.com/protocolbuffers/protoscope) that unary requests need.
//!
//! ``1: 150  2: {"a text"}  3: {1: -1}  4: 1.5  5: 7i32  6: 3z  7: true  8: {`0aff`}``.

/// How deep messages may lie in one another.
const DEEPEST: usize = 32;

/// A message's bytes.
///
/// # Errors
/// What cannot be read, and what may stand there.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, String> {
    let mut rest = text;
    let bytes = message(&mut rest, 0)?;
    if rest.is_empty() { Ok(bytes) } else { Err(format!("there is a }} too many before {:?}", start(&rest[1..]))) }
}

/// Reads up to the end of the text or an unmatched brace.
fn message(rest: &mut &str, depth: usize) -> Result<Vec<u8>, String> {
    if depth > DEEPEST {
        return Err(format!("messages lie more than {DEEPEST} deep in one another"));
    }
    let mut bytes = Vec::new();
    loop {
        skip_blank(rest);
        match rest.chars().next() {
            None | Some('}') => return Ok(bytes),
            Some('"') => bytes.extend(quoted(rest)?),
            Some('`') => bytes.extend(hexadecimal(rest)?),
            Some(_) => field(rest, depth, &mut bytes)?,
        }
    }
}

/// Reads `NUMBER: VALUE`.
fn field(rest: &mut &str, depth: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
    let found = start(rest);
    let no_field = || format!("expected a field as in 1: 5 or 2: {{\"text\"}}, found {found:?}");
    let (number, after) = rest.split_once(':').ok_or_else(no_field)?;
    let number: u64 = number.trim_end().parse().map_err(|_| no_field())?;
    if !(1..=536_870_911).contains(&number) {
        return Err(format!("a field's number is 1 to 536870911, and not {number}"));
    }
    *rest = after;
    skip_blank(rest);
    let (kind, value) = if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        let inside = message(rest, depth + 1)?;
        *rest = rest.strip_prefix('}').ok_or_else(|| format!("the {{ of field {number} is not closed"))?;
        (2, [varint(inside.len() as u64), inside].concat())
    } else {
        let end = rest.find(|letter: char| letter.is_whitespace() || "{}\"`#".contains(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        *rest = after;
        let wrong = || {
            let found = start(&format!("{word}{after}"));
            format!(
                "field {number} has no value in {found:?}: expected 5, -5, 5z, 5i32, 1.5, true, {{\"text\"}}, {{1: 5}}"
            )
        };
        scalar(word).ok_or_else(wrong)?
    };
    bytes.extend(varint((number << 3) | kind));
    bytes.extend(value);
    Ok(())
}

/// A number's wire type and bytes.
fn scalar(word: &str) -> Option<(u64, Vec<u8>)> {
    let integer = |text: &str| text.parse::<i64>().map(i64::cast_unsigned).or_else(|_| text.parse::<u64>()).ok();
    if let Some(number) = word.strip_suffix('z') {
        let number: i64 = number.parse().ok()?;
        return Some((0, varint(((number << 1) ^ (number >> 63)).cast_unsigned())));
    }
    if let Some(number) = word.strip_suffix("i32") {
        let of_float = || number.parse::<f32>().ok().map(f32::to_bits);
        let bits = number.parse::<i32>().map(i32::cast_unsigned).or_else(|_| number.parse()).ok().or_else(of_float);
        return Some((5, bits?.to_le_bytes().into()));
    }
    if let Some(number) = word.strip_suffix("i64") {
        let bits = integer(number).or_else(|| number.parse::<f64>().ok().map(f64::to_bits));
        return Some((1, bits?.to_le_bytes().into()));
    }
    match word {
        "true" => Some((0, vec![1])),
        "false" => Some((0, vec![0])),
        _ => match integer(word) {
            Some(number) => Some((0, varint(number))),
            None => Some((1, word.parse::<f64>().ok()?.to_le_bytes().into())),
        },
    }
}

/// The bytes of a text in double quotes, with JSON's escapes.
fn quoted(rest: &mut &str) -> Result<Vec<u8>, String> {
    let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let text =
        texts.next().and_then(Result::ok).ok_or_else(|| format!("no whole text in quotes: {:?}", start(rest)))?;
    *rest = &rest[texts.byte_offset()..];
    Ok(text.into_bytes())
}

/// The bytes of hexadecimal digits between backticks.
fn hexadecimal(rest: &mut &str) -> Result<Vec<u8>, String> {
    let wrong = format!("expected pairs of hexadecimal digits between ` and `, found {:?}", start(rest));
    let Some((digits, after)) = rest[1..].split_once('`') else { return Err(wrong) };
    *rest = after;
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect::<Option<_>>().ok_or(wrong)
}

/// A number, seven bits a byte, the least first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Leaves out blanks, and comments from `#` to the end of their line.
fn skip_blank(rest: &mut &str) {
    loop {
        *rest = rest.trim_start();
        let Some(comment) = rest.strip_prefix('#') else { return };
        *rest = comment.split_once('\n').map_or("", |(_, next)| next);
    }
}

/// What a text begins with, for people.
fn start(text: &str) -> String {
    text.chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Protocol Buffers' own description of its encoding, and of each of
    /// Protoscope's literals.
    #[test]
    fn a_message_is_encoded_as_the_specification_shows() {
        let cases: &[(&str, &[u8])] = &[
            ("", &[]),
            ("1: 150", &[0x08, 0x96, 0x01]),
            ("2: {\"testing\"}", &[0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]),
            ("3: {1: 150}", &[0x1a, 0x03, 0x08, 0x96, 0x01]),
            ("1: -2", &[0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            ("1: -500z", &[0x08, 0xe7, 0x07]),
            ("1: 1i32 # a comment\n 16: 1.0", &[0x0d, 1, 0, 0, 0, 0x81, 0x01, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
            ("1:-1i64 2: true", &[0x09, 255, 255, 255, 255, 255, 255, 255, 255, 0x10, 1]),
            ("4: {`0aff` \"é\\n\"}", &[0x22, 5, 0x0a, 0xff, 0xc3, 0xa9, b'\n']),
            ("1: 18446744073709551615", &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            ("1: 1.5i32 2: {}", &[0x0d, 0, 0, 0xc0, 0x3f, 0x12, 0]),
        ];
        for (text, bytes) in cases {
            assert_eq!(encode(text).as_deref(), Ok(*bytes), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let deep = "1: {".repeat(40);
        let cases = [
            ("id: 5", "expected a field"),
            ("5", "expected a field"),
            ("0: 5", "1 to 536870911"),
            ("1: five", "field 1 has no value in \"five\""),
            ("1: \"five\"", "expected 5, -5, 5z, 5i32, 1.5, true, {\"text\"}"),
            ("1: 5i16", "no value"),
            ("1: {2: 3", "not closed"),
            ("1: 2 }", "too many"),
            ("1: {\"open}", "no whole text"),
            ("1: {`0af`}", "pairs"),
            ("1: {`0a}", "pairs"),
            (deep.as_str(), "deep"),
        ];
        for (text, words) in cases {
            let why = encode(text).expect_err(text);
            assert!(why.contains(words), "{text}: {why}");
        }
    }
}
