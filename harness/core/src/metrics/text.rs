//! The text format in which exporters give their samples:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::{collections::BTreeMap, sync::Arc};

use super::{Kind, Sample, Series};

/// Beginnings of the names of what tells of the exporter itself and not of what it watches. They
/// are most of what changes from scrape to scrape.
const OF_THE_EXPORTER: [&str; 3] = ["go_", "process_", "promhttp_"];

/// Reads the answers of one exporter. Most lines are those of its last answer with other values, so
/// their series are taken from there: a testbed has thousands of them each second.
#[derive(Debug, Default)]
pub struct Parser {
    /// Of the last answer, in its order.
    last: Vec<Known>,
}

/// A series as an answer wrote it.
#[derive(Debug, Clone)]
struct Known {
    text: Box<str>,
    series: Arc<Series>,
}

impl Parser {
    /// Reads an answer. Stamps of samples are left out: a sample's time is its scrape's. So is what
    /// tells of the exporter itself.
    ///
    /// # Errors
    /// What line cannot be read, and why.
    pub fn parse(&mut self, text: &str) -> Result<Vec<Sample>, String> {
        let (mut family, mut samples) = (Family::default(), Vec::with_capacity(self.last.len()));
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                family = Family::declared(line).unwrap_or(family);
                continue;
            }
            let line = line.trim();
            if !line.is_empty() && !OF_THE_EXPORTER.iter().any(|prefix| line.starts_with(prefix)) {
                let unreadable =
                    |why| format!("line {} of the answer cannot be read, {why}: {}", number + 1, shortened(line));
                samples.push(self.sample(samples.len(), line, family).map_err(unreadable)?);
            }
        }
        self.last.truncate(samples.len());
        Ok(samples)
    }

    /// The sample of a line, the one with that number.
    fn sample(&mut self, number: usize, line: &str, family: Family<'_>) -> Result<Sample, &'static str> {
        let is_whole = |rest: &&str| rest.starts_with([' ', '\t']);
        let known = self.last.get(number);
        let known = known.and_then(|known| Some((known, line.strip_prefix(&*known.text).filter(is_whole)?)));
        let (series, value) = match known {
            Some((known, rest)) => (Arc::clone(&known.series), value(rest)?),
            None => {
                let (series, rest) = series(line)?;
                let (value, series) = (value(rest)?, Arc::new(series));
                let known = Known { text: line[..line.len() - rest.len()].into(), series: Arc::clone(&series) };
                match self.last.get_mut(number) {
                    Some(last) => *last = known,
                    None => self.last.push(known),
                }
                (series, value)
            }
        };
        Ok(Sample { kind: family.kind(&series.name), series, value })
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(120).collect()
}

/// What was declared last. All samples of a metric follow their declaration.
#[derive(Debug, Default, Clone, Copy)]
struct Family<'t> {
    name: &'t str,
    kind: &'t str,
}

impl<'t> Family<'t> {
    /// `# TYPE name kind`.
    fn declared(line: &'t str) -> Option<Self> {
        let mut words = line.strip_prefix("# TYPE ")?.split_ascii_whitespace();
        Some(Self { name: words.next()?, kind: words.next()? })
    }

    /// Of a histogram and a summary, all but a summary's quantiles only go up.
    fn kind(&self, series: &str) -> Kind {
        let Some(part) = series.strip_prefix(self.name) else { return Kind::Untyped };
        match (self.kind, part) {
            ("counter", "") | ("histogram" | "summary", "_sum" | "_count") | ("histogram", "_bucket") => Kind::Counter,
            // Quantiles of a summary have its own name.
            ("gauge" | "summary", "") => Kind::Gauge,
            _ => Kind::Untyped,
        }
    }
}

/// The series of `name{label="value",…} value [stamp]`, and what follows it.
fn series(line: &str) -> Result<(Series, &str), &'static str> {
    let end = line.bytes().position(|byte| byte == b'{' || byte.is_ascii_whitespace()).ok_or("there is no value")?;
    let (name, rest) = line.split_at(end);
    if !is_name(name) {
        return Err("that is no metric's name");
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (BTreeMap::new(), rest),
    };
    Ok((Series { name: name.into(), labels }, rest))
}

/// The first word: what follows is a stamp.
fn value(rest: &str) -> Result<f64, &'static str> {
    let word = rest.split_ascii_whitespace().next().ok_or("there is no value")?;
    // Rust reads NaN, Inf, +Inf and -Inf as they are written there.
    word.parse().map_err(|_| "that is no number")
}

fn is_name(name: &str) -> bool {
    let mut all = name.bytes();
    let first = all.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':');
    first && all.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// The labels, from behind the opening brace, and what follows the closing one.
fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), &'static str> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, value) = rest.split_once('=').ok_or("a label has no value")?;
        let (name, value) = (name.trim(), value.trim_start());
        if !is_name(name) {
            return Err("that is no label's name");
        }
        let (text, behind) = quoted(value.strip_prefix('"').ok_or("a label's value is not quoted")?)?;
        labels.insert(name.into(), text);
        rest = behind;
    }
}

/// A quoted text, from behind the opening quote, and what follows the closing one.
fn quoted(rest: &str) -> Result<(String, &str), &'static str> {
    let mut text = String::new();
    let mut all = rest.char_indices();
    while let Some((at, one)) = all.next() {
        match one {
            '"' => return Ok((text, &rest[at + 1..])),
            '\\' => match all.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            other => text.push(other),
        }
    }
    Err("a label's value does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Sample>, String> {
        Parser::default().parse(text)
    }

    /// Each sample in one line.
    fn lines(samples: Vec<Sample>) -> Vec<String> {
        let told =
            |Sample { series, kind, value }: Sample| format!("{kind:?} {} {:?} {value}", series.name, series.labels);
        samples.into_iter().map(told).collect()
    }

    fn told(text: &str) -> Vec<String> {
        lines(parse(text).expect("readable"))
    }

    #[test]
    fn an_answer_is_read_alike_whatever_came_before_it() {
        let answers = [
            "# TYPE c counter\nc{a=\"1\"} 1\nc{a=\"2\"} 2\n# TYPE g gauge\ng 3\n",
            // Other values, one with a stamp.
            "# TYPE c counter\nc{a=\"1\"} 4 1395066363000\nc{a=\"2\"} NaN\n# TYPE g gauge\ng 5\n",
            // One has gone, and one has come that only begins like another.
            "# TYPE c counter\nc{a=\"2\"} 6\n# TYPE g gauge\ng_more 7\ng 8\n",
            "",
            "# TYPE c gauge\nc{a=\"1\"} 1\n",
            "# TYPE c counter\nc 1\nc{a=\"1\"} 2\nc{a=\"1\",b=\"2\"} 3\n",
        ];
        let mut parser = Parser::default();
        for answer in answers {
            assert_eq!(lines(parser.parse(answer).expect("readable")), told(answer), "{answer}");
            let broken = parser.parse("c{a=\"1\"} one").expect_err("no number");
            assert!(broken.contains("no number"), "{broken}");
            assert_eq!(lines(parser.parse(answer).expect("readable")), told(answer), "after a broken answer");
        }
        let (first, second) =
            (parser.parse(answers[1]).expect("readable"), parser.parse(answers[0]).expect("readable"));
        assert!(Arc::ptr_eq(&first[0].series, &second[0].series), "what is known is not made anew");
    }

    #[test]
    fn names_labels_values_and_stamps_are_read() {
        let text = "# HELP x Some\n# TYPE x gauge\nx 1\nx{} 2\nx{a=\"b\",} 3.5e+02 1395066363000\n  x{ a = \"c\" , d=\"\"} -4\n\n";
        assert_eq!(
            told(text),
            [r#"Gauge x {} 1"#, r#"Gauge x {} 2"#, r#"Gauge x {"a": "b"} 350"#, r#"Gauge x {"a": "c", "d": ""} -4"#]
        );
    }

    #[test]
    fn escapes_are_taken_back_and_braces_and_equals_signs_in_values_are_text() {
        let samples = parse(r#"x{path="C:\\DIR\\",text="a \"b\"\n}={,é"} 1"#).expect("readable");
        assert_eq!(samples[0].series.labels["path"], r"C:\DIR\");
        assert_eq!(samples[0].series.labels["text"], "a \"b\"\n}={,é");
    }

    #[test]
    fn no_number_and_the_infinities_are_values() {
        let values: Vec<_> =
            parse("a NaN\nb +Inf\nc -Inf\nd Inf").expect("readable").iter().map(|it| it.value).collect();
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY]);
    }

    #[test]
    fn what_counts_up_is_known_by_its_declaration() {
        let text = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3\nh_sum 2\nh_count 3\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 4\n\
                    # TYPE c_total counter\nc_total 5\n# TYPE u untyped\nu 6\nlone_count 7\n# TYPE g_sum gauge\ng_sum 8\n";
        let kinds: Vec<_> =
            parse(text).expect("readable").into_iter().map(|it| (it.series.name.clone(), it.kind)).collect();
        let expected = [
            ("h_bucket", Kind::Counter),
            ("h_sum", Kind::Counter),
            ("h_count", Kind::Counter),
            ("s", Kind::Gauge),
            ("s_sum", Kind::Counter),
            ("c_total", Kind::Counter),
            ("u", Kind::Untyped),
            ("lone_count", Kind::Untyped),
            ("g_sum", Kind::Gauge),
        ];
        assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn what_tells_of_the_exporter_itself_is_left_out() {
        let text =
            "go_goroutines 8\nprocess_open_fds 9\npromhttp_metric_handler_requests_total{code=\"200\"} 1\ngolden 1\n";
        assert_eq!(told(text), ["Untyped golden {} 1"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (line, why) in [
            ("<html>", "there is no value"),
            ("<html lang=\"en\">", "no metric's name"),
            ("1x 1", "no metric's name"),
            ("x", "there is no value"),
            ("x{a=\"b\"}", "there is no value"),
            ("x one", "no number"),
            ("x{a=b} 1", "not quoted"),
            ("x{a} 1", "no value"),
            ("x{=\"b\"} 1", "no label's name"),
            ("x{a=\"b 1", "does not end"),
            ("x{a=\"b\\", "does not end"),
        ] {
            let error = parse(&format!("up 1\n{line}\n")).expect_err(line);
            assert!(error.starts_with("line 2") && error.contains(why), "{line}: {error}");
        }
    }
}
