//! One pass over an expression's letters.

use super::{Expression, Matcher, Selector};
use crate::duration;

/// Words that are neither metrics nor functions.
const KEYWORDS: [&str; 9] = ["and", "or", "unless", "atan2", "bool", "inf", "nan", "start", "end"];
/// Words after which a list of labels stands.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// The open brackets: the function before each, if any, and how many selectors stood before.
    open: Vec<(Option<String>, usize)>,
    /// The selectors that the last thing read may give a range to.
    last: std::ops::Range<usize>,
    read: Expression,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, open: Vec::new(), last: 0..0, read: Expression::default() }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        while let Some(letter) = self.peek() {
            match letter {
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                letter if letter.is_whitespace() => self.at += letter.len_utf8(),
                _ => break,
            }
        }
    }

    pub(super) fn expression(mut self) -> Expression {
        loop {
            self.skip_space();
            let Some(letter) = self.peek() else { break };
            match letter {
                '"' | '\'' | '`' => drop(self.string()),
                '{' => self.selector(None, self.at),
                '[' => self.range(),
                '(' => {
                    self.at += 1;
                    self.open.push((None, self.read.selectors.len()));
                }
                ')' => {
                    self.at += 1;
                    let from = self.open.pop().map_or(0, |(_, from)| from);
                    self.last = from..self.read.selectors.len();
                }
                letter if letter.is_ascii_alphabetic() || letter == '_' || letter == ':' => self.word(),
                letter if letter.is_ascii_digit() => self.at += self.letters(|l| l.is_ascii_alphanumeric() || l == '.'),
                other => {
                    if !matches!(other, ',' | ']') {
                        self.read.operators.insert(other);
                    }
                    self.at += other.len_utf8();
                }
            }
        }
        self.read
    }

    /// How many bytes from here on are of such letters.
    fn letters(&self, is: impl Fn(char) -> bool) -> usize {
        self.rest().find(|letter| !is(letter)).unwrap_or(self.rest().len())
    }

    fn word(&mut self) {
        let begin = self.at;
        self.at += self.letters(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':');
        let word = &self.text[begin..self.at];
        let lower = word.to_ascii_lowercase();
        self.skip_space();
        match self.peek() {
            _ if lower == "offset" => self.offset(),
            Some('(') if BEFORE_LABELS.contains(&lower.as_str()) => {
                self.at += self.rest().find(')').map_or(self.rest().len(), |end| end + 1);
            }
            _ if BEFORE_LABELS.contains(&lower.as_str()) => {}
            Some('(') => {
                self.at += 1;
                self.read.words.insert(lower.clone());
                self.open.push((Some(lower), self.read.selectors.len()));
            }
            _ if KEYWORDS.contains(&lower.as_str()) => drop(self.read.words.insert(lower)),
            // `sum by (x) (…)`: the function's bracket comes after its labels.
            _ if is_before_labels(self.rest()) => self.aggregation(lower),
            Some('{') => self.selector(Some(word.to_owned()), begin),
            _ => self.push(Selector { name: Some(word.to_owned()), ..Selector::default() }, begin),
        }
    }

    fn aggregation(&mut self, name: String) {
        self.at += self.rest().find(')').map_or(self.rest().len(), |end| end + 1);
        self.skip_space();
        if self.peek() == Some('(') {
            self.at += 1;
            self.open.push((Some(name.clone()), self.read.selectors.len()));
        }
        self.read.words.insert(name);
    }

    fn push(&mut self, selector: Selector, begin: usize) {
        let within = self.open.iter().filter_map(|(function, _)| function.clone()).collect();
        let text = self.text[begin..self.at].trim_end().to_owned();
        self.read.selectors.push(Selector { within, text, ..selector });
        self.last = self.read.selectors.len() - 1..self.read.selectors.len();
    }

    fn selector(&mut self, mut name: Option<String>, begin: usize) {
        self.at += 1;
        let mut matchers = Vec::new();
        loop {
            self.skip_space();
            let Some(letter) = self.peek() else { break };
            match letter {
                '}' => {
                    self.at += 1;
                    break;
                }
                ',' => self.at += 1,
                _ => match self.matcher() {
                    // A quoted name alone is the metric's.
                    Some((quoted, None)) => name = Some(quoted),
                    Some((_, Some(matcher))) => matchers.push(matcher),
                    None => break,
                },
            }
        }
        self.push(Selector { name, matchers, ..Selector::default() }, begin);
    }

    fn matcher(&mut self) -> Option<(String, Option<Matcher>)> {
        let label = match self.peek()? {
            '"' | '\'' | '`' => self.string(),
            _ => {
                let length = self.letters(|letter| letter.is_ascii_alphanumeric() || letter == '_');
                let label = self.rest()[..length].to_owned();
                self.at += length;
                label
            }
        };
        self.skip_space();
        let Some(operator) = OPERATORS.into_iter().find(|operator| self.rest().starts_with(operator)) else {
            return (!label.is_empty()).then_some((label, None));
        };
        self.at += operator.len();
        self.skip_space();
        let value = self.string();
        Some((label.clone(), Some(Matcher::of(label, operator, value)?)))
    }

    /// A quoted text without its quotes; up to the end where it is not closed.
    fn string(&mut self) -> String {
        let Some(quote @ ('"' | '\'' | '`')) = self.peek() else { return String::new() };
        self.at += 1;
        let mut text = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                letter if letter == quote => {
                    self.at += at + 1;
                    return text;
                }
                '\\' if quote != '`' => match letters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => {}
                },
                other => text.push(other),
            }
        }
        self.at = self.text.len();
        text
    }

    /// `[5m]` after a selector, `[1h:30s]` after anything.
    fn range(&mut self) {
        let end = self.rest().find(']').unwrap_or(self.rest().len());
        let inner = self.rest()[..end].trim_start_matches('[');
        let range = duration::parse(inner.split(':').next().unwrap_or_default().trim()).unwrap_or_default();
        let is_own = !inner.contains(':');
        for selector in &mut self.read.selectors[self.last.clone()] {
            selector.reaches_ms += range;
            if is_own {
                selector.range_ms = range;
            }
        }
        self.at += (end + 1).min(self.rest().len());
    }

    fn offset(&mut self) {
        // A negative one looks ahead, which needs nothing recorded before.
        let is_ahead = self.peek() == Some('-');
        self.at += usize::from(is_ahead);
        self.skip_space();
        let length = self.letters(|letter| letter.is_ascii_alphanumeric());
        let offset = duration::parse(&self.rest()[..length]).unwrap_or_default();
        self.at += length;
        if !is_ahead {
            for selector in &mut self.read.selectors[self.last.clone()] {
                selector.reaches_ms += offset;
            }
        }
    }
}

/// Whether `by (…)` or `without (…)` follows.
fn is_before_labels(rest: &str) -> bool {
    ["by", "without"].iter().any(|word| {
        let after = rest.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word)).map(|_| &rest[word.len()..]);
        after.is_some_and(|after| after.trim_start().starts_with('('))
    })
}
