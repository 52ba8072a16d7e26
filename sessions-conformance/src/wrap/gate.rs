//! A gate at which futures wait until they are let through.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A gate at which futures wait, without a timer or a thread. Clones are the same gate.
///
/// ```
/// use std::thread;
/// use sessions_conformance::Gate;
///
/// let gate = Gate::closed();
/// let waiting = thread::spawn({
///     let gate = gate.clone();
///     move || pollster::block_on(gate.pass())
/// });
/// gate.wait_until_held(1);
/// assert_eq!(gate.held(), 1);
/// gate.open();
/// waiting.join().unwrap();
/// assert_eq!(gate.held(), 0);
/// ```
#[derive(Clone)]
pub struct Gate(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    is_open: bool,
    /// Number of futures that may pass the closed gate.
    passes: usize,
    /// The waiting futures by number.
    held: Vec<(u64, Waker)>,
    next: u64,
}

impl Gate {
    /// Creates a closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(false)
    }

    /// Creates an open gate.
    #[must_use]
    pub fn opened() -> Self {
        Self::new(true)
    }

    fn new(is_open: bool) -> Self {
        let state = State { is_open, passes: 0, held: Vec::new(), next: 0 };
        Self(Arc::new(Shared { state: Mutex::new(state), arrived: Condvar::new() }))
    }

    /// Closes the gate: futures wait from now on.
    pub fn close(&self) {
        let mut state = self.state();
        (state.is_open, state.passes) = (false, 0);
    }

    /// Opens the gate: futures pass from now on.
    pub fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        wake_all(state);
    }

    /// Lets one waiting future through, or else the next one that arrives.
    pub fn let_one_through(&self) {
        let mut state = self.state();
        state.passes += 1;
        wake_all(state);
    }

    /// Returns how many futures wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.state().held.len()
    }

    /// Blocks the thread until `number` futures wait. Other threads must poll them.
    pub fn wait_until_held(&self, number: usize) {
        let mut state = self.state();
        while state.held.len() < number {
            state = self.0.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the gate lets this future through.
    pub async fn pass(&self) {
        let mut visitor = Visitor { gate: self, number: None };
        poll_fn(|context| visitor.poll(context)).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes all waiting futures, outside the lock.
fn wake_all(state: MutexGuard<'_, State>) {
    let wakers: Vec<Waker> = state.held.iter().map(|(_, waker)| waker.clone()).collect();
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

/// A future at the gate, which stops waiting on drop.
struct Visitor<'a> {
    gate: &'a Gate,
    number: Option<u64>,
}

impl Visitor<'_> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.gate.state();
        if state.is_open || state.passes > 0 {
            state.passes = state.passes.saturating_sub(1);
            drop(state);
            self.leave();
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let mine = self.number;
        match state.held.iter_mut().find(|(number, _)| Some(*number) == mine) {
            Some((_, old)) => *old = waker,
            None => {
                let number = state.next;
                state.next += 1;
                state.held.push((number, waker));
                self.number = Some(number);
                self.gate.0.arrived.notify_all();
            }
        }
        Poll::Pending
    }

    fn leave(&mut self) {
        if let Some(mine) = self.number.take() {
            self.gate.state().held.retain(|(number, _)| *number != mine);
        }
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Gate").field("is_open", &state.is_open).field("held", &state.held.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::thread;

    use super::*;

    fn is_ready(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn an_open_gate_holds_no_future() {
        let gate = Gate::opened();
        assert!(is_ready(&mut pin!(gate.pass())));
        gate.close();
        assert!(!is_ready(&mut pin!(gate.pass())));
    }

    #[test]
    fn let_one_through_lets_one_through() {
        let gate = Gate::closed();
        let (mut one, mut other) = (pin!(gate.pass()), pin!(gate.pass()));
        assert!(!is_ready(&mut one) && !is_ready(&mut other) && !is_ready(&mut one));
        assert_eq!(gate.held(), 2);
        gate.let_one_through();
        assert!(is_ready(&mut other) && !is_ready(&mut one));
        assert_eq!(gate.held(), 1);
        gate.let_one_through();
        assert!(is_ready(&mut one));
    }

    #[test]
    fn a_dropped_future_no_longer_waits() {
        let gate = Gate::closed();
        let mut pass = Box::pin(gate.pass());
        assert!(!is_ready(&mut pass));
        assert_eq!(gate.held(), 1);
        drop(pass);
        assert_eq!(gate.held(), 0);
    }

    #[test]
    fn opening_wakes_all_waiting_futures() {
        let gate = Gate::closed();
        let wait = |_| {
            let gate = gate.clone();
            thread::spawn(move || pollster::block_on(gate.pass()))
        };
        let threads: Vec<_> = (0..8).map(wait).collect();
        gate.wait_until_held(8);
        gate.open();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(gate.held(), 0);
    }
}
