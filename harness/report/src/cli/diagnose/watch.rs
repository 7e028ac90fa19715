//! `reenact diagnose --watch`: looks again and again, prints what changes, and serves what fires
//! in Prometheus' text, so that a detector can be an alert rule.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Diagnose, EVERY, report, say};
use reenact_core::{Error, Result};
use reenact_diagnose::{Gathered, Inventory, Report, Word};

/// So many looks at each node are kept: longer than any detector's hold.
const KEPT: usize = 20;

/// The logs are read at each so manieth look.
const LOGS: usize = 5;

/// Whoever asks has so long to do it.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn watch(options: &Diagnose, inventory: &Inventory) -> Result<u8> {
    let system = options.system()?;
    let page = Arc::new(Mutex::new(String::new()));
    if let Some(address) = options.prometheus {
        serve(address, Arc::clone(&page))?;
    }
    let mut shells = options.shells(system)?;
    let mut looks: VecDeque<Vec<Gathered>> = VecDeque::new();
    let mut known = BTreeMap::new();
    for number in 0_usize.. {
        let next = Instant::now() + EVERY;
        looks.push_back(shells.look(number % LOGS == 0));
        if looks.len() > KEPT {
            looks.pop_front();
        }
        let gathered = looks.iter().flatten().cloned().collect();
        let report = report(system, gathered, inventory)?;
        tell_changes(options, &report, &mut known);
        *page.lock().unwrap_or_else(PoisonError::into_inner) = exposition(&report);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(0)
}

/// Prints each detector whose word is another than before.
fn tell_changes(options: &Diagnose, report: &Report, known: &mut BTreeMap<&'static str, Word>) {
    for finding in &report.diagnosis.findings {
        let before = known.insert(finding.detector, finding.verdict);
        let is_news = before != Some(finding.verdict) && (before.is_some() || finding.verdict != Word::Quiet);
        if !is_news {
            continue;
        }
        if options.json {
            say(crate::to_json(finding));
        } else {
            let word = match finding.verdict {
                Word::Fired => "FIRED",
                Word::IfItLasts => "if it lasts",
                Word::Unknown => "unknown",
                Word::Quiet => "quiet",
            };
            let why = finding.evidence.first().or(finding.why.as_ref()).map_or("", String::as_str);
            say(format!("{:.0}  {word}  {}  {why}", report.diagnosis.at, finding.detector));
        }
    }
}

/// What fires, in Prometheus' text.
fn exposition(report: &Report) -> String {
    let mut text =
        String::from("# HELP reenact_diagnosis Whether the detector fires.\n# TYPE reenact_diagnosis gauge\n");
    let line = |text: &mut String, name: &str, detector: &str, value: bool| {
        let _ = writeln!(text, "{name}{{system=\"{}\",detector=\"{detector}\"}} {}", report.system, u8::from(value));
    };
    for finding in &report.diagnosis.findings {
        line(&mut text, "reenact_diagnosis", finding.detector, finding.verdict == Word::Fired);
    }
    text.push_str("# HELP reenact_diagnosis_unknown Whether the detector lacks signals.\n# TYPE reenact_diagnosis_unknown gauge\n");
    for finding in &report.diagnosis.findings {
        line(&mut text, "reenact_diagnosis_unknown", finding.detector, finding.verdict == Word::Unknown);
    }
    text
}

/// Serves the page to whoever asks, one at a time.
fn serve(address: SocketAddr, page: Arc<Mutex<String>>) -> Result<()> {
    let listener = TcpListener::bind(address).map_err(|error| {
        Error::environment(format!("cannot listen on {address}: {error}"), "give another address with --prometheus")
    })?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let text = page.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // Whoever goes away meanwhile wants no answer.
            let _ = answer(stream, &text);
        }
    });
    Ok(())
}

fn answer(mut stream: TcpStream, text: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = BufReader::new(stream.try_clone()?).lines().take(100);
    // The request ends with an empty line.
    while request.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(text.as_bytes())
}
