//! Large requests take no memory. Regression: may_minihttp 0.1.11 kept all of a 60 MB head.
//!
//! A test binary of its own, so that only its own memory is measured.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions};

const SENT: usize = 60 << 20;

/// The buffers of a connection, and what the allocator keeps of them.
const ALLOWED: usize = 2 << 20;

#[test]
fn large_requests_are_not_kept() {
    let address = serve();
    let beginnings = [
        ("GET / HTTP/1.1\r\nHost: a\r\nX: ", "431"),
        ("GET /", "431"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 62914560\r\n\r\n", "200"),
        ("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 62914560\r\n\r\n", "200"),
    ];
    ask(address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0);
    for (beginning, status) in beginnings {
        let before = peak_bytes();
        let answer = ask(address, beginning, SENT);
        let grown = peak_bytes().saturating_sub(before);
        assert!(grown < ALLOWED, "{beginning:?} took {grown} bytes");
        // A client that keeps sending while it is refused may find the connection reset.
        let may_be_lost = !beginning.contains("/read");
        assert!(may_be_lost && answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

/// Sends a request that continues for `rest` bytes, until the server disconnects. Returns the
/// response.
fn ask(address: SocketAddr, beginning: &str, rest: usize) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(beginning.as_bytes()).unwrap();
    let piece = [b'x'; 64 * 1024];
    let _ = (0..rest / piece.len()).try_for_each(|_| stream.write_all(&piece));
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

fn serve() -> SocketAddr {
    let service = |request: Request<'_>, _: &mut Response| -> Result<(), BoxError> {
        if request.path() == "/read" {
            std::io::copy(&mut request.body(), &mut std::io::sink())?;
        }
        Ok(())
    };
    WithSessions::new(Sessions::builder().build().unwrap(), service).start_with_address("127.0.0.1:0").unwrap().0
}

/// Returns the peak resident memory.
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
