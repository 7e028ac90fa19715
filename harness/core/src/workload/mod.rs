//! The workload: seeded clients that write during the run, and now and then read; and the ledger
//! of what became of each write and what each read saw.

mod ledger;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{Error, Result};

pub use ledger::{Ack, Entry, Ledger, Read};

/// How long a write may take before nothing is known of it. Well above the longest
/// stall that an eviction causes on the surviving side (6.6 s measured).
pub const WRITE_LIMIT: Duration = Duration::from_secs(8);

/// How long a read may take before it counts as not answered. What it would have told is worth
/// no longer wait of its client, which writes next.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// After one write in so many a client reads: enough to catch a node that serves what is old,
/// and too seldom to be seen in the figures.
const WRITES_A_READ: u32 = 10;

/// Which writes are read: one of so many that ended last.
const NEWEST: usize = 32;

/// How long a client waits before it turns to the next endpoint.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long a client stays away from its home before it tries it again. Without
/// that, all clients would end up on one side of a split and hide the other.
const HOMESICK: Duration = Duration::from_secs(2);

/// The largest value that is written: the largest integer that all readers of JSON agree
/// on (RFC 8259, 6). Spring's was seen to refuse one of nineteen digits.
const LARGEST: u64 = (1 << 53) - 1;

/// A write: an id that no other write of the run has, and a value drawn from the
/// seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// Unique in the run.
    pub id: u64,
    /// Which client writes.
    pub client: u32,
    /// What is written.
    pub value: u64,
}

/// What a read of a write saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The node that answered.
    pub node: String,
    /// What the write had written; `None`: the write is not there.
    pub value: Option<u64>,
}

/// A connection of one client to one endpoint of the system.
#[async_trait]
pub trait Client: Send + 'static {
    /// Writes, and says honestly what is known of it. The caller cuts it off after
    /// [`WRITE_LIMIT`]; the client must then not reuse its connection.
    async fn write(&mut self, write: Write) -> Ack;

    /// Reads what a write has written, this client's own or another's. `None`: there was no
    /// answer that tells, or this client does not read such a write. The caller cuts it off after
    /// two seconds; the client must then not reuse its connection.
    async fn read(&mut self, of: Write) -> Option<Seen> {
        let _ = of;
        None
    }

    /// The node that it writes to.
    fn node(&self) -> &str;
}

/// How the workload behaves.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// How many clients write at once.
    pub clients: u32,
    /// How long a client thinks between two writes, drawn evenly.
    pub think: (Duration, Duration),
}

impl Default for Traffic {
    fn default() -> Self {
        Self { clients: 6, think: (Duration::from_millis(15), Duration::from_millis(45)) }
    }
}

/// Clients at work; [`Workload::stop`] ends them.
pub struct Workload {
    ledger: Arc<Ledger>,
    running: watch::Sender<bool>,
    end: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Workload {
    /// Starts the clients. Client number `k` is at home at endpoint `k` of `connect`;
    /// it goes on to the next one when a write did not succeed, and tries its home
    /// again every [`HOMESICK`].
    pub fn start<C: Client>(
        ledger: &Arc<Ledger>,
        seed: u64,
        traffic: Traffic,
        endpoints: usize,
        connect: impl Fn(usize) -> C + Clone + Send + 'static,
    ) -> Self {
        let (running, gate) = watch::channel(true);
        let end = Arc::new(AtomicBool::new(false));
        let ids = Arc::new(AtomicU64::new(1));
        let mut tasks = JoinSet::new();
        for client in 0..traffic.clients {
            let seed = seed ^ u64::from(client).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let worker = Worker {
                client,
                think: traffic.think,
                random: SmallRng::seed_from_u64(seed),
                reads: SmallRng::seed_from_u64(!seed),
                ids: Arc::clone(&ids),
                ledger: Arc::clone(ledger),
                gate: gate.clone(),
                end: Arc::clone(&end),
            };
            tasks.spawn(worker.work(endpoints, connect.clone()));
        }
        Self { ledger: Arc::clone(ledger), running, end, tasks }
    }

    /// Lets no new write begin; those under way go on.
    pub fn pause(&self) {
        self.running.send_replace(false);
    }

    /// Lets writes begin again.
    pub fn resume(&self) {
        self.running.send_replace(true);
    }

    /// Waits until no write is under way; only of use after [`Workload::pause`].
    ///
    /// # Errors
    /// [`Error::Failed`] if one still is after twice the limit of a write.
    pub async fn idle(&self) -> Result<()> {
        crate::poll::until("the workload to be idle", WRITE_LIMIT * 2, || async {
            match self.ledger.in_flight() {
                0 => crate::poll::Look::Ready(()),
                some => crate::poll::Look::NotYet(format!("{some} writes are under way")),
            }
        })
        .await
    }

    /// Ends the clients after their present write.
    ///
    /// # Errors
    /// [`Error::Bug`] if a client panicked: its writes would be missing.
    pub async fn stop(mut self) -> Result<()> {
        self.end.store(true, Ordering::Relaxed);
        self.running.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|error| Error::Bug(format!("a client of the workload: {error}")))?;
        }
        Ok(())
    }
}

struct Worker {
    client: u32,
    think: (Duration, Duration),
    random: SmallRng,
    /// Apart, so that what is written does not depend on what was read.
    reads: SmallRng,
    ids: Arc<AtomicU64>,
    ledger: Arc<Ledger>,
    gate: watch::Receiver<bool>,
    end: Arc<AtomicBool>,
}

impl Worker {
    async fn work<C: Client>(mut self, endpoints: usize, connect: impl Fn(usize) -> C) {
        let home = self.client as usize % endpoints.max(1);
        let (mut endpoint, mut since) = (home, Instant::now());
        let mut connection = connect(endpoint);
        loop {
            if self.gate.wait_for(|&running| running).await.is_err() || self.end.load(Ordering::Relaxed) {
                return;
            }
            // The gate may have closed meanwhile.
            let Some(ack) = self.write_once(&mut connection).await else { continue };
            let homesick = endpoint != home && since.elapsed() >= HOMESICK;
            if ack != Ack::Ok || homesick {
                endpoint = if homesick { home } else { (endpoint + 1) % endpoints.max(1) };
                (connection, since) = (connect(endpoint), Instant::now());
            }
            if ack != Ack::Ok {
                tokio::time::sleep(BACK_OFF).await;
            }
            if self.reads.random_range(0..WRITES_A_READ) == 0 {
                self.read_once(&mut connection).await;
            }
            tokio::time::sleep(self.draw(self.think.0..self.think.1)).await;
        }
    }

    /// Writes once, if the gate is still open when the write is counted.
    async fn write_once(&mut self, connection: &mut impl Client) -> Option<Ack> {
        let begun = self.ledger.begin(|| *self.gate.borrow())?;
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let write = Write { id, client: self.client, value: self.random.random_range(0..=LARGEST) };
        let ack = timeout(WRITE_LIMIT, connection.write(write)).await;
        let ack = ack.unwrap_or_else(|_| Ack::Unknown { why: format!("no answer in {WRITE_LIMIT:?}") });
        self.ledger.end(begun, connection.node(), write, ack.clone());
        Some(ack)
    }

    /// Reads one of the newest writes, if the gate is still open.
    async fn read_once(&mut self, connection: &mut impl Client) {
        let back = self.reads.random_range(0..NEWEST);
        let Some(of) = self.ledger.newest(back) else { return };
        let Some(begun) = self.ledger.begin(|| *self.gate.borrow()) else { return };
        let seen = timeout(READ_LIMIT, connection.read(of)).await;
        self.ledger.end_read(begun, self.client, of, seen.ok().flatten());
    }

    fn draw(&mut self, range: Range<Duration>) -> Duration {
        if range.is_empty() { range.start } else { self.random.random_range(range) }
    }
}

#[cfg(test)]
mod tests {
    use reenact_history::{Action, linearizable};

    use super::*;
    use crate::probe::Clock;

    /// Says how many writes came here.
    struct Counting(Arc<AtomicU64>);

    #[async_trait]
    impl Client for Counting {
        async fn write(&mut self, _: Write) -> Ack {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ack::Ok
        }

        fn node(&self) -> &'static str {
            "n1"
        }
    }

    /// What a judge does, over and over: pause, wait until idle, count, compare.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn once_idle_nothing_is_written_and_all_that_was_is_known() {
        let ledger = Arc::new(Ledger::new(Clock::start()));
        let written = Arc::new(AtomicU64::new(0));
        let traffic = Traffic { clients: 16, think: (Duration::ZERO, Duration::ZERO) };
        let client = Arc::clone(&written);
        let workload = Workload::start(&ledger, 1, traffic, 1, move |_| Counting(Arc::clone(&client)));
        for _ in 0..200 {
            workload.pause();
            workload.idle().await.expect("idle");
            let then = written.load(Ordering::SeqCst);
            assert_eq!(ledger.acknowledged() as u64, then);
            std::thread::yield_now();
            assert_eq!(written.load(Ordering::SeqCst), then, "a write began after all was idle");
            workload.resume();
            while written.load(Ordering::SeqCst) == then {
                tokio::task::yield_now().await;
            }
        }
        workload.stop().await.expect("no client panicked");
    }

    /// An endpoint that answers so, or never.
    struct Endpoint(usize, Option<Ack>);

    #[async_trait]
    impl Client for Endpoint {
        async fn write(&mut self, _: Write) -> Ack {
            match &self.1 {
                Some(ack) => ack.clone(),
                None => std::future::pending().await,
            }
        }

        fn node(&self) -> &str {
            ["n0", "n1", "n2"][self.0]
        }
    }

    /// What one client came to in so long, at endpoints that answer so.
    async fn written(answers: [Option<Ack>; 3], time: Duration) -> Vec<Entry> {
        let ledger = Arc::new(Ledger::new(Clock::start()));
        let traffic = Traffic { clients: 1, think: (Duration::from_millis(50), Duration::from_millis(50)) };
        let workload =
            Workload::start(&ledger, 1, traffic, 3, move |endpoint| Endpoint(endpoint, answers[endpoint].clone()));
        tokio::time::sleep(time).await;
        workload.stop().await.expect("no client panicked");
        ledger.read(<[Entry]>::to_vec)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_write_fails_turns_to_the_next_endpoint_and_tries_its_home_again() {
        let failed = || Some(Ack::Failed { why: "refused".into() });
        let seen = written([failed(), Some(Ack::Ok), Some(Ack::Ok)], Duration::from_secs(7)).await;
        let nodes: Vec<_> = seen.iter().map(|entry| entry.node.as_str()).collect();
        assert_eq!(nodes[..2], ["n0", "n1"], "it goes on");
        let home = nodes.iter().filter(|node| **node == "n0").count();
        assert!((3..=4).contains(&home), "home is tried each two seconds: {nodes:?}");
        assert!(!nodes.contains(&"n2"), "the one that answers is good enough: {nodes:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_write_that_is_not_answered_nothing_is_known() {
        let seen = written([None, Some(Ack::Ok), Some(Ack::Ok)], Duration::from_secs(9)).await;
        assert!(matches!(seen[0].ack, Ack::Unknown { .. }), "{:?}", seen[0]);
        assert_eq!((seen[0].node.as_str(), seen[1].node.as_str()), ("n0", "n1"));
        let early = written([None, None, None], Duration::from_millis(7_999)).await;
        assert_eq!(early.len(), 1, "it was waited for to its limit: {early:?}");
    }

    /// Reads what it has written itself last, from every third write on.
    struct Reader(Option<Write>);

    #[async_trait]
    impl Client for Reader {
        async fn write(&mut self, write: Write) -> Ack {
            self.0 = Some(write);
            Ack::Ok
        }

        async fn read(&mut self, of: Write) -> Option<Seen> {
            let value = (self.0 == Some(of)).then_some(of.value);
            (!of.id.is_multiple_of(3)).then(|| Seen { node: "n2".into(), value })
        }

        fn node(&self) -> &'static str {
            "n1"
        }
    }

    /// The same seed writes the same values, and reads the same writes, whoever reads.
    #[tokio::test(start_paused = true)]
    async fn clients_read_now_and_then_and_their_reads_are_known() {
        let ledger = Arc::new(Ledger::new(Clock::start()));
        let traffic = Traffic { clients: 1, think: (Duration::from_millis(5), Duration::from_millis(5)) };
        let workload = Workload::start(&ledger, 7, traffic, 1, |_| Reader(None));
        tokio::time::sleep(Duration::from_secs(10)).await;
        workload.stop().await.expect("no client panicked");
        let history = ledger.history().expect("a history");
        let (writes, reads) = (ledger.acknowledged(), history.reads());
        assert!((writes / 30..writes / 8).contains(&reads), "{reads} reads beside {writes} writes");
        for operation in history.operations() {
            let id: u64 = operation.key.parse().expect("a write's id");
            assert!(!id.is_multiple_of(3), "nobody was asked for it: {operation:?}");
            match operation.action {
                Action::Write(_) => assert_eq!((operation.client, &*operation.node), (0, "n1")),
                _ => assert_eq!((operation.client, &*operation.node), (0, "n2")),
            }
        }
        let violations = linearizable(&history, Duration::from_secs(9));
        assert!(!violations.violations().is_empty(), "all but the newest write are denied");
    }

    #[tokio::test]
    async fn a_client_that_panics_is_a_bug_of_ours() {
        struct Panics;
        #[async_trait]
        impl Client for Panics {
            async fn write(&mut self, _: Write) -> Ack {
                panic!("on purpose")
            }

            fn node(&self) -> &'static str {
                "n1"
            }
        }
        let ledger = Arc::new(Ledger::new(Clock::start()));
        let workload = Workload::start(&ledger, 1, Traffic { clients: 1, ..Traffic::default() }, 1, |_| Panics);
        while ledger.in_flight() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(workload.stop().await, Err(Error::Bug(_))));
    }
}
