//! What became worse while somebody's recovery was called: what is lost, what came twice, which servers are others.

use std::collections::BTreeSet;

use reenact_core::judge::Findings;
use reenact_testbed::Server;

/// One look at a system that may be broken.
#[derive(Debug)]
pub(super) struct Held {
    /// What those who can be asked lack or have too much, or why that is not known.
    pub(super) found: Result<Findings, String>,
    /// What was done more than once, or why that is not known.
    pub(super) repeated: Result<BTreeSet<u64>, String>,
}

impl Held {
    /// The harm that came since an earlier look, and what of it is not known.
    pub(super) fn since(self, earlier: Self) -> (Findings, Option<String>) {
        let (found, lacking) = both(self.found, earlier.found, "what is lost");
        let (repeated, uncounted) = both(self.repeated, earlier.repeated, "what was done more than once");
        let with = |found: Findings, repeated| Findings { repeated, ..found };
        let harm = with(found.0, repeated.0).new_since(&with(found.1, repeated.1));
        let unknown: Vec<_> = lacking.into_iter().chain(uncounted).collect();
        (harm, (!unknown.is_empty()).then(|| unknown.join("; ")))
    }
}

/// Two looks at the same; where one of them saw nothing, nothing is told by both, and why.
fn both<T: Default>(now: Result<T, String>, earlier: Result<T, String>, what: &str) -> ((T, T), Option<String>) {
    match (now, earlier) {
        (Ok(now), Ok(earlier)) => ((now, earlier), None),
        (Err(why), _) | (_, Err(why)) => (Default::default(), Some(format!("{what} could not be counted: {why}"))),
    }
}

/// The servers that are gone, and those that came in no one's place.
pub(super) fn changes(before: &[(String, Vec<Server>)], after: &[(String, Vec<Server>)]) -> Vec<String> {
    let none = Vec::new();
    let mut all = Vec::new();
    for (node, servers) in before {
        let now = after.iter().find(|(name, _)| name == node).map_or(&none, |(_, servers)| servers);
        for server in servers.iter().filter(|server| !now.contains(server)) {
            let program = program(server);
            let word = if now.iter().any(|other| self::program(other) == program) { "restarted" } else { "ended" };
            all.push(format!("{program} was {word} on {node}"));
        }
        for server in now.iter().filter(|server| !servers.iter().any(|old| program(old) == program(server))) {
            all.push(format!("{} was started on {node}", program(server)));
        }
    }
    all
}

fn program(server: &Server) -> &str {
    let first = server.command.split(' ').next().unwrap_or_default();
    first.rsplit('/').next().unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(node: &str, all: &[(&str, u32, u64)]) -> (String, Vec<Server>) {
        let server = |&(command, pid, started): &(&str, u32, u64)| Server { command: command.into(), pid, started };
        (node.into(), all.iter().map(server).collect())
    }

    #[test]
    fn what_could_not_be_counted_is_no_harm_and_is_said() {
        let held = |repeated: Result<&[u64], &str>| Held {
            found: Ok(Findings { lost: BTreeSet::from([1]), ..Findings::default() }),
            repeated: repeated.map(|ids| ids.iter().copied().collect()).map_err(str::to_owned),
        };
        let none = Held { found: Ok(Findings::default()), repeated: Ok(BTreeSet::new()) };
        let (harm, uncounted) = held(Ok(&[7])).since(none);
        assert_eq!((harm.lost.len(), harm.repeated.len(), uncounted), (1, 1, None));
        for (now, earlier) in [(Ok(&[7][..]), Err("refused")), (Err("refused"), Ok(&[][..]))] {
            let earlier = Held { found: Ok(Findings::default()), ..held(earlier) };
            let (harm, uncounted) = held(now).since(earlier);
            assert_eq!((harm.lost.len(), harm.repeated.len()), (1, 0));
            assert!(uncounted.is_some_and(|why| why.ends_with("could not be counted: refused")));
        }
        let silent = || Held { found: Err("silent".into()), ..held(Ok(&[7])) };
        for (now, earlier) in
            [(silent(), held(Ok(&[]))), (held(Ok(&[7])), Held { repeated: Ok([].into()), ..silent() })]
        {
            let (harm, uncounted) = now.since(earlier);
            assert_eq!((harm.lost.len(), harm.repeated.len()), (0, 1));
            assert_eq!(uncounted.as_deref(), Some("what is lost could not be counted: silent"));
        }
    }

    #[test]
    fn a_server_that_is_gone_restarted_or_new_is_told_and_one_that_stays_is_not() {
        let before =
            [on("n1", &[("/usr/sbin/mariadbd -x", 7, 100), ("nginx: master", 8, 100)]), on("n2", &[("etcd", 9, 5)])];
        assert!(changes(&before, &before).is_empty());
        // The same pid, which came again.
        let after = [on("n1", &[("/usr/sbin/mariadbd -x", 7, 900)]), on("n2", &[("etcd", 9, 5), ("bbs", 3, 9)])];
        assert_eq!(
            changes(&before, &after),
            ["mariadbd was restarted on n1", "nginx: was ended on n1", "bbs was started on n2"]
        );
        assert_eq!(changes(&before, &[on("n2", &[("etcd", 9, 5)])]).len(), 2, "a machine that is off");
    }
}
