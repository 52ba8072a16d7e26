//! A Redis server for the benchmarks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Outcome;

/// A Redis server without persistence on its own port, stopped on drop.
pub(crate) struct Redis {
    server: Child,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Outcome<Self> {
        let port = free_port()?;
        let options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()];
        let mut command = Command::new("redis-server");
        command.args(options).stdin(Stdio::null()).stdout(Stdio::null());
        let server = command.spawn().map_err(|error| format!("redis-server: {error}"))?;
        let redis = Self { server, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(redis);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("redis-server did not start in time".into())
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Pins all threads of the server to one core.
    pub(crate) fn pin(&self, core: u32) -> Outcome {
        let (core, process) = (core.to_string(), self.server.id().to_string());
        let output = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", &core, &process]).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("taskset: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// Removes all keys.
    pub(crate) fn flush(&self) -> Outcome {
        let reply = self.ask("FLUSHALL SYNC")?;
        if reply.starts_with("+OK") { Ok(()) } else { Err(format!("FLUSHALL: {reply}").into()) }
    }

    /// Returns one of the server's statistics.
    pub(crate) fn number(&self, name: &str) -> Outcome<u64> {
        let info = self.ask("INFO")?;
        let number = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(number.ok_or_else(|| format!("Redis reports no {name}"))?.trim().parse()?)
    }

    /// Sends a command, and returns the reply: its first line, or the value that this line
    /// announces.
    fn ask(&self, command: &str) -> Outcome<String> {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", self.port))?);
        stream.get_ref().set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut reply = String::new();
        stream.read_line(&mut reply)?;
        if let Some(length) = reply.strip_prefix('$') {
            let mut bulk = vec![0; length.trim().parse()?];
            stream.read_exact(&mut bulk)?;
            reply = String::from_utf8(bulk)?;
        }
        Ok(reply)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Returns a free port.
pub(crate) fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
