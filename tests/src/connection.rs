use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::{Request, Response};

/// Time that the client waits for bytes before the server counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Ways in which a client closes a connection while it waits for a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// Closed as most clients do it: the server reads the end of the stream.
    Close,
    /// Closed with unread bytes: the server's reads and writes fail.
    Reset,
}

/// A kept-alive HTTP/1.1 connection to a server.
#[derive(Debug)]
pub struct Connection {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
    is_open: bool,
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Panics
    ///
    /// Panics if the server does not accept the connection.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        match Self::try_open(address) {
            Ok(connection) => connection,
            Err(error) => panic!("cannot connect to the server at {address}: {error}"),
        }
    }

    /// Connects to a server that may have ended.
    ///
    /// # Errors
    ///
    /// Fails if the connection is not accepted.
    pub fn try_open(address: SocketAddr) -> io::Result<Self> {
        let writer = TcpStream::connect_timeout(&address, PATIENCE)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        writer.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(writer.try_clone()?);
        Ok(Self { writer, reader, is_open: true })
    }

    /// Returns whether the server keeps the connection open for further requests.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends bytes, which need not be a whole or valid request.
    ///
    /// # Errors
    ///
    /// Fails if the server has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Reads the response to the request `asked`.
    ///
    /// # Errors
    ///
    /// Fails if the server closes the connection or sends something that is not HTTP. Two
    /// Set-Cookie headers with the same name count as invalid HTTP.
    ///
    /// # Panics
    ///
    /// Panics if the server does none of this in time.
    #[track_caller]
    pub fn receive(&mut self, asked: &str) -> io::Result<Response> {
        let answer = in_time(asked, Response::read(&mut self.reader, asked));
        self.is_open = self.is_open && answer.as_ref().is_ok_and(Response::keeps_alive);
        answer
    }

    /// Reads the status and headers of the response to the request `asked`.
    #[track_caller]
    pub(crate) fn receive_headers(&mut self, asked: &str) -> io::Result<Response> {
        in_time(asked, Response::read_headers(&mut self.reader, asked))
    }

    /// Reads the next chunk of a body after its [headers](Self::receive_headers), or `None` at its
    /// end.
    #[track_caller]
    pub(crate) fn receive_chunk(&mut self, head: &Response) -> io::Result<Option<Vec<u8>>> {
        in_time(&head.to_string(), head.read_chunk(&mut self.reader))
    }

    /// Sends a request and reads the response.
    ///
    /// # Errors
    ///
    /// See [`Connection::receive`].
    ///
    /// # Panics
    ///
    /// See [`Connection::receive`].
    #[track_caller]
    pub fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        // A server may refuse a request and close before it has read all of it. The response counts
        // then.
        let sent = self.send(&request.to_bytes());
        match (self.receive(&request.to_string()), sent) {
            (Err(_), Err(sent)) => Err(sent),
            (answer, _) => answer,
        }
    }

    /// Closes the connection at once.
    pub fn hang_up(self) {
        // Fails only if the server closed it first.
        let _ = self.writer.shutdown(Shutdown::Both);
    }
}

/// Panics if the read timed out.
#[track_caller]
fn in_time<T>(asked: &str, read: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &read
        && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    {
        panic!("{asked}: the server hangs: it sends nothing and does not close the connection within {PATIENCE:?}");
    }
    read
}
