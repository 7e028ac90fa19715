//! What can go wrong with a system: the engine's faults and its own, by their names in
//! plan files.

use std::sync::Arc;

use reenact_testbed::fault::{
    BindReadOnly, CrashLoop, DeviceShrunk, Disconnect, DiskFull, Fault, FileLeft, FilesystemError, FilesystemFrozen,
    FilesystemShutDown, Flap, Kill, OnTestbed, Partition, Pause, PowerOff, PowerOn, RemountReadOnly, ShutDown,
    WriteProtected,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::{FaultSpec, Span};

/// Makes the schema of a kind's fields.
pub type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// Reads a kind's fields.
type Read<S> = Box<dyn Fn(Table) -> Result<Arc<dyn Fault<S>>, String> + Send + Sync>;

/// The faults that a system knows, by their names in plan files.
pub struct FaultSpace<S> {
    kinds: Vec<(&'static str, MakeSchema, Read<S>)>,
}

impl<S: 'static> FaultSpace<S> {
    /// None.
    pub fn empty() -> Self {
        Self { kinds: Vec::new() }
    }

    /// One kind more, whose fields are those of the fault itself.
    #[must_use]
    pub fn with<F: Fault<S> + DeserializeOwned + JsonSchema>(self, name: &'static str) -> Self {
        self.made(name, |fault: F| fault)
    }

    /// One kind more, which is made of its fields.
    #[must_use]
    pub fn made<P: DeserializeOwned + JsonSchema + 'static, F: Fault<S>>(
        mut self,
        name: &'static str,
        make: fn(P) -> F,
    ) -> Self {
        let read = move |fields| {
            let fields: P =
                Value::Table(fields).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
            Ok(Arc::new(make(fields)) as Arc<dyn Fault<S>>)
        };
        self.kinds.push((name, |generator| P::json_schema(generator), Box::new(read)));
        self
    }

    /// The fault that a plan means.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub fn read(&self, spec: &FaultSpec) -> Result<Arc<dyn Fault<S>>, String> {
        match self.kinds.iter().find(|(name, ..)| *name == spec.kind) {
            Some((_, _, read)) => read(spec.fields.clone()).map_err(|why| format!("{}: {why}", spec.kind)),
            None => {
                let known: Vec<_> = self.kinds.iter().map(|(name, ..)| *name).collect();
                Err(format!("unknown kind `{}`; there are: {}", spec.kind, known.join(", ")))
            }
        }
    }

    /// The kinds' names and schemas.
    pub fn schemas(&self) -> Vec<(&'static str, MakeSchema)> {
        self.kinds.iter().map(|(name, schema, _)| (*name, *schema)).collect()
    }
}

impl<S: OnTestbed> FaultSpace<S> {
    /// The engine's own.
    pub fn engine() -> Self {
        Self::empty()
            .made("partition", |Sides { left, right }| Partition::between(&names(&left), &names(&right)))
            .made("one_way", |Ways { from, to }| Partition::one_way(&names(&from), &names(&to)))
            .made("flap", |Flapping { left, right, down, up }| Flap {
                cut: Partition::between(&names(&left), &names(&right)),
                down: down.0,
                up: up.0,
            })
            .with::<Disconnect>("disconnect")
            .with::<PowerOff>("power_off")
            .with::<ShutDown>("shut_down")
            .with::<PowerOn>("power_on")
            .with::<Kill>("kill")
            .with::<CrashLoop>("crash_loop")
            .with::<Pause>("pause")
            .with::<FileLeft>("file_left")
            .with::<DiskFull>("disk_full")
            .with::<RemountReadOnly>("remount_read_only")
            .with::<BindReadOnly>("bind_read_only")
            .with::<FilesystemError>("filesystem_error")
            .with::<FilesystemShutDown>("filesystem_shut_down")
            .with::<FilesystemFrozen>("filesystem_frozen")
            .with::<DeviceShrunk>("device_shrunk")
            .with::<WriteProtected>("write_protected")
    }
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Two groups that do not reach each other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sides {
    left: Vec<String>,
    right: Vec<String>,
}

/// What some send to others is lost; the way back is open.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ways {
    from: Vec<String>,
    to: Vec<String>,
}

/// A partition that comes and goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Flapping {
    left: Vec<String>,
    right: Vec<String>,
    /// How long they are apart each time.
    down: Span,
    /// How long they are together in between.
    up: Span,
}
