//! Reading and writing with timeouts; blocks the coroutine, never its thread.

use std::io::{self, ErrorKind, Write as _};
use std::net::Shutdown;
use std::sync::Arc;

use super::watch::{Watch, Watched};

/// The socket of a connection.
pub(crate) struct Socket {
    watched: Arc<Watched>,
    watch: Arc<Watch>,
    #[cfg(unix)]
    events: unix::Events,
    #[cfg(not(unix))]
    stream: may::net::TcpStream,
}

impl Socket {
    /// Writes all bytes. The client must take some of them every `limit` milliseconds.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8], limit: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let due = self.after(limit);
            match self.attempt(due, |stream| stream.write(bytes))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }

    /// Ends our side of the stream.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.watched.stream.shutdown(Shutdown::Write)
    }

    /// Returns the time `limit` milliseconds from now.
    pub(crate) fn after(&self, limit: u64) -> u64 {
        self.watch.now().saturating_add(limit)
    }

    pub(crate) fn is_past(&self, due: u64) -> bool {
        self.watch.now() >= due
    }

    /// Returns the Unix time in seconds.
    pub(crate) fn unix_time(&self) -> u64 {
        self.watch.unix_time()
    }
}

/// Ends the stream at once, and closes the socket [later](super::retired).
///
/// Data that arrives until then is ignored: with `Shutdown::Both` it would reset the connection,
/// and the client might lose the response.
impl Drop for Socket {
    fn drop(&mut self) {
        // Fails if the client has closed the connection, or the stream has already been ended.
        let _ = self.end();
        self.watch.retire(Arc::clone(&self.watched));
    }
}

#[cfg(unix)]
pub(super) use unix::{Stream, wake};

#[cfg(unix)]
mod unix {
    use std::io::{self, ErrorKind, Read as _};
    use std::sync::Arc;

    use may::io::WaitIo as _;

    use super::{Socket, Watch};

    /// What a connection shares with its watch.
    pub(crate) type Stream = may::net::TcpStream;

    /// Wakes a waiting connection.
    pub(crate) fn wake(stream: &Stream) {
        stream.waker().wakeup();
    }

    /// The known state of a socket, as reported by events.
    #[derive(Default)]
    pub(super) struct Events {
        /// Everything received was read: an event will report more.
        all_read: bool,
        /// The stream has ended or is about to.
        end: bool,
    }

    impl Events {
        /// `EPOLLERR`, `EPOLLHUP` and `EPOLLRDHUP`.
        const END: usize = 0x8 | 0x10 | 0x2000;

        fn wake(&mut self, flags: usize) {
            self.all_read = false;
            self.end |= flags & Self::END != 0;
        }

        /// Records that a read returned less than was asked for. may's events are edge-triggered,
        /// so on Linux there is no need to read again, which would be a third of a request's system
        /// calls (epoll(7), question 9).
        ///
        /// Only an end of stream that arrived together with the data gets no event of its own and
        /// must be read.
        fn read_less(&mut self) {
            self.all_read = cfg!(any(target_os = "linux", target_os = "android")) && !self.end;
        }
    }

    impl Socket {
        #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
        pub(crate) fn new(stream: may::net::TcpStream, watch: Arc<Watch>) -> io::Result<Self> {
            Ok(Self { watched: watch.watch(stream), watch, events: Events::default() })
        }

        /// Reads what has arrived, waiting for it until `due`. Returns 0 at the end of the stream.
        pub(crate) fn read(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
            if self.events.all_read {
                self.wait(due)?;
            }
            let count = self.attempt(due, |stream| stream.read(buffer))?;
            if count < buffer.len() {
                self.events.read_less();
            }
            Ok(count)
        }

        /// Retries an operation until it does not block.
        pub(super) fn attempt(
            &mut self,
            due: u64,
            mut operation: impl FnMut(&mut &std::net::TcpStream) -> io::Result<usize>,
        ) -> io::Result<usize> {
            loop {
                match operation(&mut self.watched.stream.inner()) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(due)?,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    done => return done,
                }
            }
        }

        /// Waits for an event.
        fn wait(&mut self, due: u64) -> io::Result<()> {
            if self.is_past(due) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.watched.set_due(due);
            let flags = self.watched.stream.wait_io();
            self.watched.clear_due();
            self.events.wake(flags);
            Ok(())
        }
    }
}

#[cfg(not(unix))]
pub(super) use other::{Stream, wake};

#[cfg(not(unix))]
mod other {
    use std::io::{self, Read as _};
    use std::net::Shutdown;
    use std::sync::Arc;

    use super::{Socket, Watch};

    /// What a connection shares with its watch: a second handle, because may needs the first one
    /// exclusively.
    pub(crate) type Stream = std::net::TcpStream;

    /// Wakes a waiting connection by shutting it down: may can wait for a socket's events only on
    /// Unix.
    pub(crate) fn wake(stream: &Stream) {
        // The connection may have ended meanwhile.
        let _ = stream.shutdown(Shutdown::Both);
    }

    impl Socket {
        pub(crate) fn new(stream: may::net::TcpStream, watch: Arc<Watch>) -> io::Result<Self> {
            let watched = watch.watch(stream.inner().try_clone()?);
            Ok(Self { watched, watch, stream })
        }

        pub(crate) fn read(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
            self.attempt(due, |stream| stream.read(buffer))
        }

        pub(super) fn attempt(
            &mut self,
            due: u64,
            mut operation: impl FnMut(&mut may::net::TcpStream) -> io::Result<usize>,
        ) -> io::Result<usize> {
            self.watched.set_due(due);
            let done = operation(&mut self.stream);
            self.watched.clear_due();
            done
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn ended_connection_is_closed_later() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = may::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();

        let watch = Arc::new(Watch::new());
        let socket = Socket::new(stream, Arc::clone(&watch)).unwrap();
        let watched = Arc::downgrade(&socket.watched);
        drop(socket);
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "the peer sees the end at once");
        // What it still sends is not answered with a reset.
        peer.write_all(b"x").unwrap();
        assert!(peer.take_error().unwrap().is_none());
        watch.tick(999);
        assert_eq!(watched.strong_count(), 1);
        watch.tick(watch.elapsed() + 1000);
        assert_eq!(watched.strong_count(), 0);
    }
}
