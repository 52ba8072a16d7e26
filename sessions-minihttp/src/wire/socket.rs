//! Reading and writing with timeouts; blocks the coroutine, never its thread.

use std::io::{self, ErrorKind, Write as _};
use std::net::Shutdown;
use std::sync::Arc;

use super::watch::{Watch, Watched};

/// Maximum number of answers and reads before a connection gives way to others.
pub(super) const MOST_STEPS: u32 = 32;

/// The socket of a connection.
pub(crate) struct Socket {
    watched: Arc<Watched>,
    watch: Arc<Watch>,
    /// Number of answers and reads since the thread could last serve other connections.
    steps: u32,
    #[cfg(unix)]
    events: unix::Events,
    #[cfg(not(unix))]
    stream: may::net::TcpStream,
}

impl Socket {
    /// Counts an answer or a read. Returns `true` after many of them without a wait: then the
    /// connection must [give way](Self::give_way).
    pub(crate) const fn count_step(&mut self) -> bool {
        self.steps += 1;
        self.steps >= MOST_STEPS
    }

    /// Lets other connections come first, unless the connection has waited since the last step.
    pub(crate) fn give_way(&mut self) {
        if self.steps >= MOST_STEPS {
            self.steps = 0;
            // Elsewhere there is no event to wait for.
            #[cfg(unix)]
            self.wait_for_own_event();
        }
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
pub(super) use unix::{OwnEvent, Stream, wake};

#[cfg(unix)]
mod unix {
    use std::io::{self, ErrorKind, Read as _, Write as _};
    use std::os::fd::{AsRawFd as _, RawFd};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Acquire;

    use may::io::{AsIoData as _, CoIo, WaitIo as _};

    use super::{Socket, Watch};

    /// What a connection shares with its watch.
    pub(crate) type Stream = may::net::TcpStream;

    /// Wakes a waiting connection.
    pub(crate) fn wake(stream: &Stream) {
        stream.waker().wakeup();
    }

    /// An event that a connection causes in order to wait for it.
    ///
    /// A thread of may returns to its sockets only when no coroutine is ready. A coroutine that
    /// yields is ready, so no other connection would come first.
    ///
    /// The event belongs to one of may's threads, by the number of its descriptor, and often to
    /// another than this one. Then this thread is free, and the connection continues on the other
    /// one, after the connections that were ready there. If a long service runs there, the
    /// connection waits for it.
    pub(crate) struct OwnEvent {
        /// Dropped before `near` is closed. `CoIo` closes a socket that it owns first (may 0.3.51:
        /// its field `inner` comes before `io`), and then unregisters the descriptor, which may
        /// already be that of a connection that another thread has accepted.
        registered: CoIo<RawFd>,
        near: UnixStream,
        far: UnixStream,
    }

    impl OwnEvent {
        fn new() -> io::Result<Self> {
            let (near, far) = UnixStream::pair()?;
            Ok(Self { registered: CoIo::new(near.as_raw_fd())?, near, far })
        }

        /// Causes the event, and waits until its thread has looked at its sockets.
        ///
        /// If that thread is another one, it may do so before the wait begins. Then there is no
        /// wait, and the connection tries again after as many steps.
        fn wait(&self) -> io::Result<()> {
            // An older event would end the wait at once.
            self.registered.as_io_data().reset();
            (&self.far).write_all(&[0])?;
            self.registered.wait_io();
            (&self.near).read(&mut [0; 8]).map(drop)
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
        #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
        pub(crate) fn new(stream: may::net::TcpStream, watch: Arc<Watch>) -> io::Result<Self> {
            Ok(Self { watched: watch.watch(stream), watch, steps: 0, events: Events::default() })
        }

        /// Waits until a thread has looked at its sockets.
        #[cold]
        pub(super) fn wait_for_own_event(&self) {
            // The event is kept as long as the connection, with two descriptors: a client that
            // pipelines much will do so again.
            let event = &self.watched.own_event;
            if event.get().is_none() {
                // Fails for lack of file descriptors; the connection then simply continues.
                let Ok(new) = OwnEvent::new() else { return };
                let _ = event.set(new);
            }
            let _ = event.get().map(OwnEvent::wait);
        }

        /// Reads what has arrived, waiting for it until `due`. Returns 0 at the end of the stream.
        pub(crate) fn read(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
            if self.count_step() {
                self.give_way();
            }
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
            // may does not wait if another thread has already found an event.
            if self.watched.stream.as_io_data().io_flag.load(Acquire) == 0 {
                self.steps = 0;
            }
            let flags = self.watched.stream.wait_io();
            self.watched.clear_due();
            self.events.wake(flags);
            Ok(())
        }
    }
}

#[cfg(not(unix))]
pub(super) use other::{OwnEvent, Stream, wake};

#[cfg(not(unix))]
mod other {
    use std::io::{self, Read as _};
    use std::net::Shutdown;
    use std::sync::Arc;

    use super::{Socket, Watch};

    /// What a connection shares with its watch: a second handle, because may needs the first one
    /// exclusively.
    pub(crate) type Stream = std::net::TcpStream;

    /// Never created: may can wait for an event only on Unix.
    pub(crate) struct OwnEvent;

    /// Wakes a waiting connection by shutting it down: may can wait for a socket's events only on
    /// Unix.
    pub(crate) fn wake(stream: &Stream) {
        // The connection may have ended meanwhile.
        let _ = stream.shutdown(Shutdown::Both);
    }

    impl Socket {
        pub(crate) fn new(stream: may::net::TcpStream, watch: Arc<Watch>) -> io::Result<Self> {
            let watched = watch.watch(stream.inner().try_clone()?);
            Ok(Self { watched, watch, steps: 0, stream })
        }

        pub(crate) fn read(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
            if self.count_step() {
                self.give_way();
            }
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

    /// Connects a socket to a client, which has sent this many bytes.
    #[cfg(unix)]
    fn connect(sent: usize) -> (Socket, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = may::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(&vec![b'x'; sent]).unwrap();
        (Socket::new(stream, Arc::new(Watch::new())).unwrap(), peer)
    }

    #[cfg(unix)]
    #[test]
    fn many_reads_without_a_wait_give_way() {
        for (reads, gives_way) in [(MOST_STEPS - 1, false), (MOST_STEPS, true), (10 * MOST_STEPS, true)] {
            let (mut socket, peer) = connect(reads as usize);
            let reading = may::go!(move || {
                for _ in 0..reads {
                    assert_eq!(socket.read(&mut [0], u64::MAX).unwrap(), 1);
                }
                socket.watched.own_event.get().is_some()
            });
            assert_eq!(reading.join().unwrap(), gives_way, "{reads}");
            drop(peer);
        }
    }

    #[cfg(unix)]
    #[test]
    fn event_before_a_wait_is_no_wait() {
        let (mut socket, mut peer) = connect(0);
        let reading = may::go!(move || {
            for _ in 0..10 * MOST_STEPS {
                peer.write_all(b"x").unwrap();
                // As if another thread had looked at the socket.
                wake(&socket.watched.stream);
                assert_eq!(socket.read(&mut [0; 2], u64::MAX).unwrap(), 1);
            }
            socket.watched.own_event.get().is_some()
        });
        assert!(reading.join().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn connection_that_waits_for_its_client_never_gives_way() {
        let (mut socket, mut peer) = connect(0);
        let echoing = may::go!(move || {
            let mut byte = [0; 8];
            while socket.read(&mut byte, u64::MAX).unwrap() == 1 {
                assert!(!socket.count_step());
                socket.write_all(&byte[..1], 1000).unwrap();
            }
            socket.watched.own_event.get().is_some()
        });
        for _ in 0..10 * MOST_STEPS {
            peer.write_all(b"x").unwrap();
            peer.read_exact(&mut [0]).unwrap();
        }
        drop(peer);
        assert!(!echoing.join().unwrap());
    }

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
