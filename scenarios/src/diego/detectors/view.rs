//! Diego's state as the stream of observations shows it.

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    detect::{Asked, FRESH, LastWords, Pieces, Since, View, seconds},
    probe::{Answer, Moment, Observation, Prior, Question, Signal},
};

use super::{
    super::signals::{Apps, Config, Consul, Desires, Etcd, Hash, Jobs, Key, Lock, Metrics, Ping, Process},
    data::WRITE,
    log::{self, Said},
    records::{Bbs, Member, Refusal, STREAK, Seen, Server, Streak, asked, never_seen},
};

/// The first start of all members takes 2.6 s (measured), and a supervisor tries each 11 s:
/// after this time five tries have failed.
const SET_UP: Duration = Duration::from_secs(60);

/// Which question is of which job's port.
const PORTS: [(&str, &str); 4] =
    [(Etcd::OF, "etcd"), (Consul::OF, "consul_agent"), (Metrics::OF, "bbs"), (Apps::OF, "cloud-controller")];

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct DiegoView {
    now: Moment,
    /// When the first of it was seen.
    began: Option<Moment>,
    config: Asked<Config>,
    members: BTreeMap<String, Member>,
    servers: BTreeMap<String, Server>,
    locks: BTreeMap<String, Asked<Lock>>,
    bbs: BTreeMap<String, Bbs>,
    apps: Asked<Apps>,
    /// Where that is asked, and since when in vain.
    unanswered: Option<(String, Since)>,
    /// What a machine's supervisor last said.
    jobs: BTreeMap<String, Jobs>,
    /// Since when each machine runs, and since when it is off.
    machines: BTreeMap<String, (Since, Since)>,
    /// A node's job's port.
    ports: BTreeMap<(String, &'static str), Port>,
    /// A machine's last words.
    words: BTreeMap<String, LastWords>,
    /// Whether etcd ever had a leader: before, it is only being set up.
    pub etcd_led: bool,
    /// Since when it has one.
    pub etcd_leads: Since,
    /// The same of Consul.
    pub consul_led: bool,
    /// Since when Consul has a leader.
    pub consul_leads: Since,
    /// Since when no BBS listens.
    pub nobody_leads: Since,
    /// The key, and since when it is as it is.
    pub key: Option<(Option<Key>, Moment)>,
    /// Applications that Diego lacks, and since when.
    pub absent: BTreeMap<String, Moment>,
}

/// Of this while a port is known in how much of it it was closed.
pub const WHILE: Duration = Duration::from_secs(60);

/// What is known of a job's port.
#[derive(Debug)]
struct Port {
    /// Since when it is closed without a break.
    closed: Since,
    /// When it was closed, of the last while.
    pieces: Pieces,
    looked: Moment,
}

impl Default for Port {
    fn default() -> Self {
        Self { closed: Since::default(), pieces: Pieces::of(WHILE), looked: Moment::default() }
    }
}

/// A job whose port is closed or was of late.
pub struct ClosedPort<'a> {
    /// Its machine.
    pub node: &'a str,
    /// Its name.
    pub job: &'static str,
    /// Since when it is closed, if it is.
    pub since: Option<Moment>,
    /// When it was, of the last [`WHILE`].
    pub pieces: &'a Pieces,
}

impl View for DiegoView {
    fn is_blank(&self) -> bool {
        let nobody = self.members.is_empty() && self.servers.is_empty() && self.locks.is_empty() && self.bbs.is_empty();
        nobody && !self.config.is_asked() && !self.apps.is_asked()
    }

    fn observe(&mut self, observation: &Observation) {
        let at = observation.at;
        // Probes run side by side: an observation may be a little late.
        self.now = self.now.max(at);
        self.began.get_or_insert(at);
        match &observation.signal {
            Signal::Query { of, answer } => self.answered(&observation.node, at, of, answer),
            Signal::Machine { running, .. } => {
                let (runs, off) = self.machines.entry(observation.node.clone()).or_default();
                runs.note(*running, at);
                off.note(!running, at);
            }
            Signal::Log { line } => {
                self.words.entry(observation.node.clone()).or_default().hear(at, line);
                if let Some(said) = log::parse(line) {
                    self.said(&observation.node, at, said, line);
                }
                if let Some(peers) = log::peers(line) {
                    self.servers.entry(observation.node.clone()).or_default().peers = peers;
                }
            }
            _ => {}
        }
    }
}

impl DiegoView {
    fn answered(&mut self, node: &str, at: Moment, of: &str, answer: &Answer) {
        if let Some((_, job)) = PORTS.iter().find(|(question, _)| *question == of) {
            let port = self.ports.entry((node.into(), job)).or_default();
            let is_closed = matches!(answer, Answer::Refused);
            port.closed.note(is_closed, at);
            port.pieces.note(is_closed, at);
            port.looked = at;
        }
        match of {
            Jobs::OF => {
                if let Some(said) = Asked::default().take(at, answer).cloned() {
                    self.jobs.insert(node.into(), said);
                    self.stopped_by_an_operator(node);
                }
            }
            Etcd::OF => self.member(node, at, answer),
            Hash::OF => self.entry(node).hashed(at, answer),
            WRITE => _ = self.entry(node).write.take(at, answer),
            Process::OF => _ = self.entry(node).process.take(at, answer),
            Consul::OF => self.server(node, at, answer),
            Lock::OF => self.lock(node, at, answer),
            Ping::OF => {
                self.bbs(node).ping.take(at, answer);
                let leads = self.bbs.values().any(|bbs| bbs.ping.told().is_some());
                self.nobody_leads.note(!leads, at);
            }
            Metrics::OF => _ = self.bbs(node).metrics.take(at, answer),
            Desires::OF => {
                self.bbs(node).list.take(at, answer);
                self.compare(at);
            }
            Apps::OF => {
                let (_, unanswered) = self.unanswered.get_or_insert_with(|| (node.into(), Since::default()));
                unanswered.note(matches!(answer, Answer::Hung { .. } | Answer::Error { .. }), at);
                self.apps.take(at, answer);
                self.compare(at);
            }
            Config::OF => _ = self.config.take(at, answer),
            Prior::OF => {
                let was_well = answer.read().is_ok_and(|prior: Prior| prior.was_well);
                self.etcd_led |= was_well;
                self.consul_led |= was_well;
            }
            _ => {}
        }
    }

    /// What monit was told to leave alone is started by somebody's hand: in vain or not, that begins anew.
    fn stopped_by_an_operator(&mut self, node: &str) {
        for (_, job) in PORTS {
            if let (Ok(true), Some(port)) = (self.is_unmonitored(node, job), self.ports.get_mut(&(node.into(), job))) {
                (port.closed, port.pieces) = (Since::default(), Pieces::of(WHILE));
            }
        }
    }

    fn entry(&mut self, node: &str) -> &mut Member {
        self.members.entry(node.into()).or_default()
    }

    fn bbs(&mut self, node: &str) -> &mut Bbs {
        self.bbs.entry(node.into()).or_default()
    }

    fn member(&mut self, node: &str, at: Moment, answer: &Answer) {
        let has_leader = self.entry(node).take(at, answer);
        self.etcd_led |= has_leader;
        let leads = self.members.values().any(|member| member.said.told().is_some_and(|said| said.has_leader));
        self.etcd_leads.note(leads, at);
    }

    fn server(&mut self, node: &str, at: Moment, answer: &Answer) {
        self.servers.entry(node.into()).or_default().take(at, answer);
        let leads = self.servers.values().any(|server| server.said.told().is_some_and(|said| said.has_leader));
        self.consul_led |= leads;
        self.consul_leads.note(leads, at);
    }

    fn lock(&mut self, node: &str, at: Moment, answer: &Answer) {
        let lock = self.locks.entry(node.into()).or_default();
        let Some(Lock(key)) = lock.take(at, answer) else { return };
        if self.key.as_ref().is_none_or(|(known, _)| known != key) {
            self.key = Some((key.clone(), at));
        }
    }

    fn said(&mut self, node: &str, at: Moment, said: Said, line: &str) {
        if said == Said::Undecryptable {
            let server = self.servers.entry(node.into()).or_default();
            let goes_on = server.undecryptable.filter(|streak| at.since(streak.last) <= STREAK);
            server.undecryptable = Some(Streak { since: goes_on.map_or(at, |streak| streak.since), last: at });
            return;
        }
        // A log may be read before anybody asks its member.
        let member = self.entry(node);
        let line = line.to_owned();
        match said {
            Said::PortTaken => member.port_taken = Some(line),
            Said::Ended(why) => member.refusal = Some(Refusal { why, at, line }),
            Said::Undecryptable => {}
        }
    }

    /// Which applications Diego lacks. Where either is silent, it is not known, and what
    /// was lacking has a new chance.
    fn compare(&mut self, at: Moment) {
        let (Some(Apps(apps)), Some(Desires(desires))) =
            (self.apps.told(), self.bbs.values().find_map(|bbs| bbs.list.told()))
        else {
            return self.absent.clear();
        };
        self.absent.retain(|guid, _| apps.get(guid).is_some_and(|count| desires.get(guid) != Some(count)));
        for (guid, _) in apps.iter().filter(|(guid, count)| desires.get(*guid) != Some(*count)) {
            self.absent.entry(guid.clone()).or_insert(at);
        }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Whether it is seen for so short a time that it may be being set up. Later a cluster
    /// that never had a leader is one that was found broken.
    pub fn may_be_set_up(&self) -> bool {
        self.began.is_none_or(|began| self.now.since(began) < SET_UP)
    }

    /// Diego's intervals. They do not change, and are believed for ever.
    pub fn config(&self) -> Result<&Config, String> {
        self.config.told().ok_or_else(|| never_seen(Config::OF))
    }

    /// The members of etcd with what each tells, or how it is silent.
    pub fn members(&self) -> Result<Vec<Seen<'_, Member, Etcd>>, String> {
        asked(Etcd::OF, self.members.iter().map(|(name, member)| (name, member, &member.said)), self.now)
    }

    /// Consul's servers, alike.
    pub fn servers(&self) -> Result<Vec<Seen<'_, Server, Consul>>, String> {
        asked(Consul::OF, self.servers.iter().map(|(name, server)| (name, server, &server.said)), self.now)
    }

    /// The agents that could not read what others sent, and for how long.
    pub fn undecryptable(&self) -> impl Iterator<Item = (&str, Streak)> {
        self.servers.iter().filter_map(|(name, server)| Some((name.as_str(), server.undecryptable?)))
    }

    /// The BBSes with what each says to a ping.
    pub fn bbses(&self) -> Result<Vec<Seen<'_, Bbs, Ping>>, String> {
        asked(Ping::OF, self.bbs.iter().map(|(name, bbs)| (name, bbs, &bbs.ping)), self.now)
    }

    /// Whether any agent tells of the lock now.
    pub fn lock_is_seen(&self) -> Result<(), String> {
        let seen = asked(Lock::OF, self.locks.iter().map(|(name, lock)| (name, lock, lock)), self.now)?;
        let told = seen.iter().any(|lock| lock.said.is_ok());
        if told { Ok(()) } else { Err(format!("{} is told by nobody", Lock::OF)) }
    }

    /// The jobs whose ports were ever looked at, each with its machine.
    pub fn ports(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.ports.keys().map(|(node, job)| (node.as_str(), *job))
    }

    /// Where the Cloud Controller is asked in vain, since when, and how it is silent.
    pub fn apps_silent(&self) -> Option<(&str, Moment, &str)> {
        let (node, since) = self.unanswered.as_ref()?;
        Some((node, since.0?, self.apps.fresh(self.now).ok()?.err()?))
    }

    /// The jobs whose ports are closed or were of late.
    pub fn closed_ports(&self) -> Result<Vec<ClosedPort<'_>>, String> {
        if self.ports.is_empty() {
            return Err("no job's port was ever looked at".into());
        }
        let mut closed = Vec::new();
        for ((node, job), port) in &self.ports {
            let age = self.now.since(port.looked);
            if age > FRESH {
                return Err(format!("{node}: {job}'s port was not looked at for {}", seconds(age)));
            }
            if port.pieces.since(self.now).is_some() {
                closed.push(ClosedPort { node, job, since: port.closed.0, pieces: &port.pieces });
            }
        }
        Ok(closed)
    }

    /// Since when the machine runs, if it does.
    pub fn runs(&self, node: &str) -> Result<Option<Moment>, String> {
        self.machines
            .get(node)
            .map(|(runs, _)| runs.0)
            .ok_or_else(|| format!("{node}: it is not known whether its machine runs"))
    }

    /// Since when the machine is off, if it is.
    pub fn off(&self, node: &str) -> Option<Moment> {
        self.machines.get(node)?.1.0
    }

    /// Whether monit leaves the job alone, as it was told. Its word holds until the next:
    /// while it waits for a start it answers nobody.
    pub fn is_unmonitored(&self, node: &str, job: &str) -> Result<bool, String> {
        let told = self.jobs.get(node).ok_or_else(|| format!("{node}: {}", never_seen(Jobs::OF)))?;
        Ok(told.0.get(job).is_none_or(|status| status == "unmonitored"))
    }

    /// Whether the machine runs, and monit says that the job does.
    pub fn is_up(&self, node: &str, job: &str) -> Result<bool, String> {
        let told = self.jobs.get(node).ok_or_else(|| format!("{node}: {}", never_seen(Jobs::OF)))?;
        Ok(self.off(node).is_none() && told.0.get(job).is_some_and(|status| status == "ok"))
    }

    /// The machine's newest line since then that tells of something that went wrong.
    pub fn last_words(&self, node: &str, since: Moment) -> Option<&str> {
        self.words.get(node)?.since(since)
    }

    /// What the Cloud Controller wants.
    pub fn apps(&self) -> Result<&Apps, String> {
        self.apps.known(self.now)
    }
}
