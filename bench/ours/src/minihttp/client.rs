//! The client, in a separate process.

use std::env;
use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Argument that makes this program a client.
const CLIENT: &str = "client";

/// Number of pipelined requests.
const AT_ONCE: u64 = 64;

/// Runs the client if the command line asks for it, and returns whether it did.
pub(crate) fn is_client() -> bool {
    let words: Vec<String> = env::args().skip(1).collect();
    let [first, port] = words.as_slice() else { return false };
    if first != CLIENT {
        return false;
    }
    let mut stream = connect(port.parse().expect("the port is a number"));
    for order in stdin().lock().lines() {
        let order = order.expect("orders are text");
        let [path, cookie, times] = order.split('\t').collect::<Vec<_>>()[..] else { panic!("{order:?}?") };
        let cookie = Some(cookie).filter(|cookie| !cookie.is_empty());
        burst(&mut stream, &request(path, cookie), times.parse().expect("a number"));
        println!();
        stdout().flush().expect("the server process reads stdout");
    }
    true
}

/// The server's handle on the client.
pub(super) struct Client {
    process: Child,
    orders: ChildStdin,
    done: BufReader<ChildStdout>,
}

impl Client {
    pub(super) fn start(port: u16) -> Self {
        let program = env::current_exe().expect("this program has a file");
        let mut command = Command::new(program);
        command.args([CLIENT, &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program can be run");
        let orders = process.stdin.take().expect("it is piped");
        let done = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, orders, done }
    }

    pub(super) fn burst(&mut self, path: &str, cookie: Option<&str>, times: u64) {
        writeln!(self.orders, "{path}\t{}\t{times}", cookie.unwrap_or_default()).expect("the client listens");
        let read = self.done.read_line(&mut String::new());
        assert_eq!(read.expect("the client answers"), 1, "the client has failed");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connect(port: u16) -> TcpStream {
    // The listener is bound before the server's coroutine starts.
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("a socket has the option");
    stream
}

fn request(path: &str, cookie: Option<&str>) -> String {
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}\r\n")
}

fn burst(stream: &mut TcpStream, request: &str, times: u64) {
    let (mut left, mut buffer) = (times, Vec::new());
    while left > 0 {
        let now = left.min(AT_ONCE);
        left -= now;
        stream.write_all(request.repeat(now as usize).as_bytes()).expect("the server reads");
        for _ in 0..now {
            let page = Page::receive(stream, &mut buffer);
            assert_eq!(page.status(), 200, "{request}");
        }
    }
}

/// Requests a page on a new connection.
pub(super) fn get(port: u16, path: &str, cookie: Option<&str>) -> Page {
    let mut stream = connect(port);
    stream.write_all(request(path, cookie).as_bytes()).expect("the server reads");
    Page::receive(&mut stream, &mut Vec::new())
}

/// A response as it was received.
pub(crate) struct Page {
    head: String,
    body: Vec<u8>,
}

impl Page {
    /// Removes one response from the buffer, reading more from the stream as needed.
    fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Self {
        loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
                let mut fields = head.lines().filter_map(|line| line.split_once(": "));
                let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
                let length = length.map_or(0, |(_, length)| length.parse().expect("a number"));
                if buffer.len() >= end + 4 + length {
                    let rest = buffer.split_off(end + 4 + length);
                    let body = std::mem::replace(buffer, rest).split_off(end + 4);
                    return Self { head, body };
                }
            }
            let mut chunk = [0; 16 * 1024];
            let read = stream.read(&mut chunk).expect("the server answers");
            assert_ne!(read, 0, "the server has closed the connection");
            buffer.extend_from_slice(&chunk[..read]);
        }
    }

    pub(super) fn status(&self) -> u16 {
        self.head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(super) fn set_cookies(&self) -> impl Iterator<Item = &[u8]> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value.as_bytes())
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}
