use std::io;
use std::time::Instant;

use crate::{Connection, PATIENCE, Request, Response};

/// A stream of server-sent events, read as they arrive. Dropping it closes the connection.
///
/// As an iterator, it returns the data of the events, and ends when the server ends the stream.
#[derive(Debug)]
pub struct Events {
    connection: Connection,
    head: Response,
    /// Text that was read after the last whole block.
    rest: String,
}

impl Events {
    /// Sends a request, and reads the status and headers of the response.
    pub(crate) fn open(mut connection: Connection, request: &Request) -> io::Result<Self> {
        connection.send(&request.to_bytes())?;
        let head = connection.receive_headers(&request.to_string())?;
        Ok(Self { connection, head, rest: String::new() })
    }

    /// Returns the response, without a body.
    #[must_use]
    pub const fn head(&self) -> &Response {
        &self.head
    }

    /// Reads until the server has sent a comment.
    ///
    /// # Panics
    ///
    /// Panics if the server ends the stream, sends an event, or does not send the comment in time.
    #[track_caller]
    pub fn wait_for_comment(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let block = self.block().unwrap_or_else(|| panic!("the stream ends before the comment {text:?}"));
            let comment =
                block.strip_prefix(": ").unwrap_or_else(|| panic!("expected the comment {text:?}, not {block:?}"));
            if comment == text {
                return;
            }
            assert!(Instant::now() < deadline, "the server sends no comment {text:?}");
        }
    }

    /// Returns the lines up to the next empty one, or `None` at the end of the stream.
    #[track_caller]
    fn block(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.rest = rest;
                return Some(block);
            }
            match self.connection.receive_chunk(&self.head) {
                Ok(Some(chunk)) => self.rest.push_str(std::str::from_utf8(&chunk).expect("events are UTF-8")),
                Ok(None) => {
                    assert_eq!(self.rest, "", "the stream ends within an event");
                    return None;
                }
                Err(error) => panic!("the stream breaks off: {error}; its response was\n{}", self.head),
            }
            assert!(Instant::now() < deadline, "the server sends an event without end");
        }
    }
}

impl Iterator for Events {
    type Item = String;

    #[track_caller]
    fn next(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let block = self.block()?;
            let data: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            if !data.is_empty() {
                return Some(data.join("\n"));
            }
            assert!(Instant::now() < deadline, "the server sends comments, but no event");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Sends a request to a server that answers with these chunks, and returns the stream.
    fn events(chunks: &'static [&str]) -> Events {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = BufReader::new(client.try_clone().unwrap()).lines();
            assert!(request.any(|line| line.unwrap().is_empty()));
            client.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            for chunk in chunks {
                write!(client, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
            }
        });
        Events::open(Connection::open(address), &Request::get("/")).unwrap()
    }

    #[test]
    fn an_event_may_come_in_pieces() {
        let mut events =
            events(&["retry: 1000\nda", "ta: 1\n", "\ndata: 2\n\n: busy\n\n", ": idle\n\ndata: 3\n\n", ""]);
        assert_eq!(events.head().status(), 200);
        assert_eq!((events.next().as_deref(), events.next().as_deref()), (Some("1"), Some("2")));
        events.wait_for_comment("idle");
        assert_eq!((events.next().as_deref(), events.next()), (Some("3"), None));
    }

    #[test]
    #[should_panic(expected = "the stream breaks off")]
    fn a_broken_stream_is_a_failure() {
        let _ = events(&["data: 1\n\n"]).count();
    }

    #[test]
    #[should_panic(expected = "the stream ends within an event")]
    fn a_stream_that_ends_within_an_event_is_a_failure() {
        let _ = events(&["data: 1\n", ""]).count();
    }
}
