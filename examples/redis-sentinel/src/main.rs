use redis_sentinel as _;
fn main() -> std::process::ExitCode {
    reenact::cli::main()
}
