use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::{Request, Response};

/// How long the client waits for bytes before it says that the server hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How a client ends a connection on which it waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    /// As most clients do: the server reads the end of what they send.
    Close,
    /// As a client does that has not read all that it was sent: the server's reads and writes fail.
    Reset,
}

/// One connection to a server, kept alive as HTTP/1.1 does.
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
    /// Where the server does not take the connection.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        match Self::try_open(address) {
            Ok(connection) => connection,
            Err(error) => panic!("the server at {address} takes no connection: {error}"),
        }
    }

    /// Connects to a server that may be gone.
    ///
    /// # Errors
    ///
    /// Where nobody takes the connection.
    pub fn try_open(address: SocketAddr) -> io::Result<Self> {
        let writer = TcpStream::connect_timeout(&address, PATIENCE)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        writer.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::new(writer.try_clone()?);
        Ok(Self { writer, reader, is_open: true })
    }

    /// Tells whether the server means to read further requests here.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends bytes, which need not be a whole request or one at all.
    ///
    /// # Errors
    ///
    /// Where the server has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Reads the answer to a request with `method`.
    ///
    /// # Errors
    ///
    /// Where the server closes the connection or answers something that is not HTTP, two Set-Cookie
    /// fields of one name included.
    ///
    /// # Panics
    ///
    /// Where the server does neither in time: a hang is never an answer.
    #[track_caller]
    pub fn receive(&mut self, asked: &str) -> io::Result<Response> {
        let answer = Response::read(&mut self.reader, asked);
        if let Err(error) = &answer
            && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        {
            panic!("{asked}: the server hangs: neither an answer nor an end of the connection within {PATIENCE:?}");
        }
        self.is_open = self.is_open && answer.as_ref().is_ok_and(Response::keeps_alive);
        answer
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    ///
    /// As [`Connection::receive`].
    ///
    /// # Panics
    ///
    /// As [`Connection::receive`].
    #[track_caller]
    pub fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        // A server may answer and close before it has read all of a request that it refuses: the
        // answer decides.
        let sent = self.send(&request.to_bytes());
        match (self.receive(&request.to_string()), sent) {
            (Err(_), Err(sent)) => Err(sent),
            (answer, _) => answer,
        }
    }

    /// Closes the connection at once, whatever is under way on it.
    pub fn hang_up(self) {
        // Fails only where the server was faster.
        let _ = self.writer.shutdown(Shutdown::Both);
    }
}
