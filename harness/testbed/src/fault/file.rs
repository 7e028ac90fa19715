//! Files that a crash or a person left.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Fault, OnTestbed, Undo};
use crate::Testbed;
use reenact_core::{Error, Result, runbook::Output};

/// A file of a node is left over or damaged: a pid file that names somebody else, a torn state
/// file, a marker of something that never ended. The file before it is kept, with its owner and
/// mode, and is put back by the heal; what a process of the node has made of it meanwhile stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLeft {
    /// The node. Its machine must be on.
    pub node: String,
    /// The file's absolute path; its folder must be there.
    pub path: String,
    /// All that is in it.
    pub text: String,
}

impl fmt::Display for FileLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} left in {} on {}", self.text, self.path, self.node)
    }
}

impl FileLeft {
    /// Runs a script on the node that finds `file`, `text` and `before`, where the file before it
    /// is kept.
    async fn run(&self, bed: &Testbed, script: &str) -> Result<Output> {
        if !self.path.starts_with('/') || self.path.ends_with('/') {
            let what = format!("{:?} is no absolute path of a file", self.path);
            return Err(Error::usage(what, "give it as the node has it, such as /run/nginx.pid"));
        }
        let script = format!("file=$1 text=$2 before=/tmp/reenact-before$(echo \"$1\" | tr / _)\n{script}");
        bed.node(&self.node)?.exec(&["sh", "-c", &script, "sh", &self.path, &self.text]).await
    }

    /// Runs one that must succeed.
    async fn must(&self, bed: &Testbed, script: &str) -> Result<()> {
        match self.run(bed, script).await? {
            Output { code: 0, .. } => Ok(()),
            Output { text, .. } => Err(Error::inconclusive(format!("{self}: {}", text.trim()))),
        }
    }
}

/// Written over, so that the owner and the mode stay.
const LEAVE: &str = r#"if [ -e "$file" ]; then cp -p -- "$file" "$before"; fi && printf %s "$text" >"$file""#;

/// Only a file that nobody has changed since is taken back.
const TAKE_BACK: &str = r#"if printf %s "$text" | cmp -s - "$file"
then if [ -e "$before" ]; then cp -p -- "$before" "$file"; else rm -- "$file"; fi
fi && rm -f -- "$before""#;

const LOOK: &str = r#"if printf %s "$text" | cmp -s - "$file"; then echo left
elif [ -e "$file" ]; then echo another; fi"#;

#[async_trait]
impl<S: OnTestbed> Fault<S> for FileLeft {
    async fn inject(&self, system: &S) -> Result<Undo> {
        let bed = system.bed();
        self.must(bed, LEAVE).await?;
        let (fault, bed) = (self.clone(), bed.clone());
        Ok(Undo::by(async move { fault.must(&bed, TAKE_BACK).await }))
    }

    async fn effect(&self, system: &S) -> Result<Effect> {
        Ok(match self.run(system.bed(), LOOK).await?.text.trim() {
            "left" => Effect::new(true, format!("{} holds {:?}", self.path, self.text)),
            "another" => Effect::new(false, format!("{} holds something else", self.path)),
            _ => Effect::new(false, format!("there is no {}", self.path)),
        })
    }
}
