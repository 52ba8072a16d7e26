use std::panic;
use std::sync::Barrier;
use std::thread;

/// Runs `work` on `count` threads that start together, and returns the results in order.
///
/// # Panics
///
/// Panics if `work` panics, with its message.
pub fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    each_together(&mut vec![(); count], |index, ()| work(index))
}

/// Runs `work` on each item, on threads that start together, and returns the results in order.
///
/// # Panics
///
/// Panics if `work` panics, with its message.
pub fn each_together<I: Send, T: Send>(items: &mut [I], work: impl Fn(usize, &mut I) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(items.len());
    thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let begin = |(index, item)| {
            scope.spawn(move || {
                start.wait();
                work(index, item)
            })
        };
        let threads: Vec<_> = items.iter_mut().enumerate().map(begin).collect();
        let join =
            |thread: thread::ScopedJoinHandle<'_, T>| thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
        threads.into_iter().map(join).collect()
    })
}
