//! A program taken out of an image, to be run where the harness runs.

use bollard::{
    models::ContainerCreateBody,
    query_parameters::{
        CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    },
};
use futures::TryStreamExt;

use super::Session;
use reenact_core::{Error, Result};

/// A block of a tar archive, and where its header has the file's size, in octal digits.
const BLOCK: usize = 512;
const SIZE: std::ops::Range<usize> = 124..136;

impl Session {
    /// One file of an image, by its path there. No container runs for it.
    ///
    /// # Errors
    /// [`Error::Environment`] if there is no such image; [`Error::Docker`] if the daemon does not
    /// give the file.
    pub async fn take(&self, image: &str, path: &str) -> Result<Vec<u8>> {
        let reference = self.image(image).await?;
        let name = format!("reenact-{}-take-{image}", self.id());
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let body = ContainerCreateBody {
            image: Some(reference),
            labels: Some(self.labels()),
            ..ContainerCreateBody::default()
        };
        let cannot = || Error::docker(format!("give {path} of the image {image}"));
        let making = self.making();
        self.docker().create_container(Some(options), body).await.map_err(cannot())?;
        making.done();
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let archive = self.docker().download_from_container(&name, Some(options));
        let archive = archive.try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        });
        let archive = archive.await.map_err(cannot());
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        self.docker().remove_container(&name, Some(options)).await.map_err(cannot())?;
        only_file(&archive?)
            .ok_or_else(|| Error::Bug(format!("the daemon's archive of {path} is no archive of a file")))
    }
}

/// The content of an archive of one file.
fn only_file(archive: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(archive.get(SIZE)?).ok()?.trim_matches(['\0', ' ']);
    let size = usize::from_str_radix(digits, 8).ok()?;
    Some(archive.get(BLOCK..BLOCK + size)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_file_of_an_archive_is_read() {
        let mut archive = vec![0; BLOCK];
        archive[SIZE][..11].copy_from_slice(b"00000000005");
        archive.extend_from_slice(b"hello\0\0\0");
        assert_eq!(only_file(&archive).expect("a file"), b"hello");
        assert!(only_file(&archive[..BLOCK + 3]).is_none(), "it was cut");
        assert!(only_file(b"").is_none());
    }
}
