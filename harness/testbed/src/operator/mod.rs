//! An operator's way into a testbed: a door for ssh on each node, the machines' power switches,
//! and a journal of the commands.
//!
//! The programs come from a read-only volume, as the exporters' do, so that a node of any image
//! has them and no node pays for them where no operator is expected. A small volume in memory is
//! shared by the nodes of a testbed and the [`Desk`], a container beside them.

mod desk;
mod exec;
mod place;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest};

use super::{Node, Session, Testbed, bed::Maker};
use reenact_core::{Error, Result};

pub use desk::{Command, Desk, Keys, Told};
pub use exec::attach;
pub use place::Place;

/// The folder of a node that has the operator's programs.
pub const OPERATOR: &str = "/opt/operator";
/// What a connection to a node begins with: it speaks ssh over its standard input and output.
pub const DOOR: &str = "/opt/operator/bin/door";
/// The folder that the nodes and the desk share.
const RUN: &str = "/run/operator";
/// The image.
const IMAGE: &str = "operator";

impl Session {
    /// Has all testbeds that are made from now on expect an operator.
    ///
    /// # Errors
    /// As [`Session::image`]; [`Error::Docker`] if the volume cannot be made.
    pub async fn offer_operator(&self) -> Result<()> {
        self.operator().get_or_try_init(|| self.fill_volume(IMAGE, OPERATOR)).await.map(drop)
    }
}

impl Testbed {
    /// The name of the desk's container, where an operator is expected.
    pub(super) fn desk_container(&self) -> Result<String> {
        match self.session().operator().get() {
            Some(_) => Ok(container(self.network())),
            None => Err(Error::Bug("no operator was expected when the testbed was made".into())),
        }
    }
}

fn container(network: &str) -> String {
    format!("{network}-operator")
}

/// The volume that is shared has its container's name.
fn shared(network: &str) -> Mount {
    mount(container(network), RUN, false)
}

fn mount(volume: String, target: &str, read_only: bool) -> Mount {
    let (source, target) = (Some(volume), Some(target.into()));
    Mount { typ: Some(MountType::VOLUME), source, target, read_only: Some(read_only), ..Default::default() }
}

impl Maker<'_> {
    /// What a node has of an operator, where one is expected.
    pub(super) fn operator_mounts(&self) -> Vec<Mount> {
        let programs = self.session.operator().get();
        programs.map_or_else(Vec::new, |volume| vec![mount(volume.clone(), OPERATOR, true), shared(self.network)])
    }

    /// Starts the desk, where an operator is expected.
    pub(super) async fn set_desk(&self) -> Result<()> {
        if self.session.operator().get().is_none() {
            return Ok(());
        }
        let name = container(self.network);
        let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=16m,mode=755")];
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            driver: Some("local".into()),
            driver_opts: Some(options.into_iter().map(|(name, value)| (name.into(), value.into())).collect()),
            labels: Some(self.labels.clone()),
            ..Default::default()
        };
        self.session.docker().create_volume(request).await.map_err(Error::docker("make the operator's desk"))?;
        let body = ContainerCreateBody {
            image: Some(self.session.image(IMAGE).await?),
            hostname: Some("desk".into()),
            network_disabled: Some(true),
            labels: Some(self.labels.clone()),
            host_config: Some(HostConfig { mounts: Some(vec![shared(self.network)]), ..Default::default() }),
            ..Default::default()
        };
        self.run(&name, body).await.map(drop)
    }
}

/// Who is behind a node's power switch.
async fn power(node: &Node, switch: &str) -> Result<String> {
    let state = node.state().await?;
    match switch {
        "on" => node.start().await?,
        "off" if state.running => node.signal("SIGKILL").await?,
        "off" => {}
        _ => return Ok(format!("{}\n", if state.running && !state.paused { "on" } else { "off" })),
    }
    Ok(String::new())
}
