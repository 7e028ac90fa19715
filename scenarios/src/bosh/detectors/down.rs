//! The diagnosis of the lowest rank: a process that should run is not there.

use std::collections::BTreeMap;

use reenact::{
    detect::{LastWords, Missing, Told, any, holds},
    probe::Moment,
};

use super::{process::Role, task, view::DirectorView};

/// What was last seen of parts that were there, and what the machines said since.
#[derive(Debug, Default)]
pub struct Parts {
    words: BTreeMap<String, LastWords>,
    /// When the API's process and every worker were there.
    director: Moment,
    /// When the database answered.
    database: Moment,
}

impl Parts {
    /// Takes a line of a machine's log that is no task's.
    pub fn hear(&mut self, node: &str, at: Moment, line: &str) {
        self.words.entry(node.into()).or_default().hear(at, line);
    }

    /// The director is whole.
    pub fn director_is_there(&mut self, at: Moment) {
        self.director = at;
    }

    /// The database answers.
    pub fn database_is_there(&mut self, at: Moment) {
        self.database = at;
    }

    /// What a machine said since.
    fn said(&self, node: &str, since: Moment) -> Option<String> {
        self.words.get(node)?.since(since).map(str::to_owned)
    }
}

/// A process of the director is not there, its machine is off, or its database does not answer.
pub fn not_there(view: &DirectorView) -> Told {
    any([director(view), database(view)])
}

fn director(view: &DirectorView) -> Told {
    if view.is_off() {
        return Ok(vec![format!("{}: its machine is off", view.home())]);
    }
    let running = view.running()?;
    let is_there = |role: &Role| running.iter().any(|process| process.role == *role);
    let api = (!is_there(&Role::Serve)).then(|| "the API's process, `director serve`, is not there".to_owned());
    let away: Vec<_> =
        view.workers().iter().filter(|name| !is_there(&Role::Worker((*name).clone()))).cloned().collect();
    // Where jobs wait for them, that is its own diagnosis.
    let is_told = away.is_empty() || holds(task::starved(view));
    let workers = (!is_told).then(|| format!("{}: no such worker runs", away.join(", ")));
    let signs: Vec<_> = api.into_iter().chain(workers).collect();
    if signs.is_empty() {
        return Ok(signs);
    }
    let node = view.home().to_owned();
    let why = view.parts().said(&node, view.parts().director);
    Ok(Missing { node, signs, why }.lines().collect())
}

fn database(view: &DirectorView) -> Told {
    let Some(how) = view.database_is_silent()? else { return Ok(Vec::new()) };
    let (parts, home) = (view.parts(), view.home());
    let others = parts.words.keys().filter(|node| *node != home);
    let why = others.filter_map(|node| parts.said(node, parts.database)).next();
    let signs = vec![format!("it answers no question of the director's: sql:tasks {how}")];
    Ok(Missing { node: "the database".into(), signs, why }.lines().collect())
}
