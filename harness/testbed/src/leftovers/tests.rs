//! Against a daemon that is played: it has one network with three endpoints, and notes what
//! it is asked for and how many at once.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;

/// What the daemon still counts in its network once all endpoints are gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    Right,
    TooMany,
}

struct Daemon {
    count: Count,
    endpoints: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    unplugging: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Daemon {
    async fn play(count: Count) -> (Docker, Arc<Self>) {
        let endpoints = Mutex::new(["c1", "c2", "c3"].map(str::to_owned).into());
        let daemon = Self {
            count,
            endpoints,
            asked: Mutex::default(),
            unplugging: AtomicUsize::default(),
            most_at_once: AtomicUsize::default(),
        };
        let daemon = Arc::new(daemon);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let docker = Docker::connect_with_http(&format!("http://{address}"), 5, bollard::API_DEFAULT_VERSION);
        let player = Arc::clone(&daemon);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&player).talk(stream));
            }
        });
        (docker.expect("a client"), daemon)
    }

    async fn talk(self: Arc<Self>, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut request, mut length) = (String::new(), 0);
            stream.read_line(&mut request).await?;
            loop {
                let mut header = String::new();
                if stream.read_line(&mut header).await? <= 2 {
                    break;
                }
                let lower = header.to_lowercase();
                length =
                    lower.strip_prefix("content-length:").map_or(length, |it| it.trim().parse().expect("a length"));
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            let [method, path, _] = request.split(' ').collect::<Vec<_>>()[..] else { return Ok(()) };
            let kind = ["/networks/", "/containers/", "/volumes/"].iter().find_map(|kind| path.find(kind));
            let path = path[kind.unwrap_or_default()..].split('?').next().unwrap_or_default();
            let (code, answer) = self.answer(method, path, &String::from_utf8_lossy(&body)).await;
            let head = format!(
                "HTTP/1.1 {code} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.get_mut().write_all((head + &answer).as_bytes()).await?;
        }
    }

    async fn answer(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.asked.lock().expect("no panic").push(format!("{method} {path}"));
        match (method, path) {
            ("GET", "/networks/net") => {
                let listed = self.endpoints.lock().expect("no panic");
                let listed: Vec<_> = listed.iter().map(|name| format!(r#""id-{name}":{{"Name":"{name}"}}"#)).collect();
                (200, format!(r#"{{"Name":"reenact-one","Containers":{{{}}}}}"#, listed.join(",")))
            }
            ("POST", "/networks/net/disconnect") => {
                let now = self.unplugging.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_at_once.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.endpoints.lock().expect("no panic").retain(|name| !body.contains(&format!("{name:?}")));
                self.unplugging.fetch_sub(1, Ordering::SeqCst);
                (200, String::new())
            }
            ("DELETE", "/networks/net") => {
                let in_use = !self.endpoints.lock().expect("no panic").is_empty();
                match in_use || self.count == Count::TooMany {
                    true => (403, r#"{"message":"error while removing network: has active endpoints"}"#.into()),
                    false => (204, String::new()),
                }
            }
            ("DELETE", "/containers/stuck") => (500, r#"{"message":"it is busy"}"#.into()),
            ("DELETE", _) => (204, String::new()),
            _ => (404, r#"{"message":"no such thing"}"#.into()),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn all() -> Leftovers {
    let containers = ["c1", "c2", "c3"].map(str::to_owned).into();
    Leftovers { containers, networks: vec!["net".into()], volumes: vec!["v".into()] }
}

#[tokio::test]
async fn endpoints_go_one_after_another_and_before_their_containers() {
    let (docker, daemon) = Daemon::play(Count::Right).await;
    let held = all().remove(&docker).await.expect("all goes");
    assert!(held.is_empty());
    held.none_is_left().expect("nothing is left");
    assert_eq!(daemon.most_at_once.load(Ordering::SeqCst), 1, "endpoints went at once");
    let asked = daemon.asked();
    let last = asked.iter().rposition(|line| line.ends_with("/disconnect")).expect("endpoints are taken out");
    let first = asked.iter().position(|line| line.starts_with("DELETE /containers/")).expect("containers go");
    assert!(last < first, "{asked:?}");
    assert_eq!(asked.iter().filter(|line| line.ends_with("/disconnect")).count(), 3);
}

#[tokio::test]
async fn a_network_that_the_daemon_does_not_give_back_is_named_and_all_else_goes() {
    let (docker, daemon) = Daemon::play(Count::TooMany).await;
    let held = all().remove(&docker).await.expect("it is no error of ours");
    let told = held.none_is_left().expect_err("something is left");
    assert!(matches!(told, Error::Inconclusive(_)), "no pass, and not the subject's fault: {told}");
    for word in ["1 network left", "reenact-one", "restart the daemon"] {
        assert!(told.to_string().contains(word), "no {word:?} in: {told}");
    }
    assert!(daemon.asked().contains(&"DELETE /volumes/v".to_owned()), "the volume stays");
    assert_eq!(all().without(&held).networks, Vec::<String>::new(), "it counts as left twice");
}

#[tokio::test]
async fn what_is_refused_for_another_reason_is_an_error_and_all_else_goes() {
    let (docker, daemon) = Daemon::play(Count::Right).await;
    let containers = ["c1", "stuck"].map(str::to_owned).into();
    let told = Leftovers { containers, ..all() }.remove(&docker).await.expect_err("it is stuck");
    assert!(told.to_string().contains("remove container stuck: Docker responded with status code 500: it is busy"));
    for line in ["DELETE /containers/c1", "DELETE /networks/net", "DELETE /volumes/v"] {
        assert!(daemon.asked().contains(&line.to_owned()), "{line}");
    }
}

#[test]
fn calm_comes_a_second_after_the_last_new_thing() {
    let mut calm = Calm { known: Leftovers::default(), since: Instant::now() - CALM };
    assert!(!calm.has_come(&all()), "new things came just now");
    assert!(!calm.has_come(&all()));
    calm.since -= CALM;
    assert!(calm.has_come(&all()));
    assert!(calm.has_come(&Leftovers { volumes: Vec::new(), ..all() }), "what goes is no reason to wait");
}

#[test]
fn what_is_held_back_is_counted_in_one_line() {
    let held = |count: usize| (0..count).map(|at| (at.to_string(), "reenact-x".to_owned())).collect::<Held>();
    assert_eq!(held(1).count(), "1 network left, whose endpoints the daemon miscounts");
    assert_eq!(held(12).count(), "12 networks left, whose endpoints the daemon miscounts");
}
