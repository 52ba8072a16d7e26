//! A bad network: a proxy that loses answers or is late with them, holds questions up, goes silent,
//! or swallows everything.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

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
    /// Is for how many milliseconds each answer is kept.
    delay: AtomicU64,
    back: Mutex<Back>,
    back_changed: Condvar,
    is_holding: AtomicBool,
    /// Is a question that is held up, and the connection that it is to arrive on.
    held: Mutex<Option<(TcpStream, Vec<u8>)>>,
    /// Says for each connection whether nothing gets through any more.
    silent: Mutex<Vec<Arc<AtomicBool>>>,
    /// Says whether new connections are silent from the first byte on.
    is_swallowing: AtomicBool,
}

/// Says whether answers are kept back, and whether one has come since.
#[derive(Debug, Default)]
struct Back {
    keeps: bool,
    has_come: bool,
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
            delay: AtomicU64::new(0),
            back: Mutex::default(),
            back_changed: Condvar::new(),
            is_holding: AtomicBool::new(false),
            held: Mutex::default(),
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
        self.lose_answer(1);
    }

    /// Loses the so-manieth answer from now on, and the connection with it.
    pub fn lose_answer(&self, number: i64) {
        self.state.answers_left.store(number, Ordering::SeqCst);
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

    /// Hands each answer on so many milliseconds later.
    pub fn delay_answers(&self, millis: u64) {
        self.state.delay.store(millis, Ordering::SeqCst);
    }

    /// Keeps answers back, from now on.
    pub fn keep_answers_back(&self) {
        *self.state.back() = Back { keeps: true, has_come: false };
    }

    /// Waits until an answer was kept back: the server has done what it was asked.
    pub fn wait_for_answer(&self) {
        let back = self.state.back();
        drop(self.state.back_changed.wait_while(back, |back| !back.has_come));
    }

    /// Hands on the answers that were kept back, and those that come.
    pub fn hand_answers_on(&self) {
        self.state.back().keeps = false;
        self.state.back_changed.notify_all();
    }

    /// Holds the next question up, and breaks the connection for the client alone.
    pub fn hold_next_question(&self) {
        self.state.is_holding.store(true, Ordering::SeqCst);
    }

    /// Hands the question on that was held up.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or its server has gone.
    pub fn release(&self) {
        let held = self.state.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut server, question) = held.expect("a question was held up");
        server.write_all(&question).expect("the server is still there");
    }

    /// Lets nothing through on the connections that there are, without closing them.
    pub fn silence(&self) {
        let silent = self.state.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.iter().for_each(|silent| silent.store(true, Ordering::SeqCst));
    }

    /// Lets nothing through any more: not on the connections that there are, and not on new ones,
    /// which are accepted all the same. Neither end hears anything of it.
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
        let state = Arc::clone(self);
        let question = move |bytes: &[u8], server: &TcpStream| {
            if state.holds(bytes, server) {
                return Fate::Held;
            }
            if muted.load(Ordering::SeqCst) { Fate::Swallowed } else { Fate::Passed }
        };
        thread::spawn(move || pass(from_client, to_server, question));
        let state = Arc::clone(self);
        let answer = move |_: &[u8], _: &TcpStream| {
            if state.loses() {
                return Fate::Lost;
            }
            thread::sleep(Duration::from_millis(state.delay.load(Ordering::SeqCst)));
            state.keep_back();
            if silent.load(Ordering::SeqCst) { Fate::Swallowed } else { Fate::Passed }
        };
        thread::spawn(move || pass(server, client, answer));
    }

    fn holds(&self, bytes: &[u8], server: &TcpStream) -> bool {
        let holds = self.is_holding.swap(false, Ordering::SeqCst);
        if holds {
            let held = server.try_clone().map(|server| (server, bytes.to_vec()));
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held.ok();
        }
        holds
    }

    fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_back(&self) {
        let mut back = self.back();
        if back.keeps {
            back.has_come = true;
            self.back_changed.notify_all();
            drop(self.back_changed.wait_while(back, |back| back.keeps));
        }
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

/// Is what becomes of some bytes.
enum Fate {
    Passed,
    Swallowed,
    /// Ends the connection.
    Lost,
    /// Ends the connection for the sender alone.
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
    // Fails only where an end was faster.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
