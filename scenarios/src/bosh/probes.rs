//! The probes of the director's own signals, as the detectors' contract has them
//! (`detectors`): its tables by raw SQL, and its machine by the exporter.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use reenact::probe::{Answer, Canary, LOOK, Probe, Question, Signal};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::{
    DIRECTOR, Pace,
    api::{Api, Trouble},
    db::{self, Database, Row},
    detectors::WRITE,
    manifest::PAASTA,
    signals::Tasks,
    state::{Exporter, State},
};

type Values = BTreeMap<String, String>;

/// The questions, in the order of their answers, and whether each says when it was made.
const QUESTIONS: [(&str, bool); 5] =
    [("sql:locks", true), ("sql:tasks", true), ("sql:events", false), ("sql:jobs", true), ("sql:vms", false)];

/// All of it in one snapshot: question, name, value. `ms()` stands for a time in
/// milliseconds; `events.id` for the number, where `id` would be the text beside it.
const SNAPSHOT: &str = "
SELECT 'sql:locks', name, concat_ws('|', uid, task_id, ms(expired_at)) FROM locks
UNION ALL SELECT 'sql:tasks', id::text, concat(state, '|', type, '|', deployment_name, '|', ms(checkpoint_time), '|',
    ms(started_at), '|', description) FROM tasks
  WHERE state NOT IN ('done', 'error', 'cancelled') OR id > (SELECT max(id) - 20 FROM tasks)
UNION ALL (SELECT 'sql:events', id::text, concat(action, '|', object_type, '|', object_name, '|', task, '|', deployment,
    '|', error) FROM events ORDER BY events.id DESC LIMIT 50)
UNION ALL SELECT 'sql:jobs', id::text, concat(queue, '|', locked_by, '|', ms(run_at), '|',
    substring(handler from 'task_id: ([0-9]+)')) FROM delayed_jobs
UNION ALL SELECT 'sql:vms', v.cid, concat(i.job, '/', i.uuid, '|', a.address_str) FROM vms v
  JOIN instances i ON i.id = v.instance_id LEFT JOIN ip_addresses a ON a.instance_id = i.id WHERE v.cid IS NOT NULL
UNION ALL SELECT 'lines', id::text, event_output FROM tasks WHERE id > (SELECT max(id) - 20 FROM tasks)
UNION ALL (SELECT 'cloud', '', content FROM configs WHERE type = 'cloud' AND NOT deleted ORDER BY id DESC LIMIT 1)";

/// Reads the director's tables; its tasks' event output too.
pub(super) struct Tables {
    database: Database,
    /// The director's intervals, as its operator has set them.
    pace: Pace,
    /// The workers' names, as its operator has set them.
    workers: String,
    sql: String,
    client: Option<Client>,
    /// How much of each task's event output was passed on.
    passed: HashMap<String, usize>,
    /// The cloud-config that was told last.
    told: Option<String>,
}

impl Tables {
    pub(super) fn new(database: Database, pace: Pace, workers: &[String]) -> Self {
        let mut sql = SNAPSHOT.to_owned();
        for time in ["expired_at", "checkpoint_time", "started_at", "run_at"] {
            sql = sql.replace(&format!("ms({time})"), &format!("floor(extract(epoch FROM {time}) * 1000)::bigint"));
        }
        Self { database, pace, workers: workers.join(" "), sql, client: None, passed: HashMap::new(), told: None }
    }

    async fn snapshot(&mut self) -> Result<Vec<Row>, Answer> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.database.connect().await?,
        };
        let rows = db::ask(&client, &self.sql).await?;
        self.client = Some(client);
        Ok(rows)
    }

    fn signals(&mut self, now_ms: i64, rows: Vec<Row>) -> Vec<Signal> {
        let mut answers: BTreeMap<_, Values> = QUESTIONS.iter().map(|&(of, _)| (of, Values::new())).collect();
        let mut signals = Vec::new();
        for row in rows {
            let Ok([of, name, value]) = <[String; 3]>::try_from(row) else { continue };
            match of.as_str() {
                "lines" => signals.extend(self.event_lines(&name, &value)),
                "cloud" => signals.extend(self.config(value)),
                of => _ = answers.get_mut(of).map(|values| values.insert(name, value)),
            }
        }
        for (of, dated) in QUESTIONS {
            let mut values = answers.remove(of).unwrap_or_default();
            if dated {
                values.insert("now_ms".into(), now_ms.to_string());
            }
            if of == "sql:jobs" {
                values.insert("workers".into(), self.workers.clone());
            }
            signals.push(Signal::Query { of: of.into(), answer: Answer::Values { values } });
        }
        signals
    }

    /// The new lines of a task's event output.
    fn event_lines(&mut self, task: &str, output: &str) -> Vec<Signal> {
        let passed = self.passed.entry(task.to_owned()).or_default();
        let news = output.get(*passed..).unwrap_or_default();
        *passed = output.len();
        news.lines().map(|line| Signal::Log { line: format!("task {task} event: {line}") }).collect()
    }

    /// The intervals and subnets, when they are new.
    fn config(&mut self, cloud: String) -> Option<Signal> {
        if self.told.as_ref() == Some(&cloud) {
            return None;
        }
        let ms = |seconds| self.pace.production(seconds).as_millis().to_string();
        let mut values: Values = [
            ("renew_ms", ms(120)),
            ("expiry_ms", ms(241)),
            ("checkpoint_ms", ms(30)),
            ("timeout_ms", ms(180)),
            ("agent_wait_ms", ms(600)),
            ("scale", self.pace.0.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let read = match serde_json::from_str(&cloud) {
            Ok(read) => read,
            Err(error) => return Some(Signal::Blind { probe: "cloud-config".into(), why: error.to_string() }),
        };
        for (az, range) in subnets(&read) {
            let ranges = values.entry(format!("subnet:{az}")).or_default();
            *ranges = format!("{ranges} {range}").trim().to_owned();
        }
        self.told = Some(cloud);
        Some(Signal::Query { of: "director:config".into(), answer: Answer::Values { values } })
    }
}

/// Each subnet of a cloud-config: its zone and its range.
pub(super) fn subnets(cloud: &Value) -> Vec<(String, String)> {
    let networks = cloud["networks"].as_array().into_iter().flatten();
    let subnets = networks.flat_map(|network| network["subnets"].as_array().into_iter().flatten());
    let named = |subnet: &Value| Some((subnet["az"].as_str()?.to_owned(), subnet["range"].as_str()?.to_owned()));
    subnets.filter_map(named).collect()
}

/// By the host's clock, which is the director's.
fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Probe for Tables {
    fn node(&self) -> &str {
        DIRECTOR
    }

    async fn look(&mut self) -> Vec<Signal> {
        let now_ms = now_ms();
        match timeout(LOOK, self.snapshot()).await.unwrap_or_else(|_| Err(Answer::Hung { during: "look".into() })) {
            Ok(rows) => self.signals(now_ms, rows),
            Err(answer) => QUESTIONS.map(|(of, _)| Signal::Query { of: of.into(), answer: answer.clone() }).to_vec(),
        }
    }

    /// The deployments' locks and the tasks that have not ended.
    fn state(&self, signal: &Signal) -> Option<String> {
        let Signal::Query { of, answer } = signal else { return None };
        let tasks: Tasks = if of == Tasks::OF { answer.read().ok()? } else { return None };
        let paastas = tasks.rows.iter().filter(|(_, task)| task.deployment == PAASTA && task.is_open());
        let paastas: Vec<_> = paastas.map(|(id, task)| format!("{id} {}", task.state)).collect();
        Some(if paastas.is_empty() { "idle".into() } else { paastas.join(", ") })
    }
}

/// Reads what runs on the director's machine, and what the IaaS has.
pub(super) struct OnMachine {
    exporter: Exporter,
}

impl OnMachine {
    pub(super) fn new(exporter: Exporter) -> Self {
        Self { exporter }
    }
}

#[async_trait]
impl Probe for OnMachine {
    fn node(&self) -> &str {
        DIRECTOR
    }

    async fn look(&mut self) -> Vec<Signal> {
        let query = |of: &str, answer| Signal::Query { of: of.into(), answer };
        match self.exporter.state().await {
            Ok(State { now_ms, processes, mut inflight, vms }) => {
                inflight.insert("now_ms".into(), now_ms.to_string());
                vec![
                    query("iaas:inflight", Answer::Values { values: inflight }),
                    query("iaas:vms", Answer::Values { values: vms }),
                    Signal::Processes { commands: processes },
                ]
            }
            Err(answer) => {
                let blind = Signal::Blind { probe: "processes".into(), why: format!("{answer:?}") };
                vec![query("iaas:inflight", answer.clone()), query("iaas:vms", answer), blind]
            }
        }
    }
}

/// Between two writes: each is a row and an event, of which nobody wants many.
const WRITES: Duration = Duration::from_secs(5);

/// Stores a small config of a type of its own by the director's API: no task, no lock, and of no
/// meaning to anybody.
pub(super) struct SyntheticWrite {
    api: Api,
    canary: Canary,
    /// A config that says what the newest one says is none.
    beat: u64,
}

impl SyntheticWrite {
    pub(super) fn new(api: Api) -> Self {
        Self { api, canary: Canary::every(WRITES, &["timed out", "statement timeout"]), beat: 0 }
    }
}

#[async_trait]
impl Probe for SyntheticWrite {
    fn node(&self) -> &str {
        DIRECTOR
    }

    async fn look(&mut self) -> Vec<Signal> {
        self.beat += 1;
        let (api, beat) = (self.api.clone(), self.beat);
        let write = || async move {
            match api.update_config("canary", "probe", &json!({"beat": beat})).await {
                Ok(reply) if reply.status == 201 => Ok(()),
                Ok(reply) => Err(Answer::Error { code: reply.status.to_string(), text: reply.body }),
                Err(Trouble::Refused) => Err(Answer::Refused),
                Err(Trouble::Late) => Err(Answer::Hung { during: "request".into() }),
                Err(Trouble::Other(text)) => Err(Answer::Error { code: "client".into(), text }),
            }
        };
        vec![Signal::Query { of: WRITE.into(), answer: self.canary.look(write).await }]
    }
}
