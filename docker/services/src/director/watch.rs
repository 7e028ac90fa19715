//! What stands beside a director on its VM: a log shipper, and an exporter of what runs there.
//!
//! The shipper writes every new line of a task's debug log to standard output, as `task 100 debug: …`. The exporter
//! answers `GET /state` in plain HTTP:
//!
//! | key | what it holds |
//! |---|---|
//! | `now_ms` | when, in milliseconds since 1970 |
//! | `processes` | command lines, each with ` pid=… ppid=…` as the container counts |
//! | `inflight` | CPI calls: request id → `method\|task\|instance\|ip\|az\|pid\|begun_ms` (the file's time) |
//! | `vms` | the IaaS's: cid → `deployment\|instance\|ip\|az` |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::clock;
use super::config::Config;
use super::error::{During as _, Result};

/// Between two looks for new lines.
const EVERY: Duration = Duration::from_millis(50);

/// What it is told.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Where to answer.
    #[arg(long, env = "WATCH_LISTEN", default_value = "0.0.0.0:9100")]
    pub listen: SocketAddr,
}

/// Runs until it is killed.
///
/// # Errors
/// When the address can't be had or standard output is gone.
pub async fn run(config: Config, options: Options) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(options.listen).await;
    let listener = listener.during(|| format!("cannot listen at {}", options.listen))?;
    let router = Router::new().route("/state", get(state)).with_state(config.options.iaas.clone());
    let mut shipper = Shipper { tasks: config.options.dir.join("tasks"), shipped: BTreeMap::new() };
    let ship = async {
        loop {
            shipper.ship().during(|| "cannot ship the tasks' logs".to_owned())?;
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        shipped = ship => shipped,
        served = axum::serve(listener, router) => served.during(|| "the exporter ended".to_owned()),
    }
}

/// Follows the debug logs of all tasks.
struct Shipper {
    tasks: PathBuf,
    /// How many bytes of each task's log are out.
    shipped: BTreeMap<u64, u64>,
}

impl Shipper {
    fn ship(&mut self) -> std::io::Result<()> {
        let Ok(tasks) = fs::read_dir(&self.tasks) else { return Ok(()) };
        let mut ids: Vec<u64> = tasks.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        ids.sort_unstable();
        for id in ids {
            let shipped = self.shipped.entry(id).or_default();
            let path = self.tasks.join(id.to_string()).join("debug");
            let Some(news) = whole_lines(&path, *shipped) else { continue };
            *shipped += news.len() as u64;
            let lines: String = news.lines().map(|line| format!("task {id} debug: {line}\n")).collect();
            std::io::stdout().write_all(lines.as_bytes())?;
        }
        Ok(())
    }
}

/// What a file holds from a byte on, up to its last whole line; `None`: nothing new.
fn whole_lines(path: &Path, from: u64) -> Option<String> {
    if fs::metadata(path).ok()?.len() <= from {
        return None;
    }
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n')? + 1);
    // A line that is no UTF-8 would upset the count.
    String::from_utf8(bytes).ok()
}

async fn state(State(iaas): State<PathBuf>) -> Json<Value> {
    let now_ms = milliseconds(SystemTime::now());
    let (mut inflight, mut vms) = (BTreeMap::new(), BTreeMap::new());
    for (path, call) in json_files(&iaas.join("inflight")) {
        let Some(begun) = fs::metadata(&path).and_then(|data| data.modified()).ok() else { continue };
        let fields = ["method", "task", "instance", "ip", "az", "pid"];
        let row = format!("{}|{}", row(&call, &fields), milliseconds(begun));
        inflight.insert(text(&call["request_id"]), row);
    }
    for (_, vm) in json_files(&iaas.join("vms")) {
        vms.insert(text(&vm["cid"]), row(&vm, &["deployment", "instance", "ip", "az"]));
    }
    // Last: whose call is seen in flight is then seen to live, unless it ended meanwhile.
    Json(json!({"now_ms": now_ms, "inflight": inflight, "vms": vms, "processes": processes()}))
}

fn milliseconds(at: SystemTime) -> i64 {
    (clock::seconds(at) * 1000.0) as i64
}

fn json_files(folder: &Path) -> Vec<(PathBuf, Value)> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let whole = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    whole.filter_map(|path| Some((path.clone(), serde_json::from_slice(&fs::read(path).ok()?).ok()?))).collect()
}

fn row(value: &Value, keys: &[&str]) -> String {
    keys.iter().map(|key| text(&value[*key])).collect::<Vec<_>>().join("|")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Every process that has a command line: one that died and is not reaped has none.
fn processes() -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(process).collect()
}

fn process(pid: u32) -> Option<String> {
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok().filter(|command| !command.is_empty())?;
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ppid …`: the name may hold anything, brackets too.
    let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
    Some(format!("{command} pid={pid} ppid={parent}"))
}
