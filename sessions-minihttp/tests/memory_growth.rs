//! Response headers are not kept: memory stays flat over any number of logins.
//!
//! A test binary of its own, so that only its own memory is measured.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions, block_on};

const BATCH: usize = 500;
const BATCHES: usize = if cfg!(debug_assertions) { 100 } else { 600 };

/// Less than half of what the headers alone would take: a login's are more than 100 bytes.
const ALLOWED: usize = BATCHES * BATCH * 50;

#[test]
fn logins_leave_nothing_behind() {
    let sessions = Sessions::builder().build().unwrap();
    let mut stream = BufReader::new(TcpStream::connect(serve(&sessions)).unwrap());
    let requests = "GET /login HTTP/1.1\r\nHost: a\r\n\r\n".repeat(BATCH);
    let mut line = String::new();
    let mut batch = || {
        stream.get_mut().write_all(requests.as_bytes()).unwrap();
        let (mut answers, mut cookies) = (0, 0);
        while answers < BATCH {
            line.clear();
            stream.read_line(&mut line).unwrap();
            answers += usize::from(line == "\r\n");
            cookies += usize::from(line.starts_with("Set-Cookie: __Host-id="));
        }
        assert_eq!(cookies, BATCH);
        assert_eq!(block_on(sessions.destroy_all()).unwrap(), BATCH as u64);
    };
    (0..BATCHES / 5).for_each(|_| batch());
    let before = resident_bytes();
    (0..BATCHES).for_each(|_| batch());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < ALLOWED, "{} logins took {grown} bytes", BATCHES * BATCH);
}

fn serve(sessions: &Sessions) -> SocketAddr {
    let login = |request: Request<'_>, _: &mut Response| -> Result<(), BoxError> {
        request.session()?.login("user-42")?;
        Ok(())
    };
    WithSessions::new(sessions.clone(), login).start_with_address("127.0.0.1:0").unwrap().0
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
