//! Reading and writing with timeouts; blocks the coroutine, never its thread.

use std::io::{self, ErrorKind, Write as _};
use std::net::Shutdown;
use std::sync::Arc;

use may::net::TcpStream;

use super::watch::{Alarm, Watch};

/// The socket of a connection.
pub(crate) struct Socket {
    stream: TcpStream,
    alarm: Arc<Alarm>,
    watch: Arc<Watch>,
    #[cfg(unix)]
    events: unix::Events,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, watch: Arc<Watch>) -> io::Result<Self> {
        let alarm = watch.alarm(Waker::of(&stream)?);
        Ok(Self {
            stream,
            alarm,
            watch,
            #[cfg(unix)]
            events: unix::Events::default(),
        })
    }

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
        self.stream.shutdown(Shutdown::Write)
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

#[cfg(unix)]
pub(crate) use unix::Waker;

#[cfg(unix)]
mod unix {
    use std::io::{self, ErrorKind, Read as _};

    use may::io::{WaitIo as _, WaitIoWaker};
    use may::net::TcpStream;

    use super::Socket;

    /// Wakes a waiting connection.
    pub(crate) struct Waker(WaitIoWaker);

    impl Waker {
        #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
        pub(crate) fn of(stream: &TcpStream) -> io::Result<Self> {
            Ok(Self(stream.waker()))
        }

        pub(crate) fn wake(&self) {
            self.0.wakeup();
        }
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
            mut operation: impl FnMut(&mut std::net::TcpStream) -> io::Result<usize>,
        ) -> io::Result<usize> {
            loop {
                match operation(self.stream.inner_mut()) {
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
            self.alarm.set(due);
            let flags = self.stream.wait_io();
            self.alarm.clear();
            self.events.wake(flags);
            Ok(())
        }
    }
}

#[cfg(not(unix))]
pub(crate) use other::Waker;

#[cfg(not(unix))]
mod other {
    use std::io::{self, Read as _};
    use std::net::Shutdown;

    use may::net::TcpStream;

    use super::Socket;

    /// Wakes a waiting connection by shutting it down: may can wait for a socket's events only on
    /// Unix.
    pub(crate) struct Waker(std::net::TcpStream);

    impl Waker {
        pub(crate) fn of(stream: &TcpStream) -> io::Result<Self> {
            stream.inner().try_clone().map(Self)
        }

        pub(crate) fn wake(&self) {
            // The connection may have ended meanwhile.
            let _ = self.0.shutdown(Shutdown::Both);
        }
    }

    impl Socket {
        pub(crate) fn read(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
            self.attempt(due, |stream| stream.read(buffer))
        }

        pub(super) fn attempt(
            &mut self,
            due: u64,
            mut operation: impl FnMut(&mut TcpStream) -> io::Result<usize>,
        ) -> io::Result<usize> {
            self.alarm.set(due);
            let done = operation(&mut self.stream);
            self.alarm.clear();
            done
        }
    }
}
