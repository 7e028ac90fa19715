//! Every scenario as a test by name: `cargo test --test scenarios [FILTER]`.

use scenarios as _;

fn main() -> std::process::ExitCode {
    reenact::report::suite(reenact::report::Hold::EachPasses, concat!(env!("CARGO_MANIFEST_DIR"), "/../results"))
}
