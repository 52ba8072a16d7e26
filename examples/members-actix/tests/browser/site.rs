//! The program, and browsers that visit it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sessions_tests::Chromium;
use test_servers::Server;

use crate::support::redis;

/// The running program.
pub(crate) struct Site {
    pub(crate) origin: String,
    program: Child,
    _redis: Server,
}

impl Site {
    /// Starts the program, and a browser that has not visited it yet.
    ///
    /// If something is missing, reports the test as skipped and returns `None`.
    pub(crate) fn start() -> Option<(Self, Chromium)> {
        let (browser, redis) = (Chromium::start()?, redis()?);
        let mut program = Command::new(env!("CARGO_BIN_EXE_members-actix"))
            .args(["--port", "0", "--redis", &redis.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let origin = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it prints {line:?}"));
        Some((Self { origin: origin.to_owned(), program, _redis: redis }, browser))
    }

    /// Returns the URL of a page without a site, whose form posts to a path of the application.
    pub(crate) fn page_elsewhere(&self, target: &str) -> String {
        format!("data:text/html,<form method=post action='{}{target}'><button>Win</button></form>", self.origin)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
