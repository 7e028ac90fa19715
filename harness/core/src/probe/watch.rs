//! Probes, and the tasks that keep them looking.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Signal, Stream};
use crate::{Error, Result};

/// How long a look may take: whoever has not answered by then hangs. It is shorter than what was
/// seen stays [known](crate::detect::FRESH), so that who hangs is known to hang from look to look.
pub const LOOK: Duration = Duration::from_secs(2);

/// Reads one signal of one node.
#[async_trait]
pub trait Probe: Send + 'static {
    /// The node it looks at.
    fn node(&self) -> &str;

    /// Looks once, for no longer than [`LOOK`]. A probe that could not look says [`Signal::Blind`].
    async fn look(&mut self) -> Vec<Signal>;

    /// The node's state in a few words, if this signal tells it.
    fn state(&self, _signal: &Signal) -> Option<String> {
        None
    }
}

/// The running probes of a testbed.
pub struct Watch {
    tasks: JoinSet<()>,
}

impl Watch {
    /// Starts each probe at its own interval; a zero interval is for probes that
    /// wait for news by themselves.
    pub fn start(stream: &Arc<Stream>, probes: Vec<(Duration, Box<dyn Probe>)>) -> Self {
        let mut tasks = JoinSet::new();
        for (every, probe) in probes {
            tasks.spawn(keep_looking(Arc::clone(stream), every, probe));
        }
        Self { tasks }
    }

    /// Ends all probes.
    ///
    /// # Errors
    /// [`Error::Bug`] if one of them had panicked: its silence proves nothing.
    pub async fn stop(mut self) -> Result<()> {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                return Err(Error::Bug(format!("a probe panicked: {error}")));
            }
        }
        Ok(())
    }
}

async fn keep_looking(stream: Arc<Stream>, every: Duration, mut probe: Box<dyn Probe>) {
    let mut ticks = (!every.is_zero()).then(|| interval(every));
    if let Some(ticks) = &mut ticks {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        for signal in probe.look().await {
            if let Some(state) = probe.state(&signal) {
                stream.set_state(probe.node(), state);
            }
            stream.record(probe.node(), signal);
        }
    }
}

/// For a probe that could not look.
pub fn blind(probe: &str, error: Error) -> Signal {
    Signal::Blind { probe: probe.into(), why: error.to_string() }
}
