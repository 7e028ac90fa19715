//! What the lines of a Galera node's error log say about its group.
//!
//! Two wordings are known: Galera 3.20's (the report's) and 26.4's. The lines that
//! matter read the same in both, apart from the short UUIDs (`069ddd4c` against
//! `11111111-8003`). Timestamps in the lines are never read: clocks are skewed.

use std::sync::LazyLock;

use regex::Regex;

/// A pattern that is known to compile; `fixed_patterns_compile` looks at each.
macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
    };
}

// `--wsrep-recover`, which a person may run beside a stuck server, loads 'none'.
pattern!(STARTED, r"WSREP: wsrep_load\(\): loading provider library '[^']*/");
pattern!(VIEW, r"WSREP: view\(view_id\((NON_PRIM|PRIM),([0-9a-f]{8}(?:-[0-9a-f]{4})?,\d+)\) memb \{");
pattern!(MEMBER, r"^\s*[0-9a-f]{8}(?:-[0-9a-f]{4})?,\d+\s*$");
pattern!(COMPONENT, r"WSREP: New COMPONENT: primary = (yes|no), .*memb_num = (\d+)");

pattern!(CONNECTING, r"WSREP: gcomm: connecting to group '[^']*', peer '([^']*)'");

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    /// The server began and loads its provider.
    Started,
    /// It looks for its group at this many configured addresses.
    Connecting { peers: usize },
    /// The first line of gcomm's view block; its members follow, a line each.
    ViewOpens { primary: bool, id: String },
    /// A member, if a view block is open.
    Member,
    /// The end of the view block's members.
    MembersEnd,
    /// The group layer has a new component.
    Component { primary: bool, members: usize },
    /// The node left its group.
    Left,
    /// A member's last primary view is not the one that this node restored.
    DivergedRestore,
    /// A vote found this node's data to differ from the group's.
    Inconsistency,
}

fn parse(line: &str) -> Option<Event> {
    if let Some(found) = captures(&VIEW, line) {
        return Some(Event::ViewOpens { primary: &found[1] == "PRIM", id: found[2].to_owned() });
    }
    if let Some(found) = captures(&COMPONENT, line) {
        return Some(Event::Component { primary: &found[1] == "yes", members: found[2].parse().ok()? });
    }
    if line.starts_with("} joined {") {
        return Some(Event::MembersEnd);
    }
    if line.contains("last_prim(") && line.contains("is inconsistent to restored view") {
        return Some(Event::DivergedRestore);
    }
    if line.contains("WSREP: Inconsistency detected") {
        return Some(Event::Inconsistency);
    }
    if line.contains("WSREP: view((empty))") {
        return Some(Event::Left);
    }
    if let Some(found) = captures(&CONNECTING, line) {
        return Some(Event::Connecting { peers: found[1].split(',').filter(|peer| !peer.is_empty()).count() });
    }
    if captures(&STARTED, line).is_some() {
        return Some(Event::Started);
    }
    captures(&MEMBER, line).map(|_| Event::Member)
}

fn captures<'l>(pattern: &LazyLock<Option<Regex>>, line: &'l str) -> Option<regex::Captures<'l>> {
    pattern.as_ref()?.captures(line)
}

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
    /// The members that the open view block has listed so far.
    open: Option<Component>,
}

impl Log {
    /// Takes the next line and says whether it began a new run of the server.
    pub fn observe(&mut self, line: &str) -> bool {
        let Some(event) = parse(line) else { return false };
        match event {
            Event::Started => {
                *self = Self::default();
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
            Event::Inconsistency => self.inconsistency = Some(message(line)),
        }
        false
    }
}

/// The line without its timestamp and thread.
fn message(line: &str) -> String {
    line.find('[').map_or(line, |start| &line[start..]).trim_end().to_owned()
}

/// Whether a line is one of Galera's.
pub fn is_galera(line: &str) -> bool {
    line.contains("WSREP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_patterns_compile() {
        for pattern in [&STARTED, &VIEW, &MEMBER, &COMPONENT, &CONNECTING] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn both_wordings_of_a_view_are_read() {
        let old = "2017-10-21 21:57:52 140045705000704 [Note] WSREP: view(view_id(NON_PRIM,069ddd4c,111) memb {";
        let new = "2026-11-20 10:42:04 0 [Note] WSREP: view(view_id(PRIM,11111111-8002,4) memb {";
        assert_eq!(parse(old), Some(Event::ViewOpens { primary: false, id: "069ddd4c,111".into() }));
        assert_eq!(parse(new), Some(Event::ViewOpens { primary: true, id: "11111111-8002,4".into() }));
        assert_eq!(parse("\t069ddd4c,0"), Some(Event::Member));
        assert_eq!(parse("\t11111111-8002,0"), Some(Event::Member));
        assert_eq!(parse("} joined {"), Some(Event::MembersEnd));
    }

    #[test]
    fn views_inside_other_messages_are_not_views() {
        let install = "2026-11-20 10:42:04 0 [Warning] WSREP: non weight changing install in S_PRIM: pcmsg{ type=INSTALL, \
                       seq=0, flags= 2, node_map {\t11111111-8002,prim=0,un=0,last_seq=4294967295,\
                       last_prim=view_id(NON_PRIM,11111111-8001,1),to_seq=-1,weight=1,segment=0";
        assert_eq!(parse(install), None);
        assert_eq!(parse("\t22222222-8002,prim=0,un=0,last_seq=4294967295,weight=1,segment=0"), None);
        assert_eq!(parse("\t0: 11111111-1111-11e1-8002-111111111111, n1"), None);
    }

    #[test]
    fn a_recovery_beside_the_server_is_no_start() {
        let load = |path: &str| format!("0 [Note] WSREP: wsrep_load(): loading provider library '{path}'");
        assert_eq!(parse(&load("none")), None);
        assert_eq!(parse(&load("/usr/lib/galera/libgalera_smm.so")), Some(Event::Started));
        assert_eq!(
            parse("2017-10-21 21:56:55 1 [Note] mysqld (mysqld 10.1.24-MariaDB) starting as process 1822"),
            None
        );
    }

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
}
