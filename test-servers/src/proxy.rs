//! A bad network: a proxy that loses answers, goes silent, or swallows everything.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Is a proxy to a port of this machine. Its threads end with their connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Counts the answers until one is lost, together with its connection; never if negative.
    answers_left: AtomicI64,
    /// Is set again after each loss.
    every: AtomicI64,
    losses: AtomicU64,
    /// Says for each connection whether nothing gets through any more.
    silent: Mutex<Vec<Arc<AtomicBool>>>,
    /// Says whether new connections are silent from the first byte on.
    is_swallowing: AtomicBool,
}

impl Proxy {
    /// Begins to listen.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State {
            answers_left: AtomicI64::new(-1),
            every: AtomicI64::new(-1),
            losses: AtomicU64::new(0),
            silent: Mutex::default(),
            is_swallowing: AtomicBool::new(false),
        });
        let proxy = Self { address, state: Arc::clone(&state) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    state.join(client, server);
                }
            }
        });
        proxy
    }

    /// Returns the URL of the server behind the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Loses the next answer, and the connection with it.
    pub fn lose_next_answer(&self) {
        self.state.answers_left.store(1, Ordering::SeqCst);
    }

    /// Loses every so-manieth answer, from now on.
    pub fn lose_every(&self, count: i64) {
        self.state.every.store(count, Ordering::SeqCst);
        self.state.answers_left.store(count, Ordering::SeqCst);
    }

    /// Counts the answers that were lost.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::SeqCst)
    }

    /// Lets nothing through on the connections that there are, without closing them.
    pub fn silence(&self) {
        let silent = self.state.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.iter().for_each(|silent| silent.store(true, Ordering::SeqCst));
    }

    /// Lets nothing through any more: not on the connections that there are, and not on new ones, which are accepted all the same.
    /// Neither end hears anything of it.
    pub fn swallow(&self) {
        self.state.is_swallowing.store(true, Ordering::SeqCst);
        self.silence();
    }

    /// Lets new connections through again. Those that were swallowed stay as they are.
    pub fn heal(&self) {
        self.state.is_swallowing.store(false, Ordering::SeqCst);
    }
}

impl State {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        let silent = Arc::new(AtomicBool::new(false));
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&silent));
        // After it is listed: one of the two has seen the other.
        silent.fetch_or(self.is_swallowing.load(Ordering::SeqCst), Ordering::SeqCst);
        let muted = Arc::clone(&silent);
        thread::spawn(move || pass(from_client, to_server, || !muted.load(Ordering::SeqCst), || false));
        let state = Arc::clone(self);
        thread::spawn(move || pass(server, client, || !silent.load(Ordering::SeqCst), || state.loses()));
    }

    fn loses(&self) -> bool {
        let loses = self.answers_left.fetch_sub(1, Ordering::SeqCst) == 1;
        if loses {
            self.losses.fetch_add(1, Ordering::SeqCst);
            self.answers_left.store(self.every.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        loses
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_open: impl Fn() -> bool, loses: impl Fn() -> bool) {
    let mut bytes = [0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if loses() {
            break;
        }
        if is_open() && to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Fails only where an end was faster.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
