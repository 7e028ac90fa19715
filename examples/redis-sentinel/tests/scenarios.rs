use redis_sentinel as _;
fn main() -> std::process::ExitCode {
    reenact::report::suite(reenact::report::Hold::EachPasses, concat!(env!("CARGO_MANIFEST_DIR"), "/results"))
}
