//! Waiting for futures in coroutines.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use may::coroutine::{self, Coroutine};
use may::sync::Blocker;

/// Waits for a future, blocking the current coroutine or, outside of one, the thread.
///
/// In a coroutine it never blocks the thread. Use it for the `async` functions of sessions and
/// their manager. A future that is ready at its first poll, as those of a memory store are, costs
/// next to nothing.
///
/// ```
/// use sessions_minihttp::{Sessions, block_on};
///
/// let sessions = Sessions::builder().build()?;
/// assert_eq!(block_on(sessions.count())?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => {
            let unpark = Arc::new(Unpark::new());
            let waker = Waker::from(Arc::clone(&unpark));
            let mut context = Context::from_waker(&waker);
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                    return output;
                }
                // Without a deadline, parking ends only by a wake-up. A cancelled coroutine
                // unwinds, which drops the future.
                let _ = unpark.blocker.park(None);
            }
        }
    }
}

struct Unpark {
    /// Dropping it waits for the thread that the coroutine has left.
    blocker: Blocker,
    /// In may 0.3.51, that thread uses the coroutine's `Cancel`, which this keeps alive. A waker on
    /// another thread may be dropped after the coroutine has ended.
    _coroutine: Option<Coroutine>,
}

impl Unpark {
    fn new() -> Self {
        let coroutine = coroutine::is_coroutine().then(coroutine::current);
        Self { blocker: Blocker::new(false), _coroutine: coroutine }
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.blocker.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.blocker.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    /// Stays pending until its second real poll, and is woken by another thread.
    async fn answer_of_another_thread() -> u32 {
        let mut receiver: Option<mpsc::Receiver<u32>> = None;
        std::future::poll_fn(move |context| {
            if let Some(answer) = receiver.as_ref().and_then(|receiver| receiver.try_recv().ok()) {
                return Poll::Ready(answer);
            }
            let (sender, new) = mpsc::channel();
            let waker = context.waker().clone();
            thread::spawn(move || {
                let _ = sender.send(7);
                waker.wake();
            });
            receiver = Some(new);
            Poll::Pending
        })
        .await
    }

    #[test]
    fn ready_future_is_polled_once() {
        let mut polls = 0;
        let answer = block_on(std::future::poll_fn(|_| {
            polls += 1;
            Poll::Ready(1)
        }));
        assert_eq!((answer, polls), (1, 1));
    }

    #[test]
    fn thread_waits() {
        assert_eq!(block_on(answer_of_another_thread()), 7);
    }

    #[test]
    fn coroutines_wait() {
        let waiting: Vec<_> = (0..64).map(|_| may::go!(|| block_on(answer_of_another_thread()))).collect();
        assert!(waiting.into_iter().all(|coroutine| coroutine.join().unwrap() == 7));
    }
}
