//! Images, built from the sources in `docker/` that are part of this binary.
//!
//! A tag is the hash of all that goes into the image, so an image is built once
//! and never stale. Where the base image can be pulled it is; elsewhere it is made
//! from Debian's packages. Building is outside every deadline.

use std::{iter, process::Stdio, time::Duration};

use bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use futures::{StreamExt, TryStreamExt};
use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};
use testcontainers::{GenericBuildableImage, core::BuildImageOptions, runners::AsyncBuilder};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

use super::Session;
use reenact_core::{Error, Result, progress};

/// The folder of image sources: one folder an image.
static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docker");

/// The Debian release under all images.
const SUITE: &str = "bookworm";

/// A Dockerfile's argument of this name and another image's stands for that image,
/// which is built first: `ARG IMAGE_SERVICES`.
const OTHER_IMAGE: &str = "ARG IMAGE_";

/// Under this name a Dockerfile finds the certificates that this machine trusts.
const CERTIFICATES: &str = "ca-certificates.crt";

/// How long a registry may take to begin to answer before the base image is made
/// here instead.
const PULL_LIMIT: Duration = Duration::from_secs(120);

/// An image's sources.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    name: &'static str,
    folder: &'static Dir<'static>,
}

impl Image {
    /// The image of that name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none; it lists those there are.
    pub fn named(name: &str) -> Result<Self> {
        let found = SOURCES.dirs().find(|dir| dir.path().to_str() == Some(name));
        let image = found.and_then(|folder| Some(Self { name: folder.path().to_str()?, folder }));
        image.ok_or_else(|| {
            let known: Vec<_> = SOURCES.dirs().map(|dir| dir.path().display().to_string()).collect();
            Error::usage(format!("there is no image {name:?}"), format!("there are: {}", known.join(", ")))
        })
    }

    /// Its files, those of its folders too, in an order that does not depend on the file
    /// system.
    fn files(&self) -> Vec<&'static File<'static>> {
        fn below(folder: &'static Dir<'static>) -> Vec<&'static File<'static>> {
            folder.files().chain(folder.dirs().flat_map(below)).collect()
        }
        let mut files = below(self.folder);
        files.sort_by_key(|file| file.path());
        files
    }

    /// The images that it takes something from.
    fn others(&self) -> Vec<String> {
        let dockerfile = self.folder.get_file(self.folder.path().join("Dockerfile"));
        let text = dockerfile.and_then(File::contents_utf8).unwrap_or_default();
        let argument = |line: &str| Some(line.strip_prefix(OTHER_IMAGE)?.split('=').next()?.to_lowercase());
        text.lines().filter_map(argument).collect()
    }

    /// What the image is built from: its files, and the certificates that this machine
    /// trusts. Those are no part of the image and of its tag: a build may only reach the
    /// network through an authority that the machine's owner has added.
    fn source(&self, repository: &str, tag: &str) -> GenericBuildableImage {
        let mut source = GenericBuildableImage::new(repository, tag);
        for file in self.files() {
            let path = file.path().strip_prefix(self.name).unwrap_or(file.path());
            source = source.with_data(file.contents(), path.to_string_lossy());
        }
        match trusted_certificates() {
            Some(bundle) => source.with_data(bundle, CERTIFICATES),
            None => source,
        }
    }

    /// `reenact/NAME:HASH`, the hash being over its files and the images it stands on.
    fn tag(&self, images: &[&str]) -> (String, String) {
        let mut hash = Sha256::new();
        for image in images {
            hash.update(image);
        }
        for file in self.files() {
            hash.update(file.path().as_os_str().as_encoded_bytes());
            hash.update(file.contents().len().to_le_bytes());
            hash.update(file.contents());
        }
        let digest = hash.finalize();
        let short: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        (format!("reenact/{}", self.name), short)
    }
}

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
        self.docker().inspect_image(reference).await.is_ok()
    }

    /// Builds it on the base image, with the other images, by their names, that it takes
    /// something from.
    async fn build(&self, image: Image, base: &str, others: &[(String, String)]) -> Result<String> {
        let images: Vec<_> = iter::once(base).chain(others.iter().map(|(_, other)| other.as_str())).collect();
        let (repository, tag) = image.tag(&images);
        let reference = format!("{repository}:{tag}");
        if self.has_image(&reference).await {
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
        let built = image.source(&repository, &tag).build_image_with(options).await;
        built.map(drop).map_err(|error| {
            Error::environment(
                format!("the image {reference} cannot be built: {error:?}"),
                format!(
                    "builds need Debian's packages; see the whole output with \
                     `docker build {arguments} docker/{}`",
                    image.name
                ),
            )
        })?;
        task.done();
        Ok(reference)
    }

    /// The base image: what a registry has, else made here.
    async fn base(&self) -> Result<String> {
        let ours = Image::named("base")?.tag(&[SUITE]);
        let (official, made) = (format!("debian:{SUITE}-slim"), format!("{}:{}", ours.0, ours.1));
        for reference in [&made, &official] {
            if self.has_image(reference).await {
                return Ok(reference.clone());
            }
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

/// The certificates that this machine trusts, as one file, if it has one.
fn trusted_certificates() -> Option<Vec<u8>> {
    let path = std::env::var_os("SSL_CERT_FILE").unwrap_or_else(|| "/etc/ssl/certs/ca-certificates.crt".into());
    std::fs::read(path).ok()
}

/// Runs `docker/base/make.sh`, which writes the archive of a root file system.
async fn make_base(task: &progress::Task) -> Result<Vec<u8>> {
    let failed = |what: String| {
        Error::environment(
            format!("the base image can be neither pulled nor made: {what}"),
            "reach an image registry, or run once as root on Debian with mmdebstrap installed",
        )
    };
    let script = Image::named("base")?.folder.get_file("base/make.sh");
    let script = script.ok_or_else(|| Error::Bug("docker/base/make.sh is missing".into()))?.contents();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_image_names_the_known_ones() {
        let error = Image::named("nonesuch").expect_err("unknown");
        assert!(error.to_string().contains("helper"), "{error}");
    }

    #[test]
    fn the_files_of_folders_are_part_of_an_image() {
        let services = Image::named("services").expect("known");
        let nested = services.files().into_iter().filter(|file| file.path().components().count() > 2);
        assert!(nested.count() > 0);
    }

    #[test]
    fn an_image_names_those_it_takes_something_from_and_they_take_nothing() {
        let mut takers = 0;
        for dir in SOURCES.dirs() {
            let name = dir.path().to_str().expect("text");
            let others = Image::named(name).expect("known").others();
            takers += usize::from(!others.is_empty());
            for other in others {
                assert!(Image::named(&other).expect("known").others().is_empty(), "{name} takes from {other}");
            }
        }
        assert!(takers > 0);
        assert!(Image::named("helper").expect("known").others().is_empty());
    }

    #[test]
    fn the_tag_depends_on_the_base() {
        let helper = Image::named("helper").expect("known");
        assert_ne!(helper.tag(&["a"]), helper.tag(&["b"]));
        assert_eq!(helper.tag(&["a"]), helper.tag(&["a"]));
    }
}
