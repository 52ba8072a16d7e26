//! What the four demos share, their options and what their routes do, and how demos and examples
//! start and fail.
//!
//! Each demo is only the wiring of one framework, short enough to be read as its quick start; see
//! `src/bin`.

pub mod app;
mod failure;
mod log;
mod options;
mod shutdown;
mod store;

pub use failure::Failure;
pub use log::start_log;
pub use options::Options;
pub use shutdown::asked_to_end;

use std::env;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

/// The environment variable with the port of an example.
const PORT: &str = "PORT";

/// Returns the address that the examples listen on: port 8080 of the loopback interface, or another
/// with `PORT=8081`.
///
/// # Errors
///
/// Returns that `PORT` is no port.
pub fn address() -> Result<SocketAddr, Failure> {
    let port = match env::var(PORT) {
        Ok(text) => text.parse().map_err(|error| Failure::new(format!("{PORT}: {error}")))?,
        Err(_) => 8080,
    };
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// Prints where a demo or an example listens.
pub fn announce(address: SocketAddr) {
    // Whoever started it may have closed its output already; that is no reason to stop.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
}

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_example_says_why_it_fails() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let examples: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
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
