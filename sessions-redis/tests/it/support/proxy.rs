//! A bad network: a proxy that loses answers, or goes silent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Is a proxy to a port of this machine. Its threads end with their connections.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Counts the answers until one is lost, together with its connection; never if negative.
    answers_left: AtomicI64,
    /// Is set again after each loss.
    every: AtomicI64,
    losses: AtomicU64,
    silent: Mutex<Vec<Arc<AtomicU64>>>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let state = Arc::new(State { answers_left: AtomicI64::new(-1), every: AtomicI64::new(-1), ..State::default() });
        let proxy = Self { port: listener.local_addr().unwrap().port(), state: Arc::clone(&state) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    continue;
                };
                state.join(client.unwrap(), server);
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Loses the next answer, and the connection with it.
    pub(crate) fn lose_next_answer(&self) {
        self.state.answers_left.store(1, Ordering::SeqCst);
    }

    /// Loses every so-manieth answer, from now on.
    pub(crate) fn lose_every(&self, count: i64) {
        self.state.every.store(count, Ordering::SeqCst);
        self.state.answers_left.store(count, Ordering::SeqCst);
    }

    /// Counts the answers that were lost.
    pub(crate) fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::SeqCst)
    }

    /// Lets nothing through on the connections that there are, without closing them.
    pub(crate) fn silence(&self) {
        for silent in self.state.silent.lock().unwrap().iter() {
            silent.store(1, Ordering::SeqCst);
        }
    }
}

impl State {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let silent = Arc::new(AtomicU64::new(0));
        self.silent.lock().unwrap().push(Arc::clone(&silent));
        let requests = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let muted = Arc::clone(&silent);
        thread::spawn(move || pass(requests.0, requests.1, || muted.load(Ordering::SeqCst) == 0, || false));
        let state = Arc::clone(self);
        thread::spawn(move || pass(server, client, || silent.load(Ordering::SeqCst) == 0, || state.loses()));
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
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
