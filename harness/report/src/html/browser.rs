//! A real browser for the pages' tests: Chromium by its own protocol, over a pipe. No port, no
//! network, no driver of another project's.

use std::{
    collections::VecDeque,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// Chromium reads its commands from descriptor 3 and answers to descriptor 4.
const PIPED: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// One page in one browser; it is closed with its browser.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    said: VecDeque<Value>,
    next: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it. Where there is no browser the test says so and is skipped, unless
    /// `REENACT_REQUIRE=all` wants it.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            let is_required = env::var("REENACT_REQUIRE").is_ok_and(|value| value == "all");
            assert!(!is_required, "there is no Chromium, and REENACT_REQUIRE=all wants it");
            #[expect(clippy::print_stderr, reason = "a skip is told")]
            {
                eprintln!("skipped: there is no Chromium");
            }
            return None;
        };
        let profile = tempfile::tempdir().expect("a folder");
        let mut child = Command::new("sh")
            .args(["-c", PIPED])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut browser = Self { child, to, from, session: None, said: VecDeque::new(), next: 0, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).expect("the browser answers");
        assert!(!bytes.is_empty(), "the browser has ended");
        bytes.pop();
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Asks something of it, and waits for the answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        loop {
            let said = self.read();
            if said["id"] == self.next {
                assert!(said["error"].is_null(), "{method}: {}", said["error"]);
                return said["result"].clone();
            }
            self.said.push_back(said);
        }
    }

    /// Opens a file, and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        while !self.said.iter().any(|said| said["method"] == "Page.loadEventFired") {
            let said = self.read();
            self.said.push_back(said);
        }
    }

    /// What an expression comes to in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let got = self.call("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(got["exceptionDetails"].is_null(), "{expression}: {}", got["exceptionDetails"]);
        got["result"]["value"].clone()
    }

    /// Types where the focus is.
    pub(crate) fn types(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Makes the screen so wide.
    pub(crate) fn wide(&mut self, width: u32) {
        let screen = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true });
        self.call("Emulation.setDeviceMetricsOverride", screen);
    }

    /// Prefers dark pages, or light ones.
    pub(crate) fn prefers(&mut self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", features);
    }

    /// What went wrong so far, and what was asked of other places than the page.
    pub(crate) fn complaints(&mut self, file: &Path) -> Vec<Value> {
        // Whatever is still under way is told before this is answered.
        self.eval("0");
        let own = format!("file://{}", file.display());
        let is_complaint = |said: &&Value| match said["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => said["params"]["entry"]["level"] == "error",
            Some("Runtime.consoleAPICalled") => said["params"]["type"] == "error",
            Some("Network.requestWillBeSent") => {
                !said["params"]["request"]["url"].as_str().is_some_and(|url| url.starts_with(&own))
            }
            _ => false,
        };
        self.said.iter().filter(is_complaint).cloned().collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its own process alone: those that it started end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let paths: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| paths.iter().map(move |path| path.join(name))).find(|path| path.is_file())
}

/// Holds of a page what every one of ours must do in a browser: it filters by name, unfolds what a
/// link points at, is dark where that is wanted, fits a phone, and asks nobody for anything.
pub(crate) fn hold(page: &str, word: &str, shown: u32) {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).expect("a page");
    browser.open(&file);

    let visible = "[...document.querySelectorAll('details.scenario')].filter(part => !part.hidden).length";
    let all = browser.eval(visible);
    browser.eval("document.getElementById('filter').focus()");
    browser.types(word);
    assert_eq!(browser.eval(visible), json!(shown), "the filter leaves what has the word");
    assert_eq!(browser.eval("document.getElementById('filtered').textContent"), json!(format!("{shown} shown")));
    browser.eval("document.getElementById('filter').select()");
    browser.types(" ");
    assert_eq!(browser.eval(visible), all, "no word leaves all");

    browser.eval("document.querySelectorAll('details.scenario').forEach(part => part.open = false)");
    browser.eval("document.querySelector('details.scenario summary').click()");
    assert_eq!(browser.eval("document.querySelectorAll('details.scenario[open]').length"), json!(1));
    browser.eval("document.querySelectorAll('details.scenario').forEach(part => part.open = false)");
    browser.eval("document.querySelector('#matrix tbody a').click()");
    let opened = "document.querySelector(location.hash).closest('details').open";
    // The page hears of its new address only after the click.
    let told = browser.call(
        "Runtime.evaluate",
        json!({
            "expression": format!("new Promise(done => setTimeout(() => done({opened})))"),
            "awaitPromise": true,
            "returnByValue": true,
        }),
    );
    assert_eq!(told["result"]["value"], json!(true), "a link unfolds what it points at");

    let background = "getComputedStyle(document.documentElement).backgroundColor";
    browser.prefers("light");
    let light = browser.eval(background);
    browser.prefers("dark");
    assert_ne!(browser.eval(background), light, "dark where that is wanted");
    browser.wide(360);
    browser.eval("document.querySelectorAll('details').forEach(part => part.open = true)");
    let width = browser.eval("document.documentElement.scrollWidth").as_u64().expect("a width");
    assert!(width <= 360, "a phone scrolls the page sideways: {width}");
    assert_eq!(browser.complaints(&file), Vec::<Value>::new());
}
