//! `reenact image`.

use std::{collections::HashMap, path::Path};

use clap::Args;

use super::{run::conclude, say};
use reenact_core::{Error, Result};
use reenact_run::campaign;
use reenact_testbed::Session;

#[derive(Args)]
pub(super) struct Image {
    /// Also the images that scenarios and schedules need, a name a line, for machines that cannot make them
    #[arg(long)]
    with_testbeds: bool,

    /// Only those of this system; to be given more than once for several
    #[arg(long = "system", value_name = "NAME", requires = "with_testbeds")]
    systems: Vec<String>,
}

impl Image {
    pub(super) async fn execute(self, results: &Path, images: HashMap<String, String>) -> Result<u8> {
        let needed = if self.with_testbeds { self.needed()? } else { Vec::new() };
        let session = Session::open(results, images, false).await?;
        let work = async {
            let harness = session.image("reenact").await.map_err(starts_not)?;
            for name in needed {
                session.image(name).await?;
            }
            Ok((harness, session.ready_images().await))
        };
        let ((harness, all), closed) = conclude(&session, work).await?;
        say(&harness);
        if self.with_testbeds {
            all.iter().filter(|name| **name != harness).for_each(say);
        }
        closed.map(|()| 0)
    }

    /// What scenarios and schedules of these systems need; of all, if none is named.
    fn needed(&self) -> Result<Vec<&'static str>> {
        let systems = campaign::playables_of(&self.systems)?;
        let is_of = |id: &str| systems.iter().any(|playable| playable.system == id);
        let scenarios = campaign::all()?.into_iter().filter(|scenario| is_of(scenario.system()));
        let of_scenarios = scenarios.flat_map(|scenario| scenario.images.clone());
        let of_systems = systems.iter().flat_map(|playable| (playable.images)());
        Ok(["helper"].into_iter().chain(of_scenarios).chain(of_systems).collect())
    }
}

/// The build ends with the program's first start.
fn starts_not(error: Error) -> Error {
    match error {
        Error::Environment { what, help } => Error::environment(
            what,
            format!(
                "{help}. If the program does not start there, build it where the C library is no newer than the base \
                 image's, such as on Debian 12"
            ),
        ),
        other => other,
    }
}
