//! Builds the image of a recipe and keeps the folder in which it was built: for
//! those who work on recipes. `cargo run --release -p bellglass-build --example
//! build_image -- guests/python/recipe-3.14.6.toml`

use bellglass_build::{BuildRequest, Display, build};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut request = BuildRequest::new(std::env::args().nth(1).unwrap_or_else(|| "python".to_owned()));
    request.keep_work = true;
    match build(&request, &Display::new()) {
        Ok(image) => {
            println!("{}", image.path().display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("build_image: {error}");
            ExitCode::FAILURE
        }
    }
}
