//! Texts that may hold anything, such as log lines, made fit to be shown.

use std::{borrow::Cow, fmt::Write, sync::LazyLock};

use regex::Regex;

/// A whole document without what it must not hold: control characters, which XML
/// forbids, become U+FFFD; those that turn the direction of reading, by which a line can
/// show other than it says, are named instead. To be done last: no markup has any.
pub(super) fn clean(document: &str) -> String {
    let mut clean = String::with_capacity(document.len());
    for letter in document.chars() {
        match letter {
            '\n' | '\t' => clean.push(letter),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(clean, "[U+{:04X}]", u32::from(letter));
            }
            bad if bad.is_control() || u32::from(bad) & 0xfffe == 0xfffe => clean.push('\u{fffd}'),
            other => clean.push(other),
        }
    }
    clean
}

/// At most so many letters of a text, and how many were left out. The colours that it
/// would have on a terminal are too.
pub(super) fn short(text: &str, most: usize) -> Cow<'_, str> {
    let text = plain(text);
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => {
            let more = text[end..].chars().count();
            Cow::Owned(format!("{}… ({more} more characters)", &text[..end]))
        }
    }
}

/// A text without the colours that it would have on a terminal.
fn plain(line: &str) -> Cow<'_, str> {
    static COLOURS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("\x1b\\[[0-9;:?]*[ -/]*[@-~]").ok());
    COLOURS.as_ref().map_or(Cow::Borrowed(line), |colours| colours.replace_all(line, ""))
}

/// A word of a command line, in quotes where a shell would take it apart.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    // What a shell cannot be given at all, a zero byte, is in no word of a command line.
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_must_not_hold_is_shown_otherwise() {
        assert_eq!(clean("a\0b\u{1b}\tc\n\u{202e}d\u{ffff}"), "a\u{fffd}b\u{fffd}\tc\n[U+202E]d\u{fffd}");
    }

    #[test]
    fn a_long_text_says_how_much_is_left_out() {
        assert_eq!(short("größer", 3), "grö… (3 more characters)");
        assert_eq!(short("größer", 6), "größer");
    }

    #[test]
    fn colours_of_the_terminal_are_left_out() {
        assert_eq!(plain("\u{1b}[1;31mERROR\u{1b}[0m x [0m"), "ERROR x [0m");
    }

    #[test]
    fn a_shell_takes_a_quoted_word_as_one() {
        assert_eq!(quoted("a::b"), "a::b");
        for word in ["it's $(x)", "", "two words", "a\nb", "*"] {
            assert_eq!(shlex::split(&quoted(word)), Some(vec![word.to_owned()]));
        }
    }
}
