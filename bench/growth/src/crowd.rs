//! Requests with a growing number of sessions in memory.

use hot::{Handler, login, read, sign_in, visit, write};
use sessions_core::Sessions;
use sessions_core::store::MemoryStore;

use crate::measure::{nanoseconds, resident_bytes};

/// Number of timed requests.
const REQUESTS: usize = 1_000_000;
/// Maximum number of sessions that are visited: more than fit in any cache.
const VISITED: usize = 1_000_000;

const COOKIE: usize = "__Host-id=".len() + 43;

/// A full store, and the cookies of some of its sessions at random places.
struct Crowd {
    sessions: Sessions,
    cookies: Vec<[u8; COOKIE]>,
    next: usize,
    bytes: u64,
}

impl Crowd {
    fn gather(count: usize) -> Self {
        let store = MemoryStore::builder().max_sessions(usize::MAX).max_bytes(usize::MAX).build();
        let sessions = Sessions::builder().store(store).build().expect("the defaults are sound");
        // Allocated before the sessions, so that the cookies do not count as their memory.
        let mut cookies = vec![[1; COOKIE]; count.min(VISITED)];
        let before = resident_bytes();
        for number in 0..count {
            let cookie = sign_in(&sessions, login);
            if let Some(place) = cookies.get_mut(number % VISITED) {
                place.copy_from_slice(&cookie);
            }
        }
        let bytes = resident_bytes().saturating_sub(before) / count as u64;
        shuffle(&mut cookies);
        Self { sessions, cookies, next: 0, bytes }
    }

    /// Sends a request for a random session.
    fn visit(&mut self, handler: Handler) {
        let cookie = self.cookies[self.next].as_slice();
        self.next = (self.next + 1) % self.cookies.len();
        drop(visit(&self.sessions, Some(cookie), Some(handler)));
    }
}

/// Shuffles the slice, so that its order differs from that in memory.
fn shuffle<T>(all: &mut [T]) {
    let mut state: u64 = 1;
    for last in (1..all.len()).rev() {
        // Knuth's generator MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (state >> 33) as usize % (last + 1);
        all.swap(last, place);
    }
}

pub(crate) fn time(count: usize) {
    let mut crowd = Crowd::gather(count);
    let reads = nanoseconds(REQUESTS, || crowd.visit(read));
    let writes = nanoseconds(REQUESTS, || crowd.visit(write));
    println!("{reads:.0} {writes:.0} {}", crowd.bytes);
}

pub(crate) fn walk(what: &str, count: usize, times: u64) {
    let mut crowd = Crowd::gather(count);
    let handler = match what {
        "read" => read,
        "write" => write,
        _ => panic!("{what}?"),
    };
    (0..times).for_each(|_| crowd.visit(handler));
}
