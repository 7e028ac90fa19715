//! A toy of a system.

use reenact_core::probe::Signal;

use crate::{gathered::Gathered, system::System};

pub(crate) static TOY: System = System {
    name: "toy",
    script: "run hello echo hello\nfile /x\nlog /y",
    write: "run written echo written\n",
    words: &["word"],
    prefix: |_| None,
    recognise: |name, _| name.ends_with(".log").then_some("log"),
    parts: |_, _| Vec::new(),
    read: |node: &Gathered| node.text("hello").map(|text| Signal::Log { line: text.into() }).into_iter().collect(),
    implied: |_| Vec::new(),
    needs: &[("/clock", &["toy:clock"])],
    commands: &[("toy:file", "cat /x"), ("toy:clock", "date")],
    rank: |_, _| Vec::new(),
    contradictions: |_, _| Vec::new(),
    advice: &[],
};
