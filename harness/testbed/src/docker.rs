//! The daemon: connecting to it.

use std::time::Duration;

use bollard::Docker;

use reenact_core::{Error, Result};

/// Connects to the daemon that `DOCKER_HOST` names, or to the local one.
///
/// # Errors
/// [`Error::Environment`] if there is none, or it does not answer.
pub async fn connect() -> Result<Docker> {
    // Some of the client's errors do not say where it looked.
    let at = std::env::var("DOCKER_HOST").map_or_else(|_| String::new(), |host| format!(" at DOCKER_HOST={host}"));
    let missing = |error: bollard::errors::Error| {
        Error::environment(
            format!("no Docker daemon answers{at}: {error}"),
            "start Docker, or point DOCKER_HOST at its socket; your user must be allowed to use it \
             (`docker version` shows the same error)",
        )
    };
    let docker = Docker::connect_with_defaults().map_err(missing)?;
    // A newer client's version is refused by an older daemon: agree on one.
    let docker = tokio::time::timeout(Duration::from_secs(10), docker.negotiate_version())
        .await
        .map_err(|_| Error::environment(format!("the Docker daemon{at} does not answer within 10 s"), "restart it"))?
        .map_err(missing)?;
    Ok(docker)
}
