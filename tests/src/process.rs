//! The process of a demo.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Framework, PATIENCE};

/// Time for a demo to start.
const START: Duration = Duration::from_secs(30);

/// A demo's process, which ends with the test.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: Output,
}

impl Process {
    /// Starts a demo and returns it with the address that it prints.
    ///
    /// # Panics
    ///
    /// Panics if it prints no address in time.
    pub(crate) fn start(command: &mut Command, framework: Framework) -> (Self, SocketAddr) {
        let (process, address) = Self::spawn(command, framework);
        let Ok(address) = address.recv_timeout(START) else {
            panic!("{framework} printed no address within {START:?}, but:\n{}", process.output());
        };
        (process, address)
    }

    /// Starts a demo without waiting for its address: the demo may also end.
    pub(crate) fn spawn(command: &mut Command, framework: Framework) -> (Self, Receiver<SocketAddr>) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{framework} does not start: {error}"));
        let output = Output::default();
        let (found, address) = mpsc::channel();
        output.record(child.stdout.take().expect("stdout is piped"), Some(found));
        output.record(child.stderr.take().expect("stderr is piped"), None);
        (Self { child, output }, address)
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has ended, and returns its exit status.
    ///
    /// # Panics
    ///
    /// Panics if it does not end in time.
    #[track_caller]
    pub(crate) fn exit_status(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "the demo does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills the process if it has not ended.
    pub(crate) fn end(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns what the process has printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// Returns all that the process printed, once it has ended.
    pub(crate) fn whole_output(&self) -> String {
        self.output.join();
        self.output.text()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            let text = self.output.text();
            let tail: Vec<&str> = text.lines().rev().take(100).collect();
            eprintln!("the last lines of the demo:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// The output of a demo, collected by one thread each for stdout and stderr.
#[derive(Clone, Default)]
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    readers: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
}

impl Output {
    /// Collects lines from `source` until it ends, and reports the address that the demo prints.
    fn record(&self, source: impl Read + Send + 'static, mut found: Option<Sender<SocketAddr>>) {
        let bytes = Arc::clone(&self.bytes);
        let reader = thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&line);
                if let Some(address) = announced(&line)
                    && let Some(found) = found.take()
                {
                    // The receiver is gone if the start took too long.
                    let _ = found.send(address);
                }
                line.clear();
            }
        });
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }

    /// Waits until all output of the ended process is collected.
    fn join(&self) {
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            reader.join().expect("a reader of output does not panic");
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

/// Returns the address from the line `listening on http://127.0.0.1:PORT`.
fn announced(line: &[u8]) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).ok()?;
    let (_, address) = line.split_once("listening on http://")?;
    address.trim_end().trim_end_matches('/').parse().ok()
}
