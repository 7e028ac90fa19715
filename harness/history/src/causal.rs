//! Causal consistency: nobody sees an effect without its cause.
//!
//! An operation depends on all that its client did before, on the write of what it read, and on
//! all that these depend on. A history is causally consistent if and only if no operation depends
//! on itself, and no read returned a value although the reader depends on a write that depends on
//! that value's own (Bouajjani and others, "On verifying causal consistency", 2017: the bad
//! patterns of CC).
//!
//! An unknown write may take effect at any later time, so it depends on what its client did
//! before, and nothing that its client did after depends on it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ptr,
};

use crate::{
    History, Kind, Operation, Outcome, Verdict, Violation,
    sources::{Source, Sources},
};

/// The most entries that all clocks together may have, of four bytes each.
const MOST: usize = 1 << 28;

/// Whether a causally consistent store can have answered so.
///
/// Takes O(n c log n) for `c` clients, and [`Verdict::Unknown`] where a value is written twice to
/// a key, or where there are too many clients for the memory.
pub fn causal(history: &History) -> Verdict {
    let keys = history.by_key();
    let sources: BTreeMap<_, _> = keys.iter().map(|(&key, operations)| (key, Sources::of(key, operations))).collect();
    if let Some(why) = sources.values().find_map(Sources::ambiguous) {
        return Verdict::Unknown { why };
    }
    let graph = match Graph::of(history, &sources) {
        Ok(graph) => graph,
        Err(violations) => return Verdict::Violated(violations),
    };
    if graph.nodes.len().saturating_mul(graph.lines) > MOST {
        let why = format!(
            "too much for the memory: {} operations, {} clients and late writes",
            graph.nodes.len(),
            graph.lines
        );
        return Verdict::Unknown { why };
    }
    match graph.clocks() {
        Ok(clocks) => Verdict::of(graph.overtaken(&clocks), None),
        Err(cycle) => Verdict::Violated(vec![cycle]),
    }
}

/// One operation, and what it depends on at first hand.
struct Node<'h> {
    operation: &'h Operation,
    /// The line of operations that depend on each other in turn, and the place on it, from 1. A
    /// line is a client's session; an unknown write has one of its own.
    line: usize,
    place: u32,
    /// The operation of its client before it.
    before: Option<usize>,
    /// The write of what it read; `Some(None)`: it read nothing.
    read: Option<Option<usize>>,
}

/// Places on each line, and the nodes there.
type ByLine = BTreeMap<usize, Vec<(u32, usize)>>;

struct Graph<'h> {
    nodes: Vec<Node<'h>>,
    lines: usize,
}

/// Of each node, how far it depends on each line.
struct Clocks {
    all: Vec<u32>,
    lines: usize,
}

impl Clocks {
    fn of(&self, node: usize) -> &[u32] {
        &self.all[node * self.lines..][..self.lines]
    }

    fn depends(&self, node: usize, on: &Node<'_>) -> bool {
        self.of(node)[on.line] >= on.place
    }

    /// Lets a node depend on all that its cause depends on.
    fn join(&mut self, node: usize, cause: usize) {
        for line in 0..self.lines {
            let known = self.all[cause * self.lines + line];
            let own = &mut self.all[node * self.lines + line];
            *own = known.max(*own);
        }
    }
}

impl<'h> Graph<'h> {
    /// The operations that took effect; or the reads of what nobody wrote.
    fn of(history: &'h History, sources: &BTreeMap<&str, Sources<'h>>) -> Result<Self, Vec<Violation>> {
        let reads = reads(history, sources)?;
        let is_read: HashSet<_> = reads.values().flatten().copied().collect();
        let sessions = history.sessions();
        let (mut nodes, mut lines, mut at) = (Vec::new(), sessions.len(), HashMap::new());
        for (line, session) in sessions.into_values().enumerate() {
            let (mut before, mut place) = (None, 0);
            for operation in session.into_iter().map(|at| &history.operations()[at]) {
                let (line, place) = match operation.outcome {
                    Outcome::Ok => {
                        place += 1;
                        (line, place)
                    }
                    // One that nobody read may never have happened.
                    Outcome::Unknown if is_read.contains(&ptr::from_ref(operation)) => {
                        lines += 1;
                        (lines - 1, 1)
                    }
                    Outcome::Unknown | Outcome::Failed => continue,
                };
                at.insert(ptr::from_ref(operation), nodes.len());
                nodes.push(Node { operation, line, place, before, read: None });
                if operation.outcome == Outcome::Ok {
                    before = Some(nodes.len() - 1);
                }
            }
        }
        for node in &mut nodes {
            node.read = reads.get(&ptr::from_ref(node.operation)).map(|write| write.map(|write| at[&write]));
        }
        Ok(Self { nodes, lines })
    }

    /// What each operation depends on at first hand.
    fn causes(&self, node: usize) -> impl Iterator<Item = usize> {
        let Node { before, read, .. } = self.nodes[node];
        before.into_iter().chain(read.flatten())
    }

    /// How far each operation depends on each line; or the operations that depend on themselves.
    fn clocks(&self) -> Result<Clocks, Violation> {
        let mut effects = vec![Vec::new(); self.nodes.len()];
        let mut open = vec![0; self.nodes.len()];
        for (node, open) in open.iter_mut().enumerate() {
            for cause in self.causes(node) {
                effects[cause].push(node);
                *open += 1;
            }
        }
        let mut clocks = Clocks { all: vec![0; self.nodes.len() * self.lines], lines: self.lines };
        let mut ready: Vec<_> = (0..self.nodes.len()).filter(|node| open[*node] == 0).collect();
        let mut done = 0;
        while let Some(node) = ready.pop() {
            done += 1;
            self.causes(node).for_each(|cause| clocks.join(node, cause));
            clocks.all[node * self.lines + self.nodes[node].line] = self.nodes[node].place;
            for &effect in &effects[node] {
                open[effect] -= 1;
                if open[effect] == 0 {
                    ready.push(effect);
                }
            }
        }
        if done == self.nodes.len() { Ok(clocks) } else { Err(self.cycle(&open)) }
    }

    /// Operations that depend on each other in a ring, found among those with open causes.
    fn cycle(&self, open: &[usize]) -> Violation {
        let is_open = |node: &usize| open[*node] > 0;
        let mut path: Vec<usize> = (0..open.len()).find(is_open).into_iter().collect();
        while let Some(cause) = path.last().and_then(|&last| self.causes(last).find(is_open)) {
            if let Some(begin) = path.iter().position(|&node| node == cause) {
                path.drain(..begin);
                break;
            }
            path.push(cause);
        }
        let ring: Vec<_> = path.iter().map(|&node| self.nodes[node].operation).collect();
        let reader = ring.iter().find(|operation| operation.saw().is_some());
        let key = reader.map_or("", |reader| &reader.key);
        let why = "each of these depends on the next, and the last on the first".into();
        Violation::new(Kind::FromFuture, key, ring, [why])
    }

    /// The reads of values that had been overwritten as far as their readers could know.
    fn overtaken(&self, clocks: &Clocks) -> Vec<Violation> {
        let writes = self.writes();
        let overtaken = |(at, reader): (usize, &Node<'h>)| {
            let write = reader.read?;
            let newer = writes[&*reader.operation.key].iter().find_map(|(line, writes)| {
                let known = clocks.of(at)[*line] - u32::from(*line == reader.line);
                let count = writes.partition_point(|(place, _)| *place <= known);
                let newest = writes[..count].last()?.1;
                let is_newer = write.is_none_or(|write| newest != write && clocks.depends(newest, &self.nodes[write]));
                is_newer.then_some(newest)
            })?;
            Some(self.violation(reader.operation, write, newer))
        };
        self.nodes.iter().enumerate().filter_map(overtaken).collect()
    }

    /// The writes of each key on each line, with their places there.
    fn writes(&self) -> HashMap<&'h str, ByLine> {
        let mut writes: HashMap<&str, ByLine> = HashMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let of_key = writes.entry(&node.operation.key).or_default();
            if node.operation.writes().is_some() {
                of_key.entry(node.line).or_default().push((node.place, at));
            }
        }
        writes
    }

    fn violation(&self, reader: &Operation, write: Option<usize>, newer: usize) -> Violation {
        let (write, newer) = (write.map(|write| self.nodes[write].operation), self.nodes[newer].operation);
        let depends = format!("the reader depends on \"{newer}\": its client did it, or saw what depends on it");
        let overwritten = match write {
            None => "the key held nothing before its first write".into(),
            Some(write) => format!("\"{newer}\" depends on \"{write}\", so it came later"),
        };
        let told = write.into_iter().chain([newer, reader]);
        Violation::new(Kind::NotCausal, &reader.key, told, [depends, overwritten])
    }
}

/// Of each operation that read something the write of that; `None`: it read nothing.
type Reads = HashMap<*const Operation, Option<*const Operation>>;

fn reads(history: &History, sources: &BTreeMap<&str, Sources<'_>>) -> Result<Reads, Vec<Violation>> {
    let (mut reads, mut violations) = (Reads::new(), Vec::new());
    for reader in history.operations() {
        match reader.saw().map(|value| sources[&*reader.key].find(value, reader)) {
            None => {}
            Some(Ok(Source::Nothing)) => _ = reads.insert(reader, None),
            Some(Ok(Source::Write(write))) => _ = reads.insert(reader, Some(write)),
            Some(Err(violation)) => violations.push(violation),
        }
    }
    if violations.is_empty() { Ok(reads) } else { Err(violations) }
}
