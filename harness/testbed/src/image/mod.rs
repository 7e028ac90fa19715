//! Images, built from the sources that are part of this binary: see [`crate::images`].
//!
//! A tag is the hash of all that goes into the image, so an image is built once
//! and never stale. Where the base image can be pulled it is; elsewhere it is made
//! from Debian's packages. Building is outside every deadline.

mod registry;
mod source;

use std::{iter, process::Stdio, time::Duration};

use bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use futures::{StreamExt, TryStreamExt};
use testcontainers::{core::BuildImageOptions, runners::AsyncBuilder};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

use super::Session;
use reenact_core::{Error, Result, progress};

pub use source::{Image, Sources};

/// The Debian release under all images.
const SUITE: &str = "bookworm";

/// Names a registry, and a folder in it perhaps, that our images were pushed to, such as
/// `registry.example/nights`: they are pulled from there under the same names, if it has them.
const REGISTRY: &str = "REENACT_REGISTRY";

/// How long a registry may take to begin to answer before the base image is made
/// here instead.
const PULL_LIMIT: Duration = Duration::from_secs(120);

impl Session {
    /// The reference of an image that is ready to run: the one the user set for
    /// that name, else ours, built now if need be.
    ///
    /// # Errors
    /// [`Error::Environment`] if it cannot be pulled, made or built.
    pub async fn image(&self, name: &str) -> Result<String> {
        let mut known = self.images().lock().await;
        if let Some(reference) = known.get(name) {
            return Ok(reference.clone());
        }
        let image = Image::named(name)?;
        let base = match known.get("base") {
            Some(base) => base.clone(),
            None => self.base().await?,
        };
        known.insert("base".into(), base.clone());
        let mut others = Vec::new();
        for name in image.others() {
            let other = match known.get(&name) {
                Some(other) => other.clone(),
                None => self.build(Image::named(&name)?, &base, &[]).await?,
            };
            known.insert(name.clone(), other.clone());
            others.push((name, other));
        }
        let reference = self.build(image, &base, &others).await?;
        known.insert(name.into(), reference.clone());
        Ok(reference)
    }

    async fn has_image(&self, reference: &str) -> bool {
        registry::has(self.docker(), reference).await
    }

    /// Builds it on the base image, with the other images, by their names, that it takes
    /// something from.
    async fn build(&self, image: Image, base: &str, others: &[(String, String)]) -> Result<String> {
        let images: Vec<_> = iter::once(base).chain(others.iter().map(|(_, other)| other.as_str())).collect();
        let program = image.program()?;
        let (repository, tag) = image.tag(&images, program.as_deref());
        let reference = format!("{repository}:{tag}");
        if self.has_image(&reference).await || self.pulled(&repository, &tag).await {
            return Ok(reference);
        }
        let task = progress::task(format!("building the image {reference}"));
        let mut options = BuildImageOptions::new().with_build_arg("BASE", base);
        let mut arguments = format!("--build-arg BASE={base}");
        for (name, other) in others {
            let argument = format!("IMAGE_{}", name.to_uppercase());
            arguments += &format!(" --build-arg {argument}={other}");
            options = options.with_build_arg(argument, other);
        }
        let built = image.source(&repository, &tag, program).build_image_with(options).await;
        built.map(drop).map_err(|error| {
            Error::environment(
                format!("the image {reference} cannot be built: {error:?}"),
                format!(
                    "builds need Debian's packages; see the whole output with \
                     `docker build {arguments} {}`",
                    image.folder()
                ),
            )
        })?;
        task.done();
        Ok(reference)
    }

    /// Whether the registry that [`REGISTRY`] names has it: it is pulled then, and gets our name.
    async fn pulled(&self, repository: &str, tag: &str) -> bool {
        match std::env::var(REGISTRY).ok().filter(|name| !name.is_empty()) {
            Some(registry) => registry::pulled(self.docker(), &registry, repository, tag).await,
            None => false,
        }
    }

    /// The images that are ready by now, the base image among them.
    pub async fn ready_images(&self) -> Vec<String> {
        let mut all: Vec<_> = self.images().lock().await.values().cloned().collect();
        all.sort();
        all
    }

    /// The base image: what a registry has, else made here.
    async fn base(&self) -> Result<String> {
        let ours = Image::named("base")?.tag(&[SUITE], None);
        let (official, made) = (format!("debian:{SUITE}-slim"), format!("{}:{}", ours.0, ours.1));
        for reference in [&made, &official] {
            if self.has_image(reference).await {
                return Ok(reference.clone());
            }
        }
        if self.pulled(&ours.0, &ours.1).await {
            return Ok(made);
        }
        let task = progress::task(format!("pulling {official}"));
        let options = CreateImageOptionsBuilder::new().from_image(&official).build();
        let pulled = self.docker().create_image(Some(options), None, None).try_collect::<Vec<_>>();
        if matches!(tokio::time::timeout(PULL_LIMIT, pulled).await, Ok(Ok(_))) {
            task.done();
            return Ok(official);
        }
        task.change("no registry answers; making the base image from Debian's packages");
        let archive = make_base(&task).await?;
        let options =
            CreateImageOptionsBuilder::new().from_src("-").changes(vec![r#"CMD ["/bin/bash"]"#.into()]).build();
        let body = bollard::body_full(archive.into());
        let mut import = self.docker().create_image(Some(options), Some(body), None);
        let mut id = None;
        while let Some(step) = import.next().await {
            id = step.map_err(Error::docker("import the base image"))?.status.or(id);
        }
        let id = id.ok_or_else(|| Error::Bug("the daemon imported the base image without an id".into()))?;
        let name = TagImageOptionsBuilder::new().repo(&ours.0).tag(&ours.1).build();
        self.docker().tag_image(&id, Some(name)).await.map_err(Error::docker("tag the base image"))?;
        task.done();
        Ok(made)
    }
}

/// Runs `docker/base/make.sh`, which writes the archive of a root file system.
async fn make_base(task: &progress::Task) -> Result<Vec<u8>> {
    let failed = |what: String| {
        Error::environment(
            format!("the base image can be neither pulled nor made: {what}"),
            "reach an image registry, or run once as root on Debian with mmdebstrap installed",
        )
    };
    let script = Image::named("base")?.file("make.sh").ok_or_else(|| Error::Bug("base/make.sh is missing".into()))?;
    let mut child = Command::new("sh")
        .args(["-s", SUITE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(Error::Bug("a child without its pipes".into()));
    };
    stdin.write_all(script).await.map_err(|error| failed(error.to_string()))?;
    drop(stdin);
    let mut archive = Vec::new();
    let mut lines = BufReader::new(stderr).lines();
    let listen = async {
        let mut last = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            task.change(&line);
            last = line;
        }
        last
    };
    let (read, last) = tokio::join!(stdout.read_to_end(&mut archive), listen);
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    match (read, status.success()) {
        (Ok(_), true) => Ok(archive),
        _ => Err(failed(format!("{status}: {last}"))),
    }
}
