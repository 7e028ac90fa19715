//! What the lines of a Galera node's error log say about its group.
//!
//! Which words say what is in [`words`](super::words). Timestamps in the lines are never
//! read: clocks are skewed.

use super::words::{Event, parse};

/// A component of the group, as one node's log announced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Whether it has the quorum.
    pub primary: bool,
    /// The number of its members.
    pub members: usize,
    /// gcomm's view id, such as `NON_PRIM,069ddd4c,111`, where it was seen.
    pub view: Option<String>,
}

/// One node's log, folded: what it says of the server's present run.
#[derive(Debug, Default, Clone)]
pub struct Log {
    /// How many addresses, its own included, it was told to find its group at.
    pub peers: usize,
    /// The component that the node was last in.
    pub component: Option<Component>,
    /// The line that says that the restored views diverge, if in that component.
    pub diverged: Option<String>,
    /// The line that says that the node's data are not the group's.
    pub inconsistency: Option<String>,
    /// How its runs ended lately.
    pub ends: Ends,
    /// How far the server has come.
    pub phase: Phase,
    /// The members that the open view block has listed so far.
    open: Option<Component>,
}

/// How far a server has come in its run, by its log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its start was not seen: it goes on since before.
    #[default]
    Unseen,
    /// It has begun, and takes no clients yet.
    Starts,
    /// It takes clients.
    Ready,
    /// It ends, as it was asked to.
    Stops,
    /// It has ended.
    Ended,
    /// It has given up or crashed.
    Failed,
}

/// How a server's runs ended since it last answered anybody.
#[derive(Debug, Default, Clone)]
pub struct Ends {
    /// The first error of this run, the rest of which follow from it.
    error: Option<String>,
    /// What the last run that ended by itself, or was asked to, said before.
    why: Option<String>,
    /// How many runs in a row gave up or crashed.
    pub failed: usize,
}

impl Ends {
    /// The line that says why the server is gone, if any does.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref().or(self.error.as_deref())
    }

    /// A run failed; `last` is its last word.
    fn fails(&mut self, last: &str) {
        self.why = Some(self.error.take().unwrap_or_else(|| message(last)));
        self.failed += 1;
    }

    fn errs(&mut self, line: &str) {
        self.error.get_or_insert_with(|| message(line));
    }
}

impl Log {
    /// Takes the next line and says whether it began a new run of the server.
    pub fn observe(&mut self, line: &str) -> bool {
        let Some(event) = parse(line) else { return false };
        match event {
            Event::Begins => (self.ends.error, self.phase) = (None, Phase::Starts),
            Event::Started => {
                *self = Self { ends: std::mem::take(&mut self.ends), phase: Phase::Starts, ..Self::default() };
                return true;
            }
            Event::Connecting { peers } => self.peers = peers,
            Event::ViewOpens { primary, id } => {
                let kind = if primary { "PRIM" } else { "NON_PRIM" };
                self.open = Some(Component { primary, members: 0, view: Some(format!("{kind},{id}")) });
            }
            Event::Member => {
                if let Some(open) = &mut self.open {
                    open.members += 1;
                }
            }
            Event::MembersEnd => {
                if let Some(closed) = self.open.take() {
                    self.component = Some(closed);
                    self.diverged = None;
                }
            }
            // It follows its view block, by up to half a second; alone, it still says what matters.
            Event::Component { primary, members } => {
                let view = self.component.take().filter(|before| before.primary == primary).and_then(|b| b.view);
                self.component = Some(Component { primary, members, view });
            }
            Event::Left => (self.component, self.diverged, self.open) = (None, None, None),
            Event::DivergedRestore => self.diverged = Some(message(line)),
            Event::Inconsistency => {
                self.ends.errs(line);
                self.inconsistency = Some(message(line));
            }
            Event::Error => self.ends.errs(line),
            Event::Ready => self.phase = Phase::Ready,
            // Who gives up says so before.
            Event::Ended if self.phase != Phase::Failed => self.phase = Phase::Ended,
            Event::Ended => {}
            Event::Aborts => {
                self.phase = Phase::Failed;
                self.ends.fails(line);
            }
            Event::Crashes => {
                (self.phase, self.ends.error) = (Phase::Failed, None);
                self.ends.fails(line);
            }
            Event::ShutsDown => {
                (self.phase, self.ends.error, self.ends.why) = (Phase::Stops, None, Some(message(line)));
            }
        }
        false
    }
}

/// The line without its timestamp and thread.
fn message(line: &str) -> String {
    line.find('[').map_or(line, |start| &line[start..]).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_line_of_a_view_is_made_up_for() {
        let block = [
            "WSREP: view(view_id(NON_PRIM,11111111-8002,4) memb {",
            "\t11111111-8002,0",
            "\t22222222-8002,0",
            "} joined {",
        ];
        let component = "WSREP: New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 2";
        for lost in 0..=block.len() {
            let mut log = Log::default();
            for (_, line) in block.iter().chain([&component]).enumerate().filter(|(index, _)| *index != lost) {
                log.observe(line);
            }
            let seen = log.component.expect("a component");
            assert_eq!((seen.primary, seen.members), (false, 2), "without line {lost}");
        }
    }

    #[test]
    fn divergence_belongs_to_its_view() {
        let mut log = Log::default();
        log.observe("1 [Warning] WSREP: node uuid: a last_prim(type: 2, uuid: a) is inconsistent to restored view(type: V_NON_PRIM");
        assert!(log.diverged.as_deref().is_some_and(|line| line.starts_with("[Warning] WSREP: node uuid")));
        for line in ["WSREP: view(view_id(PRIM,11111111-8002,5) memb {", "\t11111111-8002,0", "} joined {"] {
            log.observe(line);
        }
        assert_eq!(log.diverged, None);
    }

    #[test]
    fn a_start_forgets_the_run_before() {
        let mut log = Log::default();
        log.observe("[ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on 5eed5eed:14");
        assert!(log.inconsistency.is_some());
        assert!(
            log.observe("0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'")
        );
        assert!(log.inconsistency.is_none());
    }

    #[test]
    fn the_reports_log_ends_in_a_component_of_three_without_primary() {
        let mut log = Log::default();
        let mut members = Vec::new();
        for line in include_str!("../fixtures/report.log").lines() {
            log.observe(line);
            let now = log.component.as_ref().map_or(0, |component| component.members);
            if members.last() != Some(&now) {
                members.push(now);
            }
        }
        assert_eq!(members, [0, 1, 2, 3]);
        assert_eq!(log.peers, 3);
        let component = log.component.expect("a component");
        assert!(!component.primary);
        assert_eq!(component.view.as_deref(), Some("NON_PRIM,069ddd4c,111"));
        assert!(log.diverged.is_some_and(|line| line.contains("node uuid: 11247975 last_prim(type: 2")));
    }

    const START: &str = "0 [Note] WSREP: wsrep_load(): loading provider library '/usr/lib/galera/libgalera_smm.so'";

    #[test]
    fn a_run_that_gives_up_leaves_its_first_error() {
        let mut log = Log::default();
        for run in 1..=2 {
            log.observe("0 [Note] Starting MariaDB 10.11.19-MariaDB as process 7");
            log.observe(START);
            log.observe("0 [ERROR] WSREP: It may not be safe to bootstrap the cluster from this node.");
            log.observe("0 [ERROR] WSREP: wsrep::connect(gcomm://a,b) failed: 7");
            log.observe("0 [ERROR] Aborting");
            assert_eq!(log.ends.failed, run);
            assert!(log.ends.why().is_some_and(|why| why.starts_with("[ERROR] WSREP: It may not be safe")), "{log:?}");
        }
    }

    #[test]
    fn a_server_that_fails_before_it_loads_galera_leaves_its_error() {
        let mut log = Log::default();
        log.observe("0 [ERROR] an error of the run before");
        for line in [
            "0 [Note] mysqld (mysqld 10.1.24-MariaDB) starting as process 2",
            "0 [ERROR] unknown variable 'a=1'",
            "0 [ERROR] Aborting",
        ] {
            log.observe(line);
        }
        assert_eq!(log.ends.why(), Some("[ERROR] unknown variable 'a=1'"));
    }

    #[test]
    fn a_crash_and_a_shutdown_say_so_themselves() {
        for (line, failed) in [
            ("01:01:01 UTC - mysqld got signal 11 ;", 1),
            ("0 [Note] mariadbd (initiated by: unknown): Normal shutdown", 0),
        ] {
            let mut log = Log::default();
            log.observe("0 [ERROR] an older error");
            log.observe(line);
            assert_eq!((log.ends.why(), log.ends.failed), (Some(message(line).as_str()), failed));
        }
    }
}
