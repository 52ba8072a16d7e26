//! Steps of every operation: the limit on concurrency, the deadline and the retries.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::Value;
use sessions_core::store::{StoreError, StoreErrorKind, StoreFuture};
use tokio::sync::Semaphore;

use crate::call::{Call, Form};
use crate::error::{Cause, Fault, NAME};
use crate::fields::{LONGEST, whole_millis};
use crate::keys::Keys;
use crate::link::{Answer, Link, Parcel, WaitFor};
use crate::runtime::{Background, InRuntime};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Time that a write is remembered after its last try.
const MARGIN: Duration = Duration::from_secs(2);

/// State that all clones of a store share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) keys: Keys,
    pub(crate) link: Link,
    /// Link for operations that wait for replicas, so that no others queue behind them.
    pub(crate) patient_link: Link,
    pub(crate) wait: Option<WaitFor>,
    pub(crate) load_deadline: Duration,
    pub(crate) commit_deadline: Duration,
    under_way: Arc<Semaphore>,
    nonces: AtomicU64,
    /// Declared last: the links' tasks run on it.
    background: Arc<Background>,
}

/// Settings of a [`Core`] that its builder chooses.
pub(crate) struct Limits {
    pub(crate) load_deadline: Duration,
    pub(crate) commit_deadline: Duration,
    pub(crate) max_in_flight: usize,
    pub(crate) wait: Option<WaitFor>,
}

/// The deadline of an operation.
#[derive(Debug)]
pub(crate) struct Time {
    begun: Instant,
    deadline: Duration,
}

impl Time {
    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.begun.elapsed())
    }
}

/// The outcome of a call that may have been made more than once.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// Whether an earlier try may have done the work.
    pub(crate) in_doubt: bool,
}

/// The reason for a missing reply, or the reply of a server that refused.
#[derive(Debug)]
pub(crate) struct Failure {
    error: StoreError,
    pub(crate) code: Option<&'static str>,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Core {
    pub(crate) fn new(keys: Keys, links: (Link, Link), limits: &Limits, background: Background) -> Arc<Self> {
        let (link, patient_link) = links;
        Arc::new(Self {
            keys,
            link,
            patient_link,
            wait: limits.wait,
            load_deadline: limits.load_deadline,
            commit_deadline: limits.commit_deadline,
            under_way: Arc::new(Semaphore::new(limits.max_in_flight)),
            nonces: AtomicU64::new(getrandom::u64().unwrap_or_else(|_| std::process::id().into())),
            background: Arc::new(background),
        })
    }

    /// Starts an operation, unless too many are in flight.
    pub(crate) fn begin<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> StoreFuture<T>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
        T: Send,
    {
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else {
            let cause = Cause::text("as much is under way as `max_in_flight` allows".to_owned());
            return StoreFuture::ready(Err(StoreError::new(NAME, StoreErrorKind::Busy).caused_by(cause)));
        };
        let work = work(Arc::clone(self));
        let work = async move {
            let _permit = permit;
            work.await
        };
        StoreFuture::new(InRuntime::new(Arc::clone(&self.background), work))
    }

    /// Returns a number that no other recent write to the session has. It need not be secret.
    pub(crate) fn nonce(&self) -> u64 {
        self.nonces.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the milliseconds that the mark of a write is kept: longer than it is retried.
    pub(crate) fn word_millis(&self) -> u64 {
        whole_millis(self.commit_deadline.saturating_add(MARGIN)).min(LONGEST)
    }

    /// Makes a call that no caller waits for, and that nothing depends on.
    pub(crate) fn call_later(&self, call: Call) {
        let link = self.link.clone();
        let deadline = self.commit_deadline;
        self.background.handle().spawn(async move {
            let _ = link.call(&call, None, deadline).await;
        });
    }

    pub(crate) async fn read(&self, call: &Call) -> Result<Value, Failure> {
        let outcome = self.link.call(call, None, self.load_deadline).await?;
        Ok(outcome.answer.value)
    }

    pub(crate) async fn write(&self, call: &Call, time: &Time) -> Result<Value, Failure> {
        let outcome = self.link.call(call, None, time.left()).await?;
        Ok(outcome.answer.value)
    }

    /// Starts the deadline of a write, however many calls it takes.
    pub(crate) fn time_to_write(&self) -> Time {
        Time { begun: Instant::now(), deadline: self.commit_deadline }
    }

    /// Writes, and waits for the replicas if that is configured.
    pub(crate) async fn write_for_good(&self, call: &Call) -> Result<Outcome, Failure> {
        let deadline = self.commit_deadline.saturating_add(self.wait.map_or(Duration::ZERO, |wait| wait.within));
        self.patient_link.call(call, self.wait, deadline).await
    }
}

impl Link {
    /// Tries until there is a reply or the deadline has passed.
    pub(crate) async fn call(
        &self,
        call: &Call,
        wait: Option<WaitFor>,
        deadline: Duration,
    ) -> Result<Outcome, Failure> {
        let mut tries = Tries::new(self, call, wait);
        match tokio::time::timeout(deadline, tries.run(self, call)).await {
            Ok(Ok(answer)) => Ok(Outcome { answer, in_doubt: tries.in_doubt }),
            Ok(Err(fault)) => {
                let code = fault.code();
                let kind = match code {
                    Some("WRONGTYPE") => StoreErrorKind::Unreadable,
                    _ if matches!(fault, Fault::Lost(_)) => StoreErrorKind::TimedOut,
                    _ => StoreErrorKind::Unavailable,
                };
                let error = fault.into_error(kind);
                Err(Failure { error, code })
            }
            Err(_) => Err(Failure { error: tries.timed_out(|| self.silence(deadline)), code: None }),
        }
    }
}

impl Link {
    /// Returns the cause of an error about servers that did not reply.
    fn silence(&self, deadline: Duration) -> Cause {
        Cause::text(format!("{} did not answer within {deadline:?}", self.name()))
    }
}

/// The tries so far.
struct Tries<'a> {
    parcel: Parcel<'a>,
    last: Option<Fault>,
    in_doubt: bool,
    form: Form,
}

impl<'a> Tries<'a> {
    fn new(link: &Link, call: &'a Call, wait: Option<WaitFor>) -> Self {
        // This connection retries by itself, so each of its tries may be a repetition.
        let repeats = matches!(link, Link::Given(given) if given.is_cluster());
        let form = Form { in_doubt: repeats, ..Form::default() };
        let command = if repeats { Cow::Owned(call.form(form)) } else { Cow::Borrowed(&call.command) };
        Self { parcel: Parcel::new(call.slot, command, wait), last: None, in_doubt: false, form }
    }

    async fn run(&mut self, link: &Link, call: &Call) -> Result<Answer, Fault> {
        let mut pause = FIRST_PAUSE;
        loop {
            self.parcel.forget_sent();
            // Boxed to keep its callers small: a coroutine's stack has no room for several copies.
            let answer = Box::pin(link.send(&self.parcel)).await;
            let fault = match answer.and_then(|answer| self.with_replicas(answer)) {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let is_lost = matches!(fault, Fault::Lost(_));
            self.in_doubt |= is_lost;
            if is_lost && self.form.without_word {
                return Err(fault);
            }
            if let Some(form) = self.better_form(call, &fault) {
                self.form = form;
                self.parcel.command = Cow::Owned(call.form(form));
                if !is_lost {
                    continue;
                }
            }
            if !fault.may_pass() {
                return Err(fault);
            }
            self.last = Some(fault);
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Returns the form of the next try, if it differs.
    fn better_form(&self, call: &Call, fault: &Fault) -> Option<Form> {
        let form = match fault.code() {
            Some("NOSCRIPT") if call.is_script() => Form { with_source: true, ..self.form },
            // A slot that is being moved has the session but not yet the mark. Nothing was done, so
            // none is needed.
            Some("TRYAGAIN") if call.has_word() && !self.in_doubt => Form { without_word: true, ..self.form },
            _ => Form { in_doubt: self.form.in_doubt || self.in_doubt, ..self.form },
        };
        (form != self.form).then_some(form)
    }

    /// Refuses a reply if too few replicas have the write, which could be lost with this primary.
    fn with_replicas(&self, answer: Answer) -> Result<Answer, Fault> {
        match self.parcel.wait {
            Some(wait) if answer.replicas < u64::from(wait.replicas) => {
                let text = format!(
                    "{} of the {} replicas of `wait_for_replicas` have the write",
                    answer.replicas, wait.replicas
                );
                Err(Fault::Lost(Cause::text(text)))
            }
            _ => Ok(answer),
        }
    }

    fn timed_out(self, silence: impl FnOnce() -> Cause) -> StoreError {
        let may_be_done = self.in_doubt || self.parcel.was_sent();
        match self.last {
            // No server was reached, so none was slow.
            Some(fault @ Fault::Unreached(_)) if !may_be_done => fault.into_error(StoreErrorKind::Unavailable),
            Some(fault) => fault.into_error(StoreErrorKind::TimedOut),
            None => StoreError::new(NAME, StoreErrorKind::TimedOut).caused_by(silence()),
        }
    }
}
