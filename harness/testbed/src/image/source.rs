//! The sources of images: the engine's own, and those that other crates bring.

use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};
use testcontainers::GenericBuildableImage;

use reenact_core::{Error, Result};

/// A Dockerfile's argument of this name and another image's stands for that image,
/// which is built first: `ARG IMAGE_SERVICES`.
const OTHER_IMAGE: &str = "ARG IMAGE_";

/// Under this name a Dockerfile finds the certificates that this machine trusts.
const CERTIFICATES: &str = "ca-certificates.crt";

/// The image that this program is put into, and the program's name beside its Dockerfile.
const HARNESS: &str = "reenact";

/// The images of the engine's own: what all others stand on, the exporters, what faults act from,
/// what an operator has, and the harness itself.
static OWN: [Image; 6] = [
    Image { name: "base", files: &BASE, at: ("$CARGO_MANIFEST_DIR/../../docker", env!("CARGO_MANIFEST_DIR")) },
    Image { name: "box", files: &BOX, at: ("$CARGO_MANIFEST_DIR/../../docker", env!("CARGO_MANIFEST_DIR")) },
    Image {
        name: "exporters",
        files: &EXPORTERS,
        at: ("$CARGO_MANIFEST_DIR/../../docker", env!("CARGO_MANIFEST_DIR")),
    },
    Image { name: "helper", files: &HELPER, at: ("$CARGO_MANIFEST_DIR/../../docker", env!("CARGO_MANIFEST_DIR")) },
    Image { name: "operator", files: &OPERATOR, at: ("$CARGO_MANIFEST_DIR/../../docker", env!("CARGO_MANIFEST_DIR")) },
    Image { name: HARNESS, files: &REENACT, at: ("$CARGO_MANIFEST_DIR/../../docker", env!("CARGO_MANIFEST_DIR")) },
];
static BOX: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docker/box");
static OPERATOR: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docker/operator");
static BASE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docker/base");
static EXPORTERS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docker/exporters");
static REENACT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docker/reenact");
static HELPER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docker/helper");

/// A folder of a crate that holds image sources, one folder an image: see [`crate::images`].
#[derive(Debug)]
pub struct Sources {
    /// What is in it.
    pub files: Dir<'static>,
    /// Where it was, in the words of the crate that brings it.
    pub path: &'static str,
    /// What `$CARGO_MANIFEST_DIR` stands for there.
    pub manifest: &'static str,
}

inventory::collect!(Sources);

/// Brings a folder of image sources, one folder an image, each with its Dockerfile. Its
/// images are then found by their folders' names, as in `session.image("galera")`.
///
/// The path begins with `$CARGO_MANIFEST_DIR`. A Dockerfile begins with `ARG BASE` and
/// `FROM $BASE`, which is a Debian; `ARG IMAGE_OTHER` stands for the image `other`. All of a
/// folder goes into its image's tag. So that a change is noticed, the crate's `build.rs`
/// prints `cargo::rerun-if-changed=` and the folder.
///
/// ```ignore
/// reenact::images!("$CARGO_MANIFEST_DIR/docker");
/// ```
#[macro_export]
macro_rules! images {
    ($path:tt) => {
        $crate::private::inventory::submit! {
            $crate::Sources {
                files: {
                    use $crate::private::include_dir;
                    include_dir::include_dir!($path)
                },
                path: $path,
                manifest: ::core::env!("CARGO_MANIFEST_DIR"),
            }
        }
    };
}

/// An image's sources.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    name: &'static str,
    files: &'static Dir<'static>,
    /// The folder that its own is in, and what `$CARGO_MANIFEST_DIR` stands for there.
    at: (&'static str, &'static str),
}

impl Image {
    /// All there are.
    fn all() -> Vec<Self> {
        let of = |sources: &'static Sources| {
            let at = (sources.path, sources.manifest);
            let image = move |files: &'static Dir<'static>| Some(Self { name: files.path().to_str()?, files, at });
            sources.files.dirs().filter_map(image)
        };
        OWN.iter().copied().chain(inventory::iter::<Sources>().flat_map(of)).collect()
    }

    /// The image of that name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none, and it lists those there are; or if two crates
    /// bring different ones.
    pub fn named(name: &str) -> Result<Self> {
        Self::only(name, &Self::all())
    }

    fn only(name: &str, all: &[Self]) -> Result<Self> {
        let mut found = all.iter().filter(|image| image.name == name);
        let Some(first) = found.next() else {
            let mut known: Vec<_> = all.iter().map(|image| image.name).collect();
            known.sort_unstable();
            known.dedup();
            return Err(Error::usage(
                format!("there is no image {name:?}"),
                format!("there are: {}", known.join(", ")),
            ));
        };
        match found.find(|other| other.tag(&[], None) != first.tag(&[], None)) {
            Some(other) => Err(Error::usage(
                format!("two images are called {name:?}: {} and {}", first.folder(), other.folder()),
                "rename one of the folders",
            )),
            None => Ok(*first),
        }
    }

    /// Where its folder was when the binary was built.
    pub(super) fn folder(&self) -> String {
        let (path, manifest) = self.at;
        format!("{}/{}", path.replace("$CARGO_MANIFEST_DIR", manifest), self.name)
    }

    /// One of its files.
    pub(super) fn file(&self, path: &str) -> Option<&'static [u8]> {
        self.all_files().into_iter().find(|(at, _)| at == path).map(|(_, file)| file.contents())
    }

    /// Its files with their paths in its folder, those of its folders too, in an order that
    /// does not depend on the file system.
    fn all_files(&self) -> Vec<(String, &'static File<'static>)> {
        fn below(folder: &'static Dir<'static>) -> Vec<&'static File<'static>> {
            folder.files().chain(folder.dirs().flat_map(below)).collect()
        }
        let mut files = below(self.files);
        files.sort_by_key(|file| file.path());
        let path = |file: &File<'_>| file.path().strip_prefix(self.files.path()).unwrap_or(file.path()).to_owned();
        files.into_iter().map(|file| (path(file).to_string_lossy().into_owned(), file)).collect()
    }

    /// The images that it takes something from.
    pub(super) fn others(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.file("Dockerfile").unwrap_or_default());
        let argument = |line: &str| Some(line.strip_prefix(OTHER_IMAGE)?.split('=').next()?.to_lowercase());
        text.lines().filter_map(argument).collect()
    }

    /// This program, if it belongs into the image.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub(super) fn program(&self) -> Result<Option<Vec<u8>>> {
        // Also when its file was replaced since.
        let path = "/proc/self/exe";
        let is_taken = self.name == HARNESS;
        is_taken.then(|| std::fs::read(path).map_err(Error::file("read", path))).transpose()
    }

    /// What the image is built from: its files, this program if it belongs into it, and the
    /// certificates that this machine trusts. Those are no part of the image and of its tag: a
    /// build may only reach the network through an authority that the machine's owner has added.
    pub(super) fn source(&self, repository: &str, tag: &str, program: Option<Vec<u8>>) -> GenericBuildableImage {
        let mut source = GenericBuildableImage::new(repository, tag);
        if let Some(program) = program {
            source = source.with_data(program, HARNESS);
        }
        for (path, file) in self.all_files() {
            source = source.with_data(file.contents(), path);
        }
        match trusted_certificates() {
            Some(bundle) => source.with_data(bundle, CERTIFICATES),
            None => source,
        }
    }

    /// `reenact/NAME:HASH`, the hash being over its files, the images it stands on, and this
    /// program if it belongs into it.
    pub(super) fn tag(&self, images: &[&str], program: Option<&[u8]>) -> (String, String) {
        let mut hash = Sha256::new();
        hash.update(program.unwrap_or_default());
        for image in images {
            hash.update(image);
        }
        for (path, file) in self.all_files() {
            hash.update(format!("{}/{path}", self.name));
            hash.update(file.contents().len().to_le_bytes());
            hash.update(file.contents());
        }
        let digest = hash.finalize();
        let short: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        (format!("reenact/{}", self.name), short)
    }
}

/// The certificates that this machine trusts, as one file, if it has one.
fn trusted_certificates() -> Option<Vec<u8>> {
    let path = std::env::var_os("SSL_CERT_FILE").unwrap_or_else(|| "/etc/ssl/certs/ca-certificates.crt".into());
    std::fs::read(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // As another crate does; the engine's own images are among these a second time.
    images!("$CARGO_MANIFEST_DIR/../../docker");

    #[test]
    fn an_unknown_image_names_the_known_ones() {
        let error = Image::named("nonesuch").expect_err("unknown").to_string();
        assert!(error.contains("base, blobstore, box, diego, exporters, galera, helper, operator,"), "{error}");
    }

    #[test]
    fn the_files_of_folders_are_part_of_an_image() {
        let services = Image::named("services").expect("known");
        assert!(services.all_files().iter().any(|(path, _)| path.contains('/')));
        assert!(services.file("Dockerfile").is_some());
    }

    #[test]
    fn an_image_names_those_it_takes_something_from_and_they_take_nothing() {
        let mut takers = 0;
        for image in Image::all() {
            let others = image.others();
            takers += usize::from(!others.is_empty());
            for other in others {
                assert!(Image::named(&other).expect("known").others().is_empty(), "{} takes from {other}", image.name);
            }
        }
        assert!(takers > 0);
        assert!(Image::named("helper").expect("known").others().is_empty());
    }

    #[test]
    fn the_tag_depends_on_the_base_and_not_on_who_brings_the_folder() {
        let helper = Image::named("helper").expect("known");
        assert_ne!(helper.tag(&["a"], None), helper.tag(&["b"], None));
        let brought = Image::all().into_iter().filter(|image| image.name == "helper").collect::<Vec<_>>();
        assert_eq!(brought.len(), 2, "the engine's own, and another crate's");
        assert_eq!(brought[0].tag(&["a"], None), brought[1].tag(&["a"], None));
    }

    #[test]
    fn only_the_harness_s_image_holds_this_program_and_its_tag_depends_on_it() {
        let (harness, helper) = (Image::named("reenact").expect("known"), Image::named("helper").expect("known"));
        let program = harness.program().expect("readable").expect("this test");
        assert!(program.starts_with(b"\x7fELF") && helper.program().expect("none").is_none());
        assert_ne!(harness.tag(&[], Some(&program)), harness.tag(&[], Some(b"another one")));
    }

    #[test]
    fn two_images_of_one_name_are_refused_with_both_places() {
        let ours = Image::named("helper").expect("known");
        let theirs = Image { files: &BASE, at: ("$CARGO_MANIFEST_DIR/images", "/theirs"), ..ours };
        let error = Image::only("helper", &[ours, theirs]).expect_err("two").to_string();
        for word in ["two images are called \"helper\"", "docker/helper", "/theirs/images/helper"] {
            assert!(error.contains(word), "no {word} in: {error}");
        }
    }
}
