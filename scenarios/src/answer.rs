//! What a service said over HTTP, in the probes' words.

use reenact::probe::Answer;

/// What an error of the client's says about the service.
pub(crate) fn of_error(error: &reqwest::Error) -> Answer {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    let causes = std::iter::successors(std::error::Error::source(error), |&cause| cause.source());
    if causes.clone().any(refused) {
        Answer::Refused
    } else if error.is_timeout() || error.is_connect() {
        Answer::Hung { during: if error.is_connect() { "connect" } else { "request" }.into() }
    } else {
        let text = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        Answer::Error { code: "client".into(), text }
    }
}

/// An answer that came and cannot be understood: no value that a reader could mistake for one.
pub(crate) fn garbled(what: &str, said: impl std::fmt::Display) -> Answer {
    let said: String = said.to_string().chars().take(200).collect();
    Answer::Error { code: "garbled".into(), text: format!("{what} cannot be read from: {said}") }
}

/// An answer in a few words.
pub(crate) fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Values { values } => {
            let words: Vec<_> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            words.join(", ")
        }
        Answer::Error { code, text } if text.is_empty() => format!("error {code}, without a word"),
        Answer::Error { text, .. } => text.clone(),
        Answer::Refused => "connection refused".into(),
        Answer::Hung { during } => format!("no answer ({during})"),
    }
}
