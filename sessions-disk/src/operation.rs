//! The work that a store hands to its writer.

use futures_channel::oneshot;

use crate::batch::Batch;
use crate::engine::{EngineError, EngineErrorKind, Reader};
use crate::error::CallError;

/// Carries an operation's answer to whoever waits for it, on any runtime or none.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, CallError>>;

/// Is an operation, which shares its transaction with others.
pub(crate) trait Operation<R>: Send {
    /// Makes the operation's changes. It may run again, after a batch with it has failed.
    ///
    /// Fails if the engine does; what fails for this operation alone is kept for its answer.
    fn run(&mut self, batch: &mut Batch<'_, R>) -> Result<(), EngineError>;

    /// Answers, now that the changes are durable, or returns the operation for its next part.
    fn applied(self: Box<Self>) -> Option<Box<dyn Operation<R>>>;

    /// Answers that the batch has failed.
    fn failed(self: Box<Self>, error: &EngineError);
}

/// Is an operation that is done in one go.
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
            // Whoever asked may no longer wait. The effect stands.
            let _ = self.answer.send(result);
        }
        None
    }

    fn failed(self: Box<Self>, error: &EngineError) {
        let _ = self.answer.send(Err(error.clone().into()));
    }
}

/// Does the work of one operation, and takes it back where it fails without the engine failing.
pub(crate) fn run_isolated<R: Reader, T>(
    batch: &mut Batch<'_, R>,
    work: impl FnOnce(&mut Batch<'_, R>) -> Result<T, CallError>,
) -> Result<Result<T, CallError>, EngineError> {
    batch.begin();
    match work(batch) {
        Ok(result) => Ok(Ok(result)),
        Err(CallError::Engine(error)) if error.kind() != EngineErrorKind::Damaged => Err(error),
        Err(fault) => {
            batch.roll_back();
            Ok(Err(fault))
        }
    }
}
