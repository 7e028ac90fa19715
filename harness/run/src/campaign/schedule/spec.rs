//! A fault as a plan file names it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::campaign::playables;

/// A fault's kind, and the kind's own fields. What they mean is the system's business: see
/// [`FaultSpace`](crate::campaign::FaultSpace).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultSpec {
    /// Its kind, such as `partition`.
    pub kind: String,
    /// The kind's own fields.
    #[serde(flatten)]
    pub fields: Table,
}

impl FaultSpec {
    /// A fault of that kind with these fields.
    pub fn new<const N: usize>(kind: &str, fields: [(&str, Value); N]) -> Self {
        Self { kind: kind.into(), fields: fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect() }
    }

    /// A file that is left over on a node, with that text in it.
    pub fn file_left(node: &str, path: &str, text: &str) -> Self {
        Self::new("file_left", [("node", node.into()), ("path", path.into()), ("text", text.into())])
    }

    /// The nodes that it names, in any of the fields that name nodes.
    pub fn nodes(&self) -> Vec<&str> {
        let named = NODES.iter().filter_map(|field| self.fields.get(*field));
        named
            .flat_map(|value| match value {
                Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
                other => other.as_str().into_iter().collect::<Vec<_>>(),
            })
            .collect()
    }

    /// The same with one node less, in each way that leaves some in every field.
    pub fn with_fewer_nodes(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for field in NODES {
            let Some(Value::Array(nodes)) = self.fields.get(field) else { continue };
            for gone in (0..nodes.len()).filter(|_| nodes.len() > 1) {
                let mut less = self.clone();
                let kept = nodes.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, node)| node.clone());
                less.fields.insert(field.into(), Value::Array(kept.collect()));
                all.push(less);
            }
        }
        all
    }
}

/// The fields that name nodes, in every kind of fault.
const NODES: [&str; 6] = ["node", "nodes", "left", "right", "from", "to"];

/// Nodes as a field of a fault.
pub fn nodes<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Array(names.into_iter().map(Value::from).collect())
}

/// Every kind of every registered system.
impl JsonSchema for FaultSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fault".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut kinds = std::collections::BTreeMap::new();
        for playable in playables() {
            kinds.extend((playable.kinds)());
        }
        let of = |(name, schema): (&str, super::super::space::MakeSchema)| json_schema!({"properties": {"kind": {"const": name}}, "required": ["kind"], "allOf": [schema(generator)]});
        let all: Vec<_> = kinds.into_iter().map(of).collect();
        json_schema!({"type": "object", "required": ["kind"], "anyOf": all})
    }
}
