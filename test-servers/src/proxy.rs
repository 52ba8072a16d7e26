//! A bad network: a proxy that loses, delays or holds replies, holds requests, or goes silent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A proxy to a port of this machine. Its threads end with their connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Target port of new connections.
    target: AtomicU16,
    /// Number of replies until one is lost together with its connection; none if negative.
    replies_left: AtomicI64,
    /// Value that `replies_left` is reset to after each loss.
    every: AtomicI64,
    losses: AtomicU64,
    /// Delay of each reply, in milliseconds.
    delay: AtomicU64,
    replies: Mutex<Replies>,
    replies_changed: Condvar,
    holds_next_request: AtomicBool,
    /// A held request, and the connection to forward it on.
    held_request: Mutex<Option<(TcpStream, Vec<u8>)>>,
    /// For each connection, whether its bytes are discarded.
    silent: Mutex<Vec<Arc<AtomicBool>>>,
    /// Whether new connections are silent from the first byte.
    is_swallowing: AtomicBool,
}

/// Whether replies are held, and whether one has arrived since.
#[derive(Debug, Default)]
struct Replies {
    are_held: bool,
    has_arrived: bool,
}

impl Proxy {
    /// Starts a proxy to a port.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State {
            target: AtomicU16::new(port),
            replies_left: AtomicI64::new(-1),
            every: AtomicI64::new(-1),
            losses: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            replies: Mutex::default(),
            replies_changed: Condvar::new(),
            holds_next_request: AtomicBool::new(false),
            held_request: Mutex::default(),
            silent: Mutex::default(),
            is_swallowing: AtomicBool::new(false),
        });
        let proxy = Self { address, state: Arc::clone(&state) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let target = state.target.load(Ordering::SeqCst);
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
                    state.join(client, server);
                }
            }
        });
        proxy
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the URL of the Redis server behind the proxy.
    ///
    /// Other servers have a method `url_through`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Directs new connections to another port. Existing ones keep their server.
    pub fn retarget(&self, port: u16) {
        self.state.target.store(port, Ordering::SeqCst);
    }

    /// Loses the next reply, and the connection with it.
    pub fn lose_next_reply(&self) {
        self.lose_reply(1);
    }

    /// Loses the `number`th reply from now on, and the connection with it.
    pub fn lose_reply(&self, number: i64) {
        self.state.replies_left.store(number, Ordering::SeqCst);
    }

    /// Loses one of every `count` replies from now on.
    pub fn lose_every(&self, count: i64) {
        self.state.every.store(count, Ordering::SeqCst);
        self.state.replies_left.store(count, Ordering::SeqCst);
    }

    /// Returns the number of lost replies.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::SeqCst)
    }

    /// Delays each reply by some milliseconds.
    pub fn delay_replies(&self, millis: u64) {
        self.state.delay.store(millis, Ordering::SeqCst);
    }

    /// Holds all replies from now on.
    pub fn hold_replies(&self) {
        *self.state.replies() = Replies { are_held: true, has_arrived: false };
    }

    /// Waits until a reply is held, so that the server has executed its request.
    pub fn wait_for_held_reply(&self) {
        let replies = self.state.replies();
        drop(self.state.replies_changed.wait_while(replies, |replies| !replies.has_arrived));
    }

    /// Forwards the held replies and all later ones.
    pub fn release_replies(&self) {
        self.state.replies().are_held = false;
        self.state.replies_changed.notify_all();
    }

    /// Holds the next request and closes the connection to the client only.
    pub fn hold_next_request(&self) {
        self.state.holds_next_request.store(true, Ordering::SeqCst);
    }

    /// Forwards the held request.
    ///
    /// # Panics
    ///
    /// Panics if no request is held, or the server has closed the connection.
    pub fn release_request(&self) {
        let held = self.state.held_request.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut server, request) = held.expect("a request is held");
        server.write_all(&request).expect("the server keeps its connection open");
    }

    /// Discards all bytes on existing connections, without closing them.
    pub fn silence(&self) {
        let silent = self.state.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.iter().for_each(|silent| silent.store(true, Ordering::SeqCst));
    }

    /// Discards all bytes on existing and new connections, without closing or refusing any.
    pub fn swallow(&self) {
        self.state.is_swallowing.store(true, Ordering::SeqCst);
        self.silence();
    }

    /// Lets new connections through again. Silent ones stay silent.
    pub fn heal(&self) {
        self.state.is_swallowing.store(false, Ordering::SeqCst);
    }
}

impl State {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        // Both ends disable Nagle's algorithm, so the proxy must not delay bytes either.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        let silent = Arc::new(AtomicBool::new(false));
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&silent));
        // Read after `silent` is listed, so that a concurrent `swallow` is not missed.
        silent.fetch_or(self.is_swallowing.load(Ordering::SeqCst), Ordering::SeqCst);
        let muted = Arc::clone(&silent);
        let state = Arc::clone(self);
        let judge_request = move |bytes: &[u8], server: &TcpStream| {
            if state.holds(bytes, server) {
                return Fate::Held;
            }
            if muted.load(Ordering::SeqCst) { Fate::Swallowed } else { Fate::Passed }
        };
        thread::spawn(move || pass(from_client, to_server, judge_request));
        let state = Arc::clone(self);
        let judge_reply = move |_: &[u8], _: &TcpStream| {
            if state.loses() {
                return Fate::Lost;
            }
            thread::sleep(Duration::from_millis(state.delay.load(Ordering::SeqCst)));
            state.hold_reply();
            if silent.load(Ordering::SeqCst) { Fate::Swallowed } else { Fate::Passed }
        };
        thread::spawn(move || pass(server, client, judge_reply));
    }

    fn holds(&self, bytes: &[u8], server: &TcpStream) -> bool {
        let holds = self.holds_next_request.swap(false, Ordering::SeqCst);
        if holds {
            let held = server.try_clone().map(|server| (server, bytes.to_vec()));
            *self.held_request.lock().unwrap_or_else(PoisonError::into_inner) = held.ok();
        }
        holds
    }

    fn replies(&self) -> MutexGuard<'_, Replies> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold_reply(&self) {
        let mut replies = self.replies();
        if replies.are_held {
            replies.has_arrived = true;
            self.replies_changed.notify_all();
            drop(self.replies_changed.wait_while(replies, |replies| replies.are_held));
        }
    }

    fn loses(&self) -> bool {
        let loses = self.replies_left.fetch_sub(1, Ordering::SeqCst) == 1;
        if loses {
            self.losses.fetch_add(1, Ordering::SeqCst);
            self.replies_left.store(self.every.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        loses
    }
}

/// The treatment of received bytes.
enum Fate {
    Passed,
    Swallowed,
    /// Dropped, with both ends of the connection closed.
    Lost,
    /// Kept for later, with the connection to the sender closed.
    Held,
}

fn pass(mut from: TcpStream, mut to: TcpStream, fate: impl Fn(&[u8], &TcpStream) -> Fate) {
    let mut bytes = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let bytes = &bytes[..length];
        match fate(bytes, &to) {
            Fate::Passed if to.write_all(bytes).is_ok() => {}
            Fate::Swallowed => {}
            Fate::Passed | Fate::Lost => break,
            Fate::Held => {
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }
    // Fails only if the other end closed it first.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
