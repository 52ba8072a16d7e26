//! Gates at which the calls of engines wait, and the orders in which they pass.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// Where the calls of all engines wait during a run.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    are_shut: bool,
    /// Who makes the calls that arrive now.
    caller: &'static str,
    /// The number of calls that have arrived.
    arrived: usize,
    waiting: Vec<Waiting>,
    /// The calls that have passed, in order.
    passed: Vec<String>,
}

#[derive(Debug)]
struct Waiting {
    number: usize,
    call: String,
    waker: Waker,
}

impl Gates {
    /// Waits until the call may pass.
    pub(crate) async fn pass(&self, call: &'static str) {
        let Some(number) = self.arrive(call) else { return };
        poll_fn(|context| self.poll_passed(number, context)).await;
    }

    fn arrive(&self, call: &str) -> Option<usize> {
        let mut state = self.0.lock().unwrap();
        if !state.are_shut {
            return None;
        }
        state.arrived += 1;
        let (number, call) = (state.arrived, format!("{}: {call}", state.caller));
        state.waiting.push(Waiting { number, call, waker: Waker::noop().clone() });
        Some(number)
    }

    fn poll_passed(&self, number: usize, context: &Context<'_>) -> Poll<()> {
        match self.0.lock().unwrap().waiting.iter_mut().find(|waiting| waiting.number == number) {
            Some(waiting) => {
                waiting.waker.clone_from(context.waker());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    pub(crate) fn shut(&self) {
        *self.0.lock().unwrap() = State { are_shut: true, ..State::default() };
    }

    pub(crate) fn open(&self) {
        self.0.lock().unwrap().are_shut = false;
    }

    pub(crate) fn name_caller(&self, caller: &'static str) {
        self.0.lock().unwrap().caller = caller;
    }

    /// Returns how many calls wait.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().waiting.len()
    }

    /// Lets one of the waiting calls pass.
    pub(crate) fn let_pass(&self, index: usize) {
        let mut state = self.0.lock().unwrap();
        let waiting = state.waiting.remove(index);
        state.passed.push(waiting.call);
        waiting.waker.wake();
    }
}

/// Shows the order of a failed test.
impl Drop for Gates {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let passed = self.0.get_mut().map(|state| state.passed.join("\n")).unwrap_or_default();
            eprintln!("the calls passed in this order:\n{passed}");
        }
    }
}

/// An order of calls: which of how many waiting ones passed, one after the other.
#[derive(Default)]
pub(crate) struct Order {
    choices: Vec<(usize, usize)>,
    /// How many choices were made in this run.
    made: usize,
}

impl Order {
    /// Chooses one of the waiting calls: the order's own, and behind its end the first.
    pub(crate) fn choose(&mut self, waiting: usize) -> usize {
        if self.made == self.choices.len() {
            self.choices.push((0, waiting));
        }
        let (chosen, of) = self.choices[self.made];
        assert_eq!(of, waiting, "the same choices did not lead to the same calls");
        self.made += 1;
        chosen
    }

    /// Goes on to the next order, depth first. Returns whether there is one.
    pub(crate) fn advance(&mut self) -> bool {
        self.made = 0;
        while let Some((chosen, of)) = self.choices.pop() {
            if chosen + 1 < of {
                self.choices.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}
