//! Placeholders in a file's texts: `{id}`, `{database}`.

/// What requests may hold.
pub(super) const OF_REQUEST: [&str; 3] = ["id", "value", "uuid"];

/// What the textual form of an id begins with where a service wants a UUID.
const UUID: &str = "00000000-0000-4000-8000-";

/// A text's placeholders: plain words in braces. Other braces, such as JSON's, are text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Place(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// The text with each placeholder filled in.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> String) -> String {
    pieces(text)
        .map(|piece| match piece {
            Piece::Place(name) => value(name),
            Piece::Text(text) => text.to_owned(),
        })
        .collect()
}

/// A request's text with its placeholders filled in.
pub(super) fn fill_request(text: &str, id: u64, value: u64) -> String {
    fill(text, |name| match name {
        "value" => value.to_string(),
        "uuid" => format!("{UUID}{id:012x}"),
        _ => id.to_string(),
    })
}

/// The id that a text stands for: a number, or the UUID that was made of one.
pub(super) fn id_of(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.to_ascii_lowercase().strip_prefix(UUID) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, length) = match place_at_start(rest) {
            Some(name) => (Piece::Place(name), name.len() + 2),
            None => {
                let end = rest.char_indices().skip(1).find(|&(at, letter)| letter == '{' && at > 0);
                let end = end.map_or(rest.len(), |(at, _)| at);
                (Piece::Text(&rest[..end]), end)
            }
        };
        rest = &rest[length..];
        Some(piece)
    })
}

/// The name of the placeholder that a text begins with.
fn place_at_start(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|letter| letter.is_ascii_lowercase());
    let word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
    (begins && letters.all(word)).then_some(name)
}
