//! Threads that start together, and a future that waits for them.

use std::future::poll_fn;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

/// Runs `work` on several threads at once.
///
/// The caller awaits the results without blocking its thread, so that a runtime on that thread can
/// still drive its sockets.
pub(crate) async fn run<T: Send + 'static>(
    threads: usize,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let (work, start) = (Arc::new(work), Arc::new(Barrier::new(threads)));
    let finish = Arc::new(Finish::new(threads));
    let spawn = |number| {
        let (work, start, arrival) = (Arc::clone(&work), Arc::clone(&start), Arrival(Arc::clone(&finish)));
        thread::spawn(move || {
            start.wait();
            let result = work(number);
            drop((work, arrival));
            result
        })
    };
    let handles: Vec<JoinHandle<T>> = (0..threads).map(spawn).collect();
    finish.all_arrived().await;
    handles.into_iter().map(join).collect()
}

fn join<T>(handle: JoinHandle<T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The count of running threads, and the waker of whoever waits for them.
struct Finish(Mutex<(usize, Option<Waker>)>);

impl Finish {
    fn new(threads: usize) -> Self {
        Self(Mutex::new((threads, None)))
    }

    async fn all_arrived(&self) {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 == 0 {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Reports the end of a thread on drop, also after a panic.
struct Arrival(Arc<Finish>);

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 -= 1;
        if state.0 == 0
            && let Some(waker) = state.1.take()
        {
            waker.wake();
        }
    }
}
