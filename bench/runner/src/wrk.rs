//! Load from wrk on two servers in turns.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::page::Jar;
use crate::server::pinned;

/// Duration of a turn: much shorter than the seconds in which a machine's speed changes, much
/// longer than a switch.
pub(crate) const TURN: Duration = Duration::from_millis(50);

/// Maximum time until wrk handles a signal to end.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// The counts of wrk, and the duration of its turns.
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// A wrk that requests one page of one server during its turns. It stops on drop.
pub(crate) struct Client {
    command: Command,
    page: String,
    /// The process; `None` before its first turn.
    process: Option<Child>,
    asked: Duration,
}

/// Runs both in turns, until each has run for `seconds`.
pub(crate) fn take_turns(mut clients: [Client; 2], seconds: u64) -> Outcome<[Load; 2]> {
    let turns = Duration::from_secs(seconds).as_millis() / TURN.as_millis();
    for _ in 0..turns {
        for client in &mut clients {
            client.take_turn()?;
        }
    }
    // Neither sends more before it notices that it is to end.
    thread::sleep(LOOKS_EVERY);
    let [one, other] = clients;
    Ok([one.finish()?, other.finish()?])
}

impl Client {
    /// Creates a client with a number of connections.
    pub(crate) fn new(connections: usize, core: u32, port: u16, path: &str, jar: &Jar) -> Self {
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", "1", "--connections", &connections.to_string(), "--duration", "1h"]);
        match &*jar.field() {
            "" => {}
            field => drop(wrk.args(["--header", &format!("Cookie: {field}")])),
        }
        let page = format!("http://127.0.0.1:{port}{path}");
        wrk.arg(&page);
        let mut command = pinned(core, &wrk);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, page, process: None, asked: Duration::ZERO }
    }

    fn take_turn(&mut self) -> Outcome {
        let begin = Instant::now();
        match &self.process {
            Some(process) => signal(process, Signal::CONT)?,
            None => self.process = Some(self.command.spawn().map_err(|error| format!("taskset: {error}"))?),
        }
        thread::sleep(TURN);
        if let Some(process) = &self.process {
            signal(process, Signal::STOP)?;
        }
        self.asked += begin.elapsed();
        Ok(())
    }

    /// Returns the counts. A response without success is a failure.
    fn finish(mut self) -> Outcome<Load> {
        let mut process = self.process.take().ok_or("wrk had no turn")?;
        // Signalled while it is stopped, so that it sends no further requests.
        signal(&process, Signal::INT)?;
        signal(&process, Signal::CONT)?;
        // Its worker thread may have received the signal; the main thread then needs another.
        while process.try_wait()?.is_none() {
            thread::sleep(Duration::from_millis(5));
            signal(&process, Signal::INT)?;
        }
        let output = process.wait_with_output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let failed = printed.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
        match (failed, counted(&printed)) {
            (None, Some(requests)) => Ok(Load { requests, seconds: self.asked.as_secs_f64() }),
            _ => Err(format!("wrk on {}: {printed}{}", self.page, String::from_utf8_lossy(&output.stderr)).into()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn signal(process: &Child, signal: Signal) -> Outcome {
    kill_process(Pid::from_child(process), signal).map_err(|error| format!("wrk has ended: {error}").into())
}

fn counted(output: &str) -> Option<u64> {
    output.lines().find_map(|line| line.split_once(" requests in "))?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        let output = "  32 connections\n  114062 requests in 1.10s, 14.14MB read\nRequests/sec: 103693.95\n";
        assert_eq!(counted(output), Some(114_062));
    }
}
