//! What the demos share: their options, what their routes do, and how they start and fail. The
//! examples use parts of it.
//!
//! Each demo is a package of its own beside `src`. It holds only the wiring of one framework, short
//! enough to serve as a quick start.

mod accept;
pub mod app;
mod failure;
mod log;
mod options;
mod shutdown;
mod store;

pub use accept::accept;
pub use failure::Failure;
pub use log::start_log;
pub use options::Options;
pub use shutdown::shutdown_signal;

use std::env;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

/// The environment variable for the port of an example.
const PORT: &str = "PORT";

/// Returns the address that the examples listen on: port 8080 of the loopback interface, or another
/// port from the environment, such as `PORT=8081`.
///
/// # Errors
///
/// Returns an error if `PORT` is not a port number.
pub fn address() -> Result<SocketAddr, Failure> {
    let port = match env::var(PORT) {
        Ok(text) => text.parse().map_err(|error| Failure::new(format!("{PORT}: {error}")))?,
        Err(_) => 8080,
    };
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// Prints the address that a demo or an example listens on.
pub fn announce(address: SocketAddr) {
    // Ignores a closed output.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
}

/// The snippets of the README, as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn every_example_says_why_it_fails() {
        let files = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let examples: Vec<PathBuf> = ["axum", "actix", "hyper", "minihttp"]
            .map(|framework| format!("demo-{framework}/examples"))
            .into_iter()
            .flat_map(|folder| files(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)))
            .collect();
        assert!(examples.len() > 5, "{examples:?}");
        for path in examples {
            let source = fs::read_to_string(&path).unwrap();
            for needed in
                ["fn main() -> Result<(), Failure> {\n    start_log();\n", "Failure::to_listen(address, error)"]
            {
                assert!(source.contains(needed), "{} lacks {needed:?}", path.display());
            }
        }
    }
}
