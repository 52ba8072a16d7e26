//! The end of a request: from its outcome, through the store, to what the response's head must
//! carry.

mod apply;
mod create;
mod destroy;
mod ending;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use apply::Apply;
use create::Create;
use destroy::Destroy;
pub(crate) use ending::Mode;
use ending::{Before, Ending};

use crate::error::{Error, ErrorKind, StoreError};
use crate::exchange::Inner;
use crate::exchange::response::Attach;
use crate::store::{Committed, Created, StoreFuture};

/// Is the commit of one request; see [`Exchange::commit`](crate::Exchange::commit).
///
/// # Errors
///
/// The future gives an error if what the handler did could not be saved. The handler's response
/// must then not be sent: the client is told the error's [`status`](Error::status), and its cookie
/// is left alone. Where a session had ended meanwhile ([`Gone`](ErrorKind::Gone)), the browser may
/// already hold the cookie of a newer login, which a removal would delete. What the error's
/// response must carry all the same is in [`take_attach`](Error::take_attach).
#[must_use = "nothing is saved unless this is awaited"]
pub struct Commit {
    // Before the ending, so that it is dropped before another's turn begins.
    progress: Progress,
    ending: Ending,
}

enum Progress {
    /// It is the turn of another commit of this exchange.
    Queued,
    /// The store answers later. Boxed, so that a commit is small where the store answers at once.
    Waiting(Box<Pending>),
    /// The store has yet to answer a save that was dropped.
    Inheriting(Box<Pending>),
    /// `None` once the result was taken.
    Done(Option<Result<Attach, Error>>),
}

/// Is what the store was asked, and has not answered yet.
pub(crate) enum Waiting {
    Apply(Apply, StoreFuture<Committed>),
    Create(Create, StoreFuture<Created>),
    Destroy(Destroy, StoreFuture<bool>),
}

/// Is a [`Waiting`] that outlives its commit, if that is a save: dropped, it is left to the next
/// commit of its exchange. A head that is dropped leaves nothing: its client is gone.
struct Pending {
    /// `None` once the store has answered.
    waiting: Option<Waiting>,
    leaves_to: Option<Arc<Inner>>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let (Some(waiting), Some(inner)) = (self.waiting.take(), &self.leaves_to) {
            inner.lock().keep_dropped(waiting);
        }
    }
}

impl Commit {
    pub(crate) fn begin(inner: Arc<Inner>, mode: Mode) -> Self {
        let mut ending = Ending::new(inner, mode);
        let progress = match ending.begin() {
            Ok(progress) if !ending.has_turn() => progress,
            progress => ending.proceed(progress),
        };
        Self { progress, ending }
    }

    fn start(&mut self) {
        let progress = self.ending.begin();
        self.progress = self.ending.proceed(progress);
    }

    // Out of line, so that a poll is short where the store answers at once.
    #[inline(never)]
    fn go_on(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.progress {
            Progress::Queued => {
                if !self.ending.turn_has_come(context) {
                    return Poll::Pending;
                }
                self.start();
            }
            Progress::Waiting(pending) => {
                let (waiting, answer) = ready!(pending.poll(context));
                let progress = waiting.conclude(&self.ending, answer);
                self.progress = self.ending.proceed(progress);
            }
            Progress::Inheriting(pending) => {
                let (waiting, answer) = ready!(pending.poll(context));
                self.inherit(waiting, answer);
            }
            Progress::Done(_) => {}
        }
        Poll::Ready(())
    }

    /// Concludes a save that was dropped, in its place. What the store refused it is told here,
    /// since nobody was told there.
    fn inherit(&mut self, waiting: Waiting, answer: Answer) {
        match waiting.conclude(&self.ending.of_dropped_save(), answer) {
            Ok(Progress::Waiting(next)) => self.progress = Progress::Inheriting(next),
            // What could not be written is tried once more with the rest.
            Ok(_) => self.start(),
            Err(error) if error.kind() == ErrorKind::StoreUnavailable => self.start(),
            Err(error) => self.progress = self.ending.proceed(Err(error)),
        }
    }
}

impl Future for Commit {
    type Output = Result<Attach, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Progress::Done(result) = &mut self.progress {
                return Poll::Ready(result.take().expect("a future is not polled after it was ready"));
            }
            ready!(self.go_on(context));
        }
    }
}

/// Is what the store answered to a [`Waiting`].
enum Answer {
    Applied(Result<Committed, StoreError>),
    Created(Result<Created, StoreError>),
    Destroyed(Result<bool, StoreError>),
}

impl Pending {
    /// Waits for the answer, and gives what it concludes.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(Waiting, Answer)> {
        let waiting = self.waiting.as_mut().expect("a commit goes on after its store's answer");
        let answer = ready!(waiting.poll(context));
        Poll::Ready((self.waiting.take().expect("it was polled"), answer))
    }
}

impl Waiting {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Self::Apply(_, answer) => Pin::new(answer).poll(context).map(Answer::Applied),
            Self::Create(_, answer) => Pin::new(answer).poll(context).map(Answer::Created),
            Self::Destroy(_, answer) => Pin::new(answer).poll(context).map(Answer::Destroyed),
        }
    }

    fn conclude(self, ending: &Ending, answer: Answer) -> Result<Progress, Error> {
        match (self, answer) {
            (Self::Apply(mut apply, _), Answer::Applied(answer)) => apply.conclude(ending, answer),
            (Self::Create(mut create, _), Answer::Created(answer)) => create.conclude(ending, answer),
            (Self::Destroy(destroy, _), Answer::Destroyed(answer)) => destroy.conclude(ending, answer),
            _ => unreachable!("poll answers in kind"),
        }
    }
}

impl Progress {
    const fn done(attach: Attach) -> Self {
        Self::Done(Some(Ok(attach)))
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("mode", &self.ending.mode).finish_non_exhaustive()
    }
}
