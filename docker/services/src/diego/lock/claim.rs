//! A claim to the lock: carries out what the [`Machine`] orders.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Event, Machine, News, Order, Renewal, Rules, Step};
use crate::diego::consul::Agent;

/// How long the end of a session may take: the process is on its way out.
const FAREWELL: Duration = Duration::from_secs(2);

type Happening = Pin<Box<dyn Future<Output = Event> + Send>>;

/// What is claimed, of whom, and by whom.
#[derive(Debug)]
struct Key {
    agent: Agent,
    name: String,
    value: Vec<u8>,
    ttl: Duration,
}

/// One process's claim to a lock.
pub struct Claim {
    key: Arc<Key>,
    machine: Machine,
    /// What is under way about the key.
    step: Happening,
    /// The next renewal of the session.
    renewal: Happening,
}

impl Claim {
    /// A claim to the key `name`, whose entry will be `value`. Nothing is done until
    /// [`Claim::next`] is awaited.
    #[must_use]
    pub fn new(agent: Agent, name: String, value: Vec<u8>, rules: Rules) -> Self {
        let key = Arc::new(Key { agent, name, value, ttl: rules.ttl });
        let (machine, order) = Machine::new(rules);
        let step = Arc::clone(&key).carry_out(order);
        Self { key, machine, step, renewal: Box::pin(std::future::pending()) }
    }

    /// Works on the claim until something is new. What is dropped half-way goes on with
    /// the next call. After [`News::Lost`] nothing is new any more.
    pub async fn next(&mut self) -> News {
        loop {
            let event = tokio::select! {
                event = &mut self.step => event,
                event = &mut self.renewal => event,
            };
            let renews = matches!(event, Event::Renewed(_) | Event::NotRenewed(_) | Event::SessionGone);
            let Step { order, renewal, news } = self.machine.on(event, Instant::now());
            match order {
                Some(order) => self.step = Arc::clone(&self.key).carry_out(order),
                // Each of the two is over when it has happened, and must not be polled.
                None if !renews => self.step = Box::pin(std::future::pending()),
                None => {}
            }
            match renewal {
                Some(renewal) => self.renewal = Arc::clone(&self.key).renew(renewal),
                None if renews || self.machine.session().is_none() || news_ends(news.as_ref()) => {
                    self.renewal = Box::pin(std::future::pending());
                }
                None => {}
            }
            if let Some(news) = news {
                return news;
            }
        }
    }

    /// Ends the session, as an orderly exit does, so that another may have the lock at
    /// once. What cannot be ended ends by itself.
    pub async fn release(self) {
        if let Some(session) = self.machine.session() {
            drop(timeout(FAREWELL, self.key.agent.destroy_session(session)).await);
        }
    }
}

/// Whether the session is given up with this.
fn news_ends(news: Option<&News>) -> bool {
    matches!(news, Some(News::Failed(_) | News::Lost(_)))
}

impl Key {
    fn carry_out(self: Arc<Self>, order: Order) -> Happening {
        Box::pin(async move {
            match order {
                Order::Create { instead_of } => self.create(instead_of).await,
                Order::Read { after, consistent } => {
                    let read = self.agent.read(&self.name, after, consistent).await;
                    read.map_or_else(
                        |error| Event::Failed(format!("failed to read lock: {error}")),
                        |(entry, index)| Event::Read(entry, index),
                    )
                }
                Order::Acquire(session) => {
                    let acquired = self.agent.acquire(&self.name, &session, &self.value).await;
                    acquired
                        .map_or_else(|error| Event::Failed(format!("failed to acquire lock: {error}")), Event::Acquired)
                }
                Order::Wait(time) => {
                    sleep(time).await;
                    Event::Due
                }
                Order::Stop => std::future::pending().await,
            }
        })
    }

    async fn create(&self, instead_of: Option<String>) -> Event {
        if let Some(session) = instead_of {
            drop(timeout(FAREWELL, self.agent.destroy_session(&session)).await);
        }
        let asked = Instant::now();
        let created = self.agent.create_session(&self.name.replace('/', "-"), self.ttl).await;
        created.map_or_else(
            |error| Event::Failed(format!("failed to create session: {error}")),
            |id| Event::Created(id, asked),
        )
    }

    fn renew(self: Arc<Self>, Renewal { session, wait, until }: Renewal) -> Happening {
        Box::pin(async move {
            tokio::select! {
                () = sleep(wait) => {}
                () = tokio::time::sleep_until(until) => {}
            }
            let asked = Instant::now();
            match timeout_at(until, self.agent.renew_session(&session)).await {
                Ok(Ok(true)) => Event::Renewed(asked),
                Ok(Ok(false)) => Event::SessionGone,
                Ok(Err(error)) => Event::NotRenewed(error.to_string()),
                Err(_) => Event::NotRenewed("the agent does not answer in time".into()),
            }
        })
    }
}
