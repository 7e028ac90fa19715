//! The service's tables, and the statements of the runbooks on them, read by their own text:
//! a statement that lacks a condition finds more rows here, too.

/// A request's row. Moments are milliseconds from the beginning of the test.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) kind: &'static str,
    pub(super) flag: bool,
    pub(super) instance: &'static str,
    pub(super) created: i64,
}

/// An intent's row.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) id: i64,
    pub(super) done: bool,
}

/// All tables.
#[derive(Debug, Default, Clone)]
pub(super) struct Tables {
    pub(super) now: i64,
    pub(super) requests: Vec<Row>,
    pub(super) intents: Vec<Intent>,
    /// The requests that took effect, in order.
    pub(super) effects: Vec<i64>,
}

impl Tables {
    /// An order that `instance` took so many milliseconds before the test, without effect.
    pub(super) fn order(mut self, id: i64, instance: &'static str, age: i64) -> Self {
        self.requests.push(Row { id, kind: "order", flag: false, instance, created: -age });
        self
    }

    /// A row that is of no order.
    pub(super) fn other(mut self, id: i64, kind: &'static str, age: i64) -> Self {
        self.requests.push(Row { id, kind, flag: false, instance: "app1", created: -age });
        self
    }

    /// The last order, done.
    pub(super) fn done(mut self) -> Self {
        let id = self.requests.last().expect("an order").id;
        self.finish(id);
        self
    }

    /// The last order has an intent, open or done.
    pub(super) fn intent(mut self, done: bool) -> Self {
        let id = self.requests.last().expect("an order").id;
        self.intents.push(Intent { id, done });
        self
    }

    /// The service does the work of a request, as if nobody else did.
    pub(super) fn finish(&mut self, id: i64) {
        self.requests.iter_mut().filter(|row| row.id == id).for_each(|row| row.flag = true);
        self.intents.iter_mut().filter(|intent| intent.id == id).for_each(|intent| intent.done = true);
        self.effects.push(id);
    }

    /// What psql prints for a statement of the runbooks.
    pub(super) fn run(&mut self, sql: &str) -> String {
        if let Some(rest) = sql.strip_prefix("WITH flagged AS (UPDATE requests SET flag = true, ") {
            let (_, rest) = rest.split_once(" WHERE ").expect("a condition");
            let (condition, insert) = rest.split_once(" RETURNING id, value) ").expect("what it returns");
            assert!(insert.starts_with("INSERT INTO effects") && insert.ends_with("FROM flagged"), "{sql}");
            return self.replay(condition);
        }
        if sql == "SELECT coalesce(max(request_id), 0) FROM intents" {
            return self.intents.iter().map(|intent| intent.id).max().unwrap_or(0).to_string();
        }
        let sql =
            [" ORDER BY id", " ORDER BY instance"].iter().find_map(|order| sql.strip_suffix(order)).unwrap_or(sql);
        let (what, condition) = sql.split_once(" WHERE ").expect("a condition");
        match what {
            "SELECT id FROM requests" => lines(self.rows(condition).map(|row| row.id.to_string())),
            "SELECT count(*) FROM requests" => self.rows(condition).count().to_string(),
            "SELECT DISTINCT instance FROM requests" => {
                let mut names: Vec<_> = self.rows(condition).map(|row| row.instance.to_owned()).collect();
                names.sort_unstable();
                names.dedup();
                lines(names.into_iter())
            }
            "SELECT count(*) FROM intents" => {
                let fits = |intent: &&Intent| parts(condition).into_iter().all(|part| intent_fits(intent, part));
                self.intents.iter().filter(fits).count().to_string()
            }
            _ => panic!("an unknown statement: {sql}"),
        }
    }

    fn replay(&mut self, condition: &str) -> String {
        let ids: Vec<_> = self.rows(condition).map(|row| row.id).collect();
        self.requests.iter_mut().filter(|row| ids.contains(&row.id)).for_each(|row| row.flag = true);
        self.effects.extend(ids);
        String::new()
    }

    fn rows<'a>(&'a self, condition: &'a str) -> impl Iterator<Item = &'a Row> {
        self.requests.iter().filter(move |row| parts(condition).into_iter().all(|part| self.row_fits(row, part)))
    }

    fn row_fits(&self, row: &Row, part: &str) -> bool {
        let open = self.intents.iter().any(|intent| intent.id == row.id && !intent.done);
        match part {
            "true" => true,
            "kind = 'order'" => row.kind == "order",
            "NOT flag" => !row.flag,
            "NOT EXISTS (SELECT 1 FROM intents WHERE request_id = id AND done_at IS NULL)" => !open,
            "NOT EXISTS (SELECT 1 FROM intents WHERE request_id = id)" => {
                !self.intents.iter().any(|intent| intent.id == row.id)
            }
            _ => {
                if let Some(name) = part.strip_prefix("instance = ") {
                    return row.instance == name.trim_matches('\'');
                }
                if let Some(ids) = part.strip_prefix("id IN ") {
                    return named(ids, row.id);
                }
                let age = self.now - row.created;
                if let Some(limit) = part.strip_prefix("created_at < clock_timestamp() - ") {
                    return age > milliseconds(limit);
                }
                let limit = part.strip_prefix("created_at >= clock_timestamp() - ");
                age <= milliseconds(limit.unwrap_or_else(|| panic!("an unknown condition: {part}")))
            }
        }
    }
}

fn intent_fits(intent: &Intent, part: &str) -> bool {
    if part == "done_at IS NULL" {
        return !intent.done;
    }
    if let Some(last) = part.strip_prefix("request_id <= ") {
        return intent.id <= last.parse().expect("an id");
    }
    let ids = part.strip_prefix("request_id IN ");
    named(ids.unwrap_or_else(|| panic!("an unknown condition: {part}")), intent.id)
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.map(|line| line + "\n").collect()
}

fn named(list: &str, id: i64) -> bool {
    let list = list.trim_matches(['(', ')']);
    list.split(", ").any(|one| one.parse::<i64>().expect("an id") == id)
}

/// `interval 'N ms'`.
fn milliseconds(text: &str) -> i64 {
    let number = text.strip_prefix("interval '").and_then(|rest| rest.strip_suffix(" ms'"));
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no interval: {text}"))
}

/// The conditions that AND joins, those in brackets aside.
fn parts(condition: &str) -> Vec<&str> {
    let (mut all, mut from, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, letter) in condition.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 && condition[at..].starts_with(" AND ") => {
                all.push(&condition[from..at]);
                from = at + " AND ".len();
            }
            _ => {}
        }
    }
    all.push(&condition[from..]);
    all
}
