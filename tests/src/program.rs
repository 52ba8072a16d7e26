use std::env;
use std::io::Write;
use std::path::Path;
use std::thread;

/// A program that some tests start, which may be missing.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    /// The Debian package that contains it.
    package: &'static str,
    /// The environment variable that turns a skipped test into a failed one.
    required_by: &'static str,
}

/// The web server between visitors and a demo.
pub const NGINX: Program = Program { name: "nginx", package: "nginx-light", required_by: "SESSIONS_REQUIRE_NGINX" };

/// The browser.
pub const CHROMIUM: Program =
    Program { name: "chromium", package: "chromium", required_by: "SESSIONS_REQUIRE_BROWSER" };

/// The program that drives the browser.
pub const CHROMEDRIVER: Program =
    Program { name: "chromedriver", package: "chromium-driver", required_by: "SESSIONS_REQUIRE_BROWSER" };

impl Program {
    /// Returns whether the program is on the `PATH`.
    ///
    /// If it is not, reports the test as skipped.
    ///
    /// # Panics
    ///
    /// Panics if the program is missing and the environment requires it.
    #[must_use]
    pub fn is_installed(self) -> bool {
        let Self { name, package, required_by } = self;
        let is_installed = is_on_path(name);
        if !is_installed {
            assert!(env::var_os(required_by).is_none(), "{name} is not installed, and {required_by} is set");
            let thread = thread::current();
            let test = thread.name().unwrap_or("a test");
            // Not with `eprintln!`: the test harness hides its output while the test passes.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: {test}: no {name} found; `cargo xtask test` installs it, or on Debian `apt-get install {package}`"
            );
        }
        is_installed
    }
}

fn is_on_path(name: &str) -> bool {
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| Path::new(&folder).join(&name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_whole_name() {
        assert!(is_on_path("cargo"));
        assert!(!is_on_path("cargo-of-another-kind"));
    }
}
