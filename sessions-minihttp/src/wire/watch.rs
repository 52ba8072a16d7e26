//! Timeouts: one coroutine per server watches all connections.
//!
//! may's own timeouts are set and removed at every wait, which takes an allocation, a lock and
//! sometimes three system calls. Here, a connection only stores a number before it waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use may::coroutine::{self, Coroutine};

use super::retired::{KEPT, Retired};
use super::socket::{OwnEvent, Stream, wake};

/// The deadline of a wait without a timeout.
const NEVER: u64 = u64::MAX;

/// Maximum time between two ticks in milliseconds, and so the maximum age of a response's `Date`.
const LONGEST_TICK: u64 = 500;

/// The timeouts of a connection, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Timeout for a complete head, from its first byte.
    pub(crate) head: u64,
    /// Timeout between requests, between two reads of a body, and between two writes of a response.
    pub(crate) idle: u64,
}

/// The clock of a server, and its connections.
pub(crate) struct Watch {
    start: Instant,
    /// Milliseconds since the start, at the last tick.
    now: AtomicU64,
    /// Seconds since 1970, at the last tick.
    unix_time: AtomicU64,
    connections: Mutex<Vec<Weak<Watched>>>,
    retired: Arc<Retired<Ended>>,
}

/// The stream of a connection, and when its current wait times out.
pub(crate) struct Watched {
    pub(super) stream: Stream,
    due: AtomicU64,
    /// Created when the connection first gives way to others.
    pub(super) own_event: OnceLock<OwnEvent>,
}

/// What `may` still uses of a connection that has ended.
struct Ended {
    _watched: Arc<Watched>,
    _coroutine: Option<Coroutine>,
}

impl Watch {
    /// Starts watching connections, until the watch is dropped.
    pub(crate) fn start(limits: Limits) -> Arc<Self> {
        let watch = Arc::new(Self::new());
        watch.tick(watch.elapsed());
        let pause = Duration::from_millis((limits.head.min(limits.idle) / 8).clamp(1, LONGEST_TICK));
        let (weak, retired) = (Arc::downgrade(&watch), Arc::clone(&watch.retired));
        may::go!(move || {
            while let Some(watch) = weak.upgrade() {
                watch.tick(watch.elapsed());
                drop(watch);
                coroutine::sleep(pause);
            }
            // For the connections that ended last.
            coroutine::sleep(Duration::from_millis(KEPT));
            drop(retired);
        });
        watch
    }

    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            now: AtomicU64::new(0),
            unix_time: AtomicU64::new(0),
            connections: Mutex::default(),
            retired: Arc::new(Retired::new()),
        }
    }

    /// Begins to watch a connection, until it is dropped.
    pub(super) fn watch(&self, stream: Stream) -> Arc<Watched> {
        let watched = Arc::new(Watched { stream, due: AtomicU64::new(NEVER), own_event: OnceLock::new() });
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&watched));
        watched
    }

    /// Keeps the stream of a connection that ends, and the handle of the current coroutine.
    pub(super) fn retire(&self, watched: Arc<Watched>) {
        let coroutine = coroutine::is_coroutine().then(coroutine::current);
        self.retired.add(self.elapsed(), Ended { _watched: watched, _coroutine: coroutine });
    }

    /// Returns the milliseconds since the start.
    pub(super) fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER)
    }

    /// Returns the milliseconds since the start, at the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Returns the Unix time in seconds, at the last tick.
    pub(crate) fn unix_time(&self) -> u64 {
        self.unix_time.load(Relaxed)
    }

    pub(super) fn tick(&self, now: u64) {
        self.now.store(now, Relaxed);
        // The date does not matter on a system whose clock is before 1970.
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unix_time.store(unix_time.as_secs(), Relaxed);
        self.retired.tick(now);
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).retain(|watched| {
            let Some(watched) = watched.upgrade() else { return false };
            // A woken connection checks the time itself. If it was just continuing, it simply waits
            // again.
            if watched.due.load(Relaxed) <= now {
                wake(&watched.stream);
            }
            true
        });
    }
}

impl Watched {
    /// Sets the deadline of a wait that begins now.
    pub(super) fn set_due(&self, due: u64) {
        self.due.store(due, Relaxed);
    }

    pub(super) fn clear_due(&self) {
        self.due.store(NEVER, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use may::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn ended_connection_is_forgotten() {
        let watch = Watch::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let watched = watch.watch(stream);
        let count = || {
            watch.tick(0);
            watch.connections.lock().unwrap().len()
        };
        assert_eq!(count(), 1);
        drop(watched);
        assert_eq!(count(), 0);
    }
}
