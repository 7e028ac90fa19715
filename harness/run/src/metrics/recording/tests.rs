//! A recording of targets that answer, fail, hang and change.

use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use reenact_core::metrics::{Kind, Sample, Scrape, Series};
use tempfile::TempDir;

use super::*;
use crate::{archive::load_metrics, metrics::Exports};

/// What a target does at its scrapes, one after another; the last goes on for ever.
#[derive(Clone)]
enum Does {
    Say(&'static [(&'static str, f64)]),
    Fail(&'static str),
    Take(Duration),
    Hang,
}

struct Scripted {
    script: Vec<Does>,
    asked: usize,
    in_flight: Arc<AtomicUsize>,
}

#[async_trait]
impl Exports for Scripted {
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        let does = self.script[self.asked.min(self.script.len() - 1)].clone();
        self.asked += 1;
        assert_eq!(self.in_flight.fetch_add(1, Ordering::Relaxed), 0, "two requests at once");
        // A scrape that is given up leaves as well.
        let _leaves = Leaves(Arc::clone(&self.in_flight));
        let samples = match does {
            Does::Say(samples) => samples,
            Does::Fail(why) => return Err(why.into()),
            Does::Take(time) => {
                tokio::time::sleep(time).await;
                &[("x", 1.0)]
            }
            Does::Hang => std::future::pending().await,
        };
        let sample = |(name, value): &(&str, f64)| Sample {
            series: Series { name: (*name).into(), labels: Default::default() }.into(),
            kind: Kind::Gauge,
            value: *value,
        };
        Ok(samples.iter().map(sample).collect())
    }
}

struct Leaves(Arc<AtomicUsize>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn begin(scripts: Vec<Vec<Does>>) -> (Recording, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let target = |(at, script): (usize, Vec<Does>)| {
        Monitored::made("job", "n1", format!("n1:{at}"), Scripted { script, asked: 0, in_flight: Arc::default() })
    };
    let targets = scripts.into_iter().enumerate().map(target).collect();
    let begun = Recording::begin(folder.path(), Clock::start(), "toy::breaks", false, 1.0, None, targets);
    (begun.await.expect("it begins"), folder)
}

/// What was kept of one target after so long.
async fn scraped(script: Vec<Does>, time: Duration) -> Vec<Scrape> {
    let (recording, folder) = begin(vec![script]).await;
    tokio::time::sleep(time).await;
    recording.end().expect("it is kept");
    scrapes(&folder)
}

fn scrapes(folder: &TempDir) -> Vec<Scrape> {
    let lines = load_metrics(&folder.path().join(METRICS)).expect("readable");
    lines.into_iter().filter_map(|line| if let Line::Scrape(scrape) = line { Some(scrape) } else { None }).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn each_second_a_target_is_asked_and_what_vanishes_is_told() {
    let script = vec![Does::Say(&[("x", 1.0), ("y", 1.0)]), Does::Say(&[("x", 2.0)]), Does::Fail("refused")];
    let scrapes = scraped(script, SECOND * 7 / 2).await;
    assert_eq!(scrapes.iter().map(|scrape| scrape.at / 10).collect::<Vec<_>>(), [0, 100, 200, 300]);
    assert_eq!((scrapes[0].set.len(), scrapes[1].set.len(), scrapes[1].gone.len()), (2, 1, 1));
    assert_eq!(scrapes[3].down.as_deref(), Some("refused"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_is_given_up_after_the_timeout_and_asked_by_one_request_at_a_time() {
    let scrapes = scraped(vec![Does::Hang, Does::Say(&[("x", 1.0)])], SECOND * 21 / 2).await;
    assert_eq!(scrapes[0].down.as_deref(), Some("no answer within 10s"));
    assert_eq!((scrapes[0].at / 1000, scrapes[0].took_ms / 1000), (0, 10), "its time is the scrape's start");
    assert_eq!(scrapes[1].set.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_leaves_scrapes_out_and_does_not_make_up_for_them() {
    let scrapes = scraped(vec![Does::Take(SECOND * 5 / 2)], SECOND * 9).await;
    assert_eq!(scrapes.iter().map(|scrape| scrape.at / 1000).collect::<Vec<_>>(), [0, 2, 5]);
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_keeps_no_other_waiting() {
    let (recording, folder) = begin(vec![vec![Does::Hang], vec![Does::Say(&[("x", 1.0)])]]).await;
    tokio::time::sleep(SECOND * 5).await;
    recording.end().expect("it is kept");
    let scrapes = scrapes(&folder);
    assert!(scrapes.len() >= 4 && scrapes.iter().all(|scrape| scrape.target.instance == "n1:1"), "{scrapes:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_steady_only_once_every_target_has_answered() {
    let late = vec![Does::Fail("refused"), Does::Fail("refused"), Does::Say(&[("x", 1.0)])];
    let (recording, _folder) = begin(vec![vec![Does::Say(&[])], late]).await;
    let began = Instant::now();
    recording.answered().await.expect("both answer");
    assert!((2..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let (recording, _folder) = begin(vec![vec![Does::Fail("refused")]]).await;
    let error = recording.answered().await.expect_err("it never answers");
    assert!(matches!(error, Error::Inconclusive(_)));
    assert!(error.to_string().contains("job of n1:0: refused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn phases_never_go_back_and_are_kept() {
    let (mut recording, folder) = begin(vec![vec![Does::Say(&[])]]).await;
    let entered =
        [Phase::Steady, Phase::Broken, Phase::Onset, Phase::Broken, Phase::Over].map(|it| recording.enters(it));
    assert_eq!(entered, [true, true, false, false, true]);
    recording.end().expect("it is kept");
    let lines = load_metrics(&folder.path().join(METRICS)).expect("readable");
    let phases: Vec<_> = lines
        .iter()
        .filter_map(|line| if let Line::Phase { phase, .. } = line { Some(*phase) } else { None })
        .collect();
    assert_eq!(phases, [Phase::Steady, Phase::Broken, Phase::Over]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_killed_keeps_every_scrape_so_far() {
    let (recording, folder) = begin(vec![vec![Does::Say(&[("x", 1.0)])]]).await;
    tokio::time::sleep(SECOND * 5 / 2).await;
    // Nothing ends the stream: what is in the file is all there is.
    let copied = folder.path().join("copied");
    std::fs::copy(folder.path().join(METRICS), &copied).expect("a copy");
    assert_eq!(
        load_metrics(&copied).expect("readable").iter().filter(|line| matches!(line, Line::Scrape(_))).count(),
        3
    );
    drop(recording);
}
