//! A web service that loses asynchronous work at SIGTERM, or does not, by variant.
//! See [`services::shutdown`].

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match services::shutdown::run(std::env::args().skip(1).collect()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shutdown-service: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
