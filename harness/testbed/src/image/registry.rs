//! Images that were pushed to a registry: the same under the same names, so that nobody builds them again.

use bollard::{
    Docker,
    query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder},
};
use futures::TryStreamExt;

use reenact_core::progress;

/// Whether the daemon has it.
pub(super) async fn has(docker: &Docker, reference: &str) -> bool {
    docker.inspect_image(reference).await.is_ok()
}

/// Pulls `REPOSITORY:TAG` from a registry, or a folder of one, and gives it that name without the registry's
/// before it. Says whether the daemon has it then; where it has not, the log says why.
pub(super) async fn pulled(docker: &Docker, registry: &str, repository: &str, tag: &str) -> bool {
    let theirs = format!("{registry}/{repository}");
    let task = progress::task(format!("pulling {theirs}:{tag}"));
    let options = CreateImageOptionsBuilder::new().from_image(&theirs).tag(tag).build();
    let pulled = docker.create_image(Some(options), None, None).try_collect::<Vec<_>>().await;
    let name = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
    let named = match pulled {
        Ok(_) => docker.tag_image(&format!("{theirs}:{tag}"), Some(name)).await,
        Err(error) => Err(error),
    };
    match named {
        Ok(()) => task.done(),
        Err(error) => tracing::warn!(%error, "{theirs}:{tag} cannot be had, so it is made here"),
    }
    has(docker, &format!("{repository}:{tag}")).await
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        path::PathBuf,
        sync::{Arc, Mutex},
    };

    use bollard::API_DEFAULT_VERSION;
    use tempfile::TempDir;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{UnixListener, UnixStream},
    };

    use super::*;

    const THEIRS: &str = "registry.example/nights/reenact/helper:0a1b2c";
    const OURS: &str = "reenact/helper:0a1b2c";

    /// What goes wrong on the way.
    #[derive(Clone, Copy, PartialEq)]
    enum Flaw {
        None,
        /// The registry has no such image. The daemon says so in the middle of an answer that begins well.
        NotThere,
        /// The daemon cannot give it our name.
        NotNamed,
        /// The daemon pulls and names, and has nothing in the end.
        Lost,
    }

    /// A daemon on paper, beside one registry that has one image.
    struct Daemon {
        flaw: Flaw,
        images: Mutex<BTreeSet<String>>,
        asked: Mutex<Vec<String>>,
    }

    impl Daemon {
        /// A client of it, and where it listens.
        fn start(flaw: Flaw) -> (Arc<Self>, Docker, TempDir) {
            let daemon = Arc::new(Self { flaw, images: Mutex::default(), asked: Mutex::default() });
            let folder = tempfile::tempdir().expect("a folder");
            let path: PathBuf = folder.path().join("daemon.sock");
            let listener = UnixListener::bind(&path).expect("a socket");
            let serving = Arc::clone(&daemon);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let daemon = Arc::clone(&serving);
                    tokio::spawn(async move { daemon.serve(stream).await });
                }
            });
            let docker = Docker::connect_with_unix(&path.to_string_lossy(), 10, API_DEFAULT_VERSION);
            (daemon, docker.expect("a client"), folder)
        }

        /// Answers one request, and closes.
        async fn serve(&self, mut stream: UnixStream) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a request"));
            }
            let head = String::from_utf8(head).expect("text");
            let line = head.lines().next().expect("a request").replace("%2F", "/").replace("%3A", ":");
            let target = line.split(' ').nth(1).expect("a target").to_owned();
            let (status, body) = self.answer(&target);
            self.asked.lock().expect("alone").push(target);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.expect("an answer");
        }

        fn answer(&self, target: &str) -> (u16, String) {
            let mut images = self.images.lock().expect("alone");
            if target.contains("/images/create?") {
                let pulling = r#"{"status":"Pulling from nights/reenact/helper"}"#;
                let of = ["fromImage=registry.example/nights/reenact/helper", "tag=0a1b2c"];
                if self.flaw == Flaw::NotThere || !of.iter().all(|part| target.contains(part)) {
                    let why = r#"{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}"#;
                    return (200, format!("{pulling}\n{why}\n"));
                }
                images.insert(THEIRS.into());
                return (200, format!("{pulling}\n"));
            }
            if target.contains("/tag?") {
                let is_ours = target.contains("repo=reenact/helper") && target.contains("tag=0a1b2c");
                if self.flaw == Flaw::NotNamed || !images.contains(THEIRS) || !target.contains(THEIRS) || !is_ours {
                    return (500, r#"{"message":"cannot be named"}"#.into());
                }
                images.extend((self.flaw != Flaw::Lost).then(|| OURS.to_owned()));
                return (201, String::new());
            }
            match images.iter().any(|image| target.contains(&format!("/images/{image}/json"))) {
                true => (200, "{}".into()),
                false => (404, r#"{"message":"no such image"}"#.into()),
            }
        }
    }

    async fn tried(flaw: Flaw) -> (bool, Vec<String>) {
        let (daemon, docker, _folder) = Daemon::start(flaw);
        let is_there = pulled(&docker, "registry.example/nights", "reenact/helper", "0a1b2c").await;
        let asked = daemon.asked.lock().expect("alone").clone();
        (is_there, asked)
    }

    #[tokio::test]
    async fn what_the_registry_has_is_pulled_and_gets_our_name() {
        let (is_there, asked) = tried(Flaw::None).await;
        assert!(is_there, "{asked:?}");
        assert_eq!(asked.len(), 3, "pulled, named, and looked for: {asked:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_pulled_or_named_is_not_said_to_be_there() {
        for (flaw, requests) in [(Flaw::NotThere, 2), (Flaw::NotNamed, 3), (Flaw::Lost, 3)] {
            let (is_there, asked) = tried(flaw).await;
            assert!(!is_there && asked.len() == requests, "{asked:?}");
        }
    }

    #[tokio::test]
    async fn a_daemon_that_has_it_under_another_tag_has_it_not() {
        let (daemon, docker, _folder) = Daemon::start(Flaw::None);
        daemon.images.lock().expect("alone").insert(OURS.into());
        assert!(has(&docker, OURS).await);
        assert!(!has(&docker, "reenact/helper:ffffff").await && !has(&docker, THEIRS).await);
    }
}
