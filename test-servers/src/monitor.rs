//! What a server was sent.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use crate::server::Server;

impl Server {
    /// Returns the commands that the server received while `work` was done, in their order, each
    /// with its arguments as the server quotes them. What its scripts call is left out.
    ///
    /// # Panics
    ///
    /// Panics if the server has a password, or is gone.
    pub fn commands_during(&self, work: impl FnOnce()) -> Vec<Vec<String>> {
        let mut monitor = UnixStream::connect(self.socket()).expect("the server runs");
        monitor.write_all(b"MONITOR\r\n").expect("the server listens");
        let mut lines = BufReader::new(monitor).lines().map(|line| line.expect("the server goes on"));
        assert_eq!(lines.next().as_deref(), Some("+OK"));
        work();
        let end = format!("the end of {:?}", std::thread::current().id());
        let _ = self.cli(&["ECHO", &end]);
        let commands = lines.filter(|line| !line.contains(" lua] ")).map(|line| words(&line));
        commands.take_while(|words| words.get(1) != Some(&end)).collect()
    }
}

/// Takes `+1700000000.123 [0 127.0.0.1:5] "GET" "key"` apart.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split_once("] ").map_or("", |(_, quoted)| quoted);
    let inner = quoted.trim_matches('"');
    inner.split("\" \"").map(str::to_owned).collect()
}
