use std::sync::atomic::{AtomicBool, Ordering};

/// A guard that raises a flag when it is dropped.
///
/// Scoped threads that work until the flag is raised then end even if the test panics. Without the
/// guard, the scope would wait for them forever.
#[derive(Debug)]
pub struct RaiseOnDrop<'a>(pub &'a AtomicBool);

impl Drop for RaiseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{self, AssertUnwindSafe};
    use std::thread;

    use super::*;

    #[test]
    fn a_panic_ends_the_threads_of_a_scope() {
        let is_over = AtomicBool::new(false);
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| {
                let _over = RaiseOnDrop(&is_over);
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                });
                panic!("as a failed assertion does");
            })
        }));
        assert!(result.is_err());
    }
}
