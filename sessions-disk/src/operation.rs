//! The work that a store hands to its writer.

use futures_channel::oneshot;

use crate::batch::Batch;
use crate::engine::{EngineError, EngineErrorKind, Reader};
use crate::error::CallError;

/// The channel for an operation's answer. Any runtime or none can await the other end.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, CallError>>;

/// Work that shares its transaction with other operations.
pub(crate) trait Operation<R>: Send {
    /// Makes the operation's changes in a batch. Runs again after a failed batch.
    ///
    /// An error fails the whole batch. An error of this operation alone is kept for its answer.
    fn run(&mut self, batch: &mut Batch<'_, R>) -> Result<(), EngineError>;

    /// Answers, now that the changes are durable, or returns the operation for its next slice.
    fn applied(self: Box<Self>) -> Option<Box<dyn Operation<R>>>;

    /// Answers that the batch has failed.
    fn failed(self: Box<Self>, error: &EngineError);
}

/// An operation of one transaction.
pub(crate) struct Call<F, T> {
    work: F,
    result: Option<Result<T, CallError>>,
    answer: Answer<T>,
}

impl<F, T> Call<F, T> {
    pub(crate) const fn new(work: F, answer: Answer<T>) -> Self {
        Self { work, result: None, answer }
    }
}

impl<R, F, T> Operation<R> for Call<F, T>
where
    R: Reader,
    F: FnMut(&mut Batch<'_, R>) -> Result<T, CallError> + Send,
    T: Send,
{
    fn run(&mut self, batch: &mut Batch<'_, R>) -> Result<(), EngineError> {
        self.result = Some(run_isolated(batch, &mut self.work)?);
        Ok(())
    }

    fn applied(self: Box<Self>) -> Option<Box<dyn Operation<R>>> {
        if let Some(result) = self.result {
            // The caller may have stopped waiting. The effect stands.
            let _ = self.answer.send(result);
        }
        None
    }

    fn failed(self: Box<Self>, error: &EngineError) {
        let _ = self.answer.send(Err(error.clone().into()));
    }
}

/// Runs one operation's work, and rolls it back if it fails while the engine still works.
pub(crate) fn run_isolated<R: Reader, T>(
    batch: &mut Batch<'_, R>,
    work: impl FnOnce(&mut Batch<'_, R>) -> Result<T, CallError>,
) -> Result<Result<T, CallError>, EngineError> {
    batch.begin_operation();
    match work(batch) {
        Ok(result) => Ok(Ok(result)),
        Err(CallError::Engine(error)) if error.kind() != EngineErrorKind::Damaged => Err(error),
        Err(error) => {
            batch.roll_back();
            Ok(Err(error))
        }
    }
}
