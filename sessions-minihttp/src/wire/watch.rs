//! Time limits: one coroutine of the server looks after all of its connections.
//!
//! may's own timeouts would be set and removed at every wait, which takes an allocation, a lock and
//! now and then three system calls. A connection here stores a number before it waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use may::coroutine;

use super::socket::Waker;

/// Time at which no wait ends.
const NEVER: u64 = u64::MAX;

/// The longest time between two ticks. The `Date` of responses is as old at most.
const LONGEST_TICK: u64 = 500;

/// How long a client may take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the first byte of a head to its last.
    pub(crate) head: u64,
    /// Between requests, between two pieces of a body, and between two pieces of a response that
    /// the client takes.
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

/// Wakes a connection that has waited for too long.
pub(crate) struct Alarm {
    due: AtomicU64,
    waker: Waker,
}

impl Watch {
    /// Begins to look after connections, until the watch is dropped.
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

    /// Makes the alarm of a new connection. It is forgotten when the connection drops it.
    pub(crate) fn alarm(&self, waker: Waker) -> Arc<Alarm> {
        let alarm = Arc::new(Alarm { due: AtomicU64::new(NEVER), waker });
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&alarm));
        alarm
    }

    /// Returns the time: the milliseconds since the start, at the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Returns the seconds since 1970, at the last tick.
    pub(crate) fn unix_time(&self) -> u64 {
        self.unix_time.load(Relaxed)
    }

    fn tick(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER);
        self.now.store(now, Relaxed);
        // A clock before 1970 gives no date that matters.
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unix_time.store(unix_time.as_secs(), Relaxed);
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner).retain(|alarm| {
            // Whoever is woken looks at the time itself. So nothing is lost if it goes on at this
            // moment: it waits once more.
            if alarm.due.load(Relaxed) <= now {
                alarm.waker.wake();
            }
            Arc::strong_count(alarm) > 1
        });
    }
}

impl Alarm {
    /// Sets the time at which a wait that begins now is over.
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
    fn a_connection_that_has_ended_is_forgotten() {
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
