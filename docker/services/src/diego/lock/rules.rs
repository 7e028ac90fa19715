//! The lock's rules, one by one.

use std::time::Duration;

use tokio::time::Instant;

use super::{Event, Machine, News, Order, Rules};
use crate::diego::consul::{Entry, LOCK_FLAGS};

const RULES: Rules = Rules {
    ttl: Duration::from_secs(10),
    retry: Duration::from_secs(5),
    renew_retry: Duration::from_secs(1),
    strict: false,
};

fn entry(session: Option<&str>) -> Option<Entry> {
    Some(Entry { session: session.map(Into::into), flags: LOCK_FLAGS })
}

/// A machine with session `a`, about to read the key.
fn with_session(now: Instant) -> Machine {
    let (mut machine, order) = Machine::new(RULES);
    assert_eq!(order, Order::Create { instead_of: None });
    let step = machine.on(Event::Created("a".into(), now), now);
    assert_eq!(step.order, Some(Order::Read { after: 0, consistent: false }));
    assert_eq!(step.renewal.expect("renewed").wait, RULES.ttl / 2);
    machine
}

fn holding(now: Instant) -> Machine {
    let mut machine = with_session(now);
    assert_eq!(machine.on(Event::Read(None, 7), now).order, Some(Order::Acquire("a".into())));
    let step = machine.on(Event::Acquired(true), now);
    assert_eq!((step.news, machine.holds()), (Some(News::Acquired), true));
    assert_eq!(step.order, Some(Order::Read { after: 0, consistent: true }));
    machine
}

fn lost(machine: &mut Machine, event: Event, now: Instant) -> String {
    let step = machine.on(event, now);
    assert_eq!((step.order, machine.holds()), (Some(Order::Stop), false));
    match step.news {
        Some(News::Lost(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_free_key_is_taken_and_watched() {
    let now = Instant::now();
    let mut machine = holding(now);
    let step = machine.on(Event::Read(entry(Some("a")), 9), now);
    assert_eq!((step.order, step.news), (Some(Order::Read { after: 9, consistent: true }), None));
}

#[test]
fn another_s_key_is_waited_for() {
    let now = Instant::now();
    let mut machine = with_session(now);
    let step = machine.on(Event::Read(entry(Some("b")), 9), now);
    assert_eq!((step.order, step.news), (Some(Order::Read { after: 9, consistent: false }), None));
    assert_eq!(machine.on(Event::Read(None, 10), now).order, Some(Order::Acquire("a".into())));
}

#[test]
fn a_key_with_other_flags_is_refused_and_tried_again() {
    let now = Instant::now();
    let mut machine = with_session(now);
    for foreign in [None, Some("a".to_owned()), Some("b".to_owned())] {
        let step = machine.on(Event::Read(Some(Entry { session: foreign, flags: 0 }), 9), now);
        assert_eq!(step.news, Some(News::Failed("Existing key does not match lock use".into())));
        assert_eq!(step.order, Some(Order::Wait(RULES.retry)));
        let again = machine.on(Event::Due, now).order;
        assert_eq!(again, Some(Order::Create { instead_of: Some("a".into()) }));
        machine.on(Event::Created("a".into(), now), now);
    }
}

#[test]
fn a_key_that_is_free_and_refused_is_under_the_lock_delay() {
    let now = Instant::now();
    let mut machine = with_session(now);
    machine.on(Event::Read(None, 9), now);
    assert_eq!(machine.on(Event::Acquired(false), now).order, Some(Order::Read { after: 0, consistent: false }));
    assert_eq!(machine.on(Event::Read(None, 9), now).order, Some(Order::Wait(RULES.retry)));
    assert_eq!(machine.on(Event::Due, now).order, Some(Order::Read { after: 0, consistent: false }));
    assert_eq!(machine.on(Event::Read(None, 9), now).order, Some(Order::Acquire("a".into())));
}

#[test]
fn a_key_that_was_taken_meanwhile_is_waited_for() {
    let now = Instant::now();
    let mut machine = with_session(now);
    machine.on(Event::Read(None, 9), now);
    machine.on(Event::Acquired(false), now);
    let step = machine.on(Event::Read(entry(Some("b")), 10), now);
    assert_eq!(step.order, Some(Order::Read { after: 10, consistent: false }));
}

#[test]
fn the_lock_is_lost_with_the_key() {
    let now = Instant::now();
    assert!(lost(&mut holding(now), Event::Read(None, 9), now).contains("nobody"));
    assert!(lost(&mut holding(now), Event::Read(entry(None), 9), now).contains("nobody"));
    assert!(lost(&mut holding(now), Event::Read(entry(Some("b")), 9), now).contains("b's"));
}

#[test]
fn the_lock_is_lost_with_the_session() {
    let now = Instant::now();
    assert_eq!(lost(&mut holding(now), Event::SessionGone, now), "session expired");
}

#[test]
fn a_look_that_fails_is_repeated_or_strictly_is_the_end() {
    let now = Instant::now();
    let mut machine = holding(now);
    let step = machine.on(Event::Failed("no leader".into()), now);
    assert_eq!((step.order, step.news), (Some(Order::Wait(RULES.renew_retry)), None));
    assert_eq!(machine.on(Event::Due, now).order, Some(Order::Read { after: 0, consistent: true }));
    machine.rules.strict = true;
    assert_eq!(lost(&mut machine, Event::Failed("no leader".into()), now), "no leader");
}

#[test]
fn a_session_is_given_up_a_time_to_live_after_its_last_renewal() {
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    let mut machine = holding(begin);
    machine.on(Event::Renewed(at(5)), at(6));
    let step = machine.on(Event::NotRenewed("500".into()), at(14));
    let renewal = step.renewal.expect("tried again");
    assert_eq!((renewal.wait, renewal.until), (RULES.renew_retry, at(15)), "from when it was asked for");
    assert!(lost(&mut machine, Event::NotRenewed("500".into()), at(15)).contains("not renewed in time"));
}

#[test]
fn what_fails_without_the_lock_is_begun_again() {
    let now = Instant::now();
    let (mut machine, _) = Machine::new(RULES);
    let step = machine.on(Event::Failed("no leader".into()), now);
    assert_eq!((step.order, step.news), (Some(Order::Wait(RULES.retry)), Some(News::Failed("no leader".into()))));
    assert_eq!(machine.on(Event::Due, now).order, Some(Order::Create { instead_of: None }));
}

#[test]
fn a_lost_lock_stays_lost() {
    let now = Instant::now();
    let mut machine = holding(now);
    lost(&mut machine, Event::SessionGone, now);
    for event in [Event::Due, Event::Acquired(true), Event::Read(entry(Some("a")), 1), Event::Renewed(now)] {
        let step = machine.on(event, now);
        assert_eq!((step.order, step.news, machine.holds()), (Some(Order::Stop), None, false));
    }
}
