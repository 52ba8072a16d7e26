//! A connection that never waits for its client lets the others be served.
//!
//! Regression: a client that kept the buffer full occupied its thread for as long as it liked, and
//! all other connections of that thread, and new ones, waited for it. A test binary of its own, so
//! that there is one thread.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sessions_minihttp::{BoxError, Request, Response, Sessions, WithSessions};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Number of requests that were answered.
static ANSWERS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn flood_lets_others_be_served() {
    may::config().set_workers(1);
    let address = serve();
    for count in [1, 4] {
        let mut earlier = connect(address);
        ask(&mut earlier);
        let floods: Vec<_> = (0..count).map(|_| Flood::start(address)).collect();
        let before = ANSWERS.load(Relaxed);
        for _ in 0..5 {
            ask(&mut earlier);
            ask(&mut connect(address));
        }
        // It is some 400 for each flood, and was more than 50,000.
        let answers = ANSWERS.load(Relaxed) - before;
        assert!(answers < count * 5000, "{answers} requests of {count} floods were answered before 10 others");
        floods.into_iter().for_each(Flood::end);
    }
}

fn serve() -> SocketAddr {
    let service = |_: Request<'_>, _: &mut Response| -> Result<(), BoxError> {
        ANSWERS.fetch_add(1, Relaxed);
        // Longer than a client needs to send another request.
        for n in 0..20_000 {
            black_box(n);
        }
        Ok(())
    };
    WithSessions::new(Sessions::builder().build().unwrap(), service).start_with_address("127.0.0.1:0").unwrap().0
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends a request and waits for its answer.
fn ask(stream: &mut TcpStream) {
    stream.write_all(GET.as_bytes()).unwrap();
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer).unwrap();
    assert!(answer[..count].starts_with(b"HTTP/1.1 200 "));
}

/// A client that sends without a pause, and drops the answers.
struct Flood {
    stream: TcpStream,
    threads: [JoinHandle<()>; 2],
}

impl Flood {
    /// Returns once much has been sent.
    fn start(address: SocketAddr) -> Self {
        let stream = connect(address);
        let (mut writer, mut reader) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let receive = thread::spawn(move || {
            let _ = io::copy(&mut reader, &mut io::sink());
        });
        let requests = GET.repeat(4096);
        writer.write_all(requests.as_bytes()).unwrap();
        let send = thread::spawn(move || while writer.write_all(requests.as_bytes()).is_ok() {});
        Self { stream, threads: [send, receive] }
    }

    fn end(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
