//! Recording of the commands that a server receives.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use crate::server::Server;

impl Server {
    /// Returns the commands that the server received while `work` ran, in order.
    ///
    /// Each comes with its arguments as the server quotes them. Commands that scripts call are left
    /// out.
    ///
    /// # Panics
    ///
    /// Panics if the server requires a password or does not run.
    pub fn commands_during(&self, work: impl FnOnce()) -> Vec<Vec<String>> {
        let mut monitor = UnixStream::connect(self.socket()).expect("the server runs");
        monitor.write_all(b"MONITOR\r\n").expect("the server accepts commands");
        let mut lines = BufReader::new(monitor).lines().map(|line| line.expect("the server still runs"));
        assert_eq!(lines.next().as_deref(), Some("+OK"));
        work();
        let end = format!("the end of {:?}", std::thread::current().id());
        let _ = self.cli(&["ECHO", &end]);
        let commands = lines.filter(|line| !line.contains(" lua] ")).map(|line| words(&line));
        commands.take_while(|words| words.get(1) != Some(&end)).collect()
    }
}

/// Splits `+1700000000.123 [0 127.0.0.1:5] "GET" "key"` into its words.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split_once("] ").map_or("", |(_, quoted)| quoted);
    let inner = quoted.trim_matches('"');
    inner.split("\" \"").map(str::to_owned).collect()
}
