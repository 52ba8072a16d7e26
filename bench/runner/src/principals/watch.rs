//! The longest times that a server was blocked during an operation.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use test_servers::Server;

use crate::Outcome;

/// Time between two PINGs, so that they take little of the server.
const PAUSE: Duration = Duration::from_micros(200);

/// The longest times that a server was blocked.
pub(crate) struct Held {
    /// Name and milliseconds of the longest event in the server's own records.
    pub(crate) event: Option<String>,
    /// Longest wait for the answer to a PING.
    pub(crate) ping: Duration,
    /// Number of commands that took over 5 ms.
    slow: String,
}

/// A second connection that sends PINGs all the time, in addition to the server's own records.
pub(crate) struct Watch<'a> {
    server: &'a Server,
    is_over: Arc<AtomicBool>,
    pings: JoinHandle<std::io::Result<Duration>>,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(server: &'a Server) -> Outcome<Self> {
        for setting in [["latency-monitor-threshold", "1"], ["slowlog-log-slower-than", "5000"]] {
            let _ = server.cli(&["CONFIG", "SET", setting[0], setting[1]]);
        }
        let _ = server.cli(&["LATENCY", "RESET"]);
        let _ = server.cli(&["SLOWLOG", "RESET"]);
        let is_over = Arc::new(AtomicBool::new(false));
        let stream = TcpStream::connect(("127.0.0.1", server.port()))?;
        stream.set_nodelay(true)?;
        let pings = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || longest_ping(stream, &is_over)
        });
        Ok(Self { server, is_over, pings })
    }

    pub(crate) fn stop(self) -> Outcome<Held> {
        self.is_over.store(true, Ordering::Relaxed);
        let ping = self.pings.join().map_err(|_| "the PINGs have ended")??;
        let latest = self.server.cli(&["LATENCY", "LATEST"]);
        Ok(Held { event: longest(&latest), ping, slow: self.server.cli(&["SLOWLOG", "LEN"]) })
    }
}

fn longest_ping(mut stream: TcpStream, is_over: &AtomicBool) -> std::io::Result<Duration> {
    let (mut longest, mut pong) = (Duration::ZERO, [0; "+PONG\r\n".len()]);
    while !is_over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut pong)?;
        longest = longest.max(begin.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(longest)
}

/// Returns the longest event. For each event, the server prints its name, time, latest and longest
/// milliseconds; newer servers print further fields.
fn longest(latest: &str) -> Option<String> {
    let mut events: Vec<(u64, &str)> = Vec::new();
    let mut numbers = Vec::new();
    for line in latest.lines().rev() {
        match line.trim().parse::<u64>() {
            Ok(number) => numbers.push(number),
            Err(_) => {
                // Collected backwards: the third number after the name.
                let longest = numbers.len().checked_sub(3).and_then(|place| numbers.get(place));
                events.extend(longest.map(|longest| (*longest, line.trim())));
                numbers.clear();
            }
        }
    }
    events.into_iter().max().map(|(longest, name)| format!("{longest} ({name})"))
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.event.as_deref().unwrap_or("no event");
        write!(f, "{event}, PING {:.1} ms, {} commands over 5 ms", self.ping.as_secs_f64() * 1e3, self.slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_event_is_named() {
        let redis = "command\n1700000000\n3\n9\nexpire-cycle\n1700000001\n2\n25\n";
        assert_eq!(longest(redis).as_deref(), Some("25 (expire-cycle)"));
        let valkey = "command\n1700000000\n3\n9\n12\n2\nexpire-cycle\n1700000001\n2\n5\n7\n2";
        assert_eq!(longest(valkey).as_deref(), Some("9 (command)"));
        assert_eq!(longest(""), None);
    }
}
