//! Timeouts: one coroutine per server watches all connections.
//!
//! may's own timeouts are set and removed at every wait, which takes an allocation, a lock and
//! sometimes three system calls. Here, a connection only stores a number before it waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use may::coroutine;

use super::socket::Waker;

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

/// The clock of a server, and the alarms of its connections.
pub(crate) struct Watch {
    start: Instant,
    /// Milliseconds since the start, at the last tick.
    now: AtomicU64,
    /// Seconds since 1970, at the last tick.
    unix_time: AtomicU64,
    alarms: Mutex<Vec<Arc<Alarm>>>,
}

/// The alarm that wakes a connection when its wait times out.
pub(crate) struct Alarm {
    due: AtomicU64,
    waker: Waker,
}

impl Watch {
    /// Starts watching connections, until the watch is dropped.
    pub(crate) fn start(limits: Limits) -> Arc<Self> {
        let watch = Arc::new(Self {
            start: Instant::now(),
            now: AtomicU64::new(0),
            unix_time: AtomicU64::new(0),
            alarms: Mutex::default(),
        });
        watch.tick();
        let pause = Duration::from_millis((limits.head.min(limits.idle) / 8).clamp(1, LONGEST_TICK));
        let weak = Arc::downgrade(&watch);
        may::go!(move || {
            while let Some(watch) = weak.upgrade() {
                watch.tick();
                drop(watch);
                coroutine::sleep(pause);
            }
        });
        watch
    }

    /// Creates the alarm of a new connection, which is removed when the connection drops it.
    pub(crate) fn alarm(&self, waker: Waker) -> Arc<Alarm> {
        let alarm = Arc::new(Alarm { due: AtomicU64::new(NEVER), waker });
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&alarm));
        alarm
    }

    /// Returns the milliseconds since the start, at the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Returns the Unix time in seconds, at the last tick.
    pub(crate) fn unix_time(&self) -> u64 {
        self.unix_time.load(Relaxed)
    }

    fn tick(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER);
        self.now.store(now, Relaxed);
        // The date does not matter on a system whose clock is before 1970.
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unix_time.store(unix_time.as_secs(), Relaxed);
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).retain(|alarm| {
            // A woken connection checks the time itself. If it was just continuing, it simply waits
            // again.
            if alarm.due.load(Relaxed) <= now {
                alarm.waker.wake();
            }
            Arc::strong_count(alarm) > 1
        });
    }
}

impl Alarm {
    /// Sets the deadline of a wait that begins now.
    pub(crate) fn set(&self, due: u64) {
        self.due.store(due, Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.due.store(NEVER, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use may::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn ended_connection_is_forgotten() {
        let watch = Watch::start(Limits { head: 1_000_000, idle: 1_000_000 });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let alarm = watch.alarm(Waker::of(&stream).unwrap());
        let count = || {
            watch.tick();
            watch.alarms.lock().unwrap().len()
        };
        assert_eq!(count(), 1);
        drop(alarm);
        assert_eq!(count(), 0);
    }
}
