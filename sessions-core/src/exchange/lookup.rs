//! Looking up the session for the tokens in a request's cookies.

use std::sync::Arc;

use sessions_store::{MaybeReady, Record, SecretHash, SessionId, StoreError, StoreErrorKind, StoreFuture, Timestamp};

use crate::cookie::{Candidate, Candidates, Transport};
use crate::error::Error;
use crate::exchange::outcome::Blocked;
use crate::exchange::shared::Shared;
use crate::exchange::state::{Live, Loaded, Stage};
use crate::manager::{Event, OutagePolicy, RejectReason, StoreCall, TARGET, expiry};

/// The search for the single live session that the tokens open.
struct Search {
    now: Timestamp,
    loaded: Loaded,
}

type Answer = Result<Option<Record>, StoreError>;

/// A candidate whose answer must be awaited.
type Unanswered = (Candidate, StoreFuture<Option<Record>>);

/// Looks up the candidates in the request's cookies, stores the result in the exchange, and makes a
/// handle of it.
///
/// The remaining candidates are moved out only if the store does not answer at once.
pub(super) fn begin<T: 'static>(
    shared: &Arc<Shared>,
    candidates: &mut Candidates,
    handle: fn(Arc<Shared>) -> T,
) -> MaybeReady<Result<T, Error>> {
    let done = |result: Result<(), Error>| MaybeReady::ready(result.map(|()| handle(Arc::clone(shared))));
    if candidates.malformed {
        reject(shared, None, RejectReason::Malformed);
    }
    let mut loaded = Loaded { transport: candidates.transport, ..Loaded::default() };
    if candidates.exceeded {
        reject(shared, None, RejectReason::TooMany);
        loaded.stage = Stage::Blocked(Blocked::TooManyTokens);
        shared.load(loaded);
        return done(Ok(()));
    }
    // Then the request has no candidate.
    if let Transport::None | Transport::NoneByPlainHttp = loaded.transport {
        log_absence(shared, candidates.has_foreign);
        shared.load(loaded);
        return done(Ok(()));
    }
    let mut search = Search { now: shared.sessions.now(), loaded };
    match search.advance(shared, candidates) {
        Ok(Some(unanswered)) => {
            shared.ask();
            let (shared, rest) = (Arc::clone(shared), std::mem::take(candidates));
            MaybeReady::new(async move {
                let searched = search.wait(&shared, rest, unanswered).await;
                searched.or_else(|error| search.fail(&shared, error))?;
                shared.load(search.loaded);
                Ok(handle(shared))
            })
        }
        Ok(None) => {
            shared.load(search.loaded);
            done(Ok(()))
        }
        Err(error) => done(search.fail(shared, error).map(|()| shared.load(search.loaded))),
    }
}

impl Search {
    /// Looks up the candidates while the store answers at once. Returns the first one that it does
    /// not answer at once.
    #[inline]
    fn advance(&mut self, shared: &Shared, candidates: &mut Candidates) -> Result<Option<Unanswered>, StoreError> {
        while let Some(candidate) = candidates.next() {
            match shared.sessions.store().load(candidate.token.id(), self.now).try_ready() {
                Ok(answer) => self.judge(shared, candidate, answer)?,
                Err(answer) => return Ok(Some((candidate, answer))),
            }
        }
        Ok(None)
    }

    /// Continues the search with a store that does not answer at once.
    async fn wait(&mut self, shared: &Shared, mut rest: Candidates, unanswered: Unanswered) -> Result<(), StoreError> {
        let mut next = Some(unanswered);
        while let Some((candidate, answer)) = next {
            self.judge(shared, candidate, answer.await)?;
            next = self.advance(shared, &mut rest)?;
        }
        Ok(())
    }

    /// Evaluates the store's answer for one candidate.
    fn judge(&mut self, shared: &Shared, candidate: Candidate, answer: Answer) -> Result<(), StoreError> {
        let Candidate { token, is_stale } = candidate;
        let id = token.id();
        let reason = match answer {
            Ok(Some(record)) if record.id() == id && record.is_live(self.now) => {
                let hash = token.secret().hash(id);
                let is_current = record.secret_hash() == hash;
                if is_current || record.has_successor(&hash) {
                    self.accept(shared, Live::opened_by(token, is_stale, !is_current), record);
                    return Ok(());
                }
                self.judge_old_secret(shared, &hash, record)
            }
            Ok(Some(record)) if record.id() == id => RejectReason::Expired,
            Ok(_) => RejectReason::Unknown,
            Err(error) if error.kind() == StoreErrorKind::Unreadable => RejectReason::Unreadable,
            Err(error) if error.kind() == StoreErrorKind::NewerFormat => {
                self.block(Blocked::NewerFormat);
                RejectReason::NewerFormat
            }
            Err(error) => return Err(error),
        };
        reject(shared, Some(id), reason);
        Ok(())
    }

    /// Accepts a live session. If the request's tokens open two, one may have been planted, so
    /// neither is used.
    #[inline]
    fn accept(&mut self, shared: &Shared, mut live: Live, record: Record) {
        let Loaded { stage, record: found, transport } = &mut self.loaded;
        match stage {
            // Cookies of two paths can carry the session's secret and its successor.
            Stage::Live(first) if first.id() == live.id() => {
                if live.is_successor {
                    *first = live;
                }
            }
            Stage::Live(first) => {
                reject(shared, None, RejectReason::Ambiguous);
                *stage = Stage::Ambiguous(vec![first.id(), live.id()]);
                *found = None;
            }
            Stage::Ambiguous(ids) => ids.push(live.id()),
            Stage::Absent | Stage::Superseded(_) | Stage::Lost => {
                let config = shared.sessions.config();
                live.touch_due |= expiry::touch_is_due(&record, self.now, config.touch_every_millis);
                if let Some(every) = config.rotate_every {
                    let rotates = !live.is_successor && *transport == Transport::Cookie;
                    live.rotation_due = rotates && expiry::rotation_is_due(&record, self.now, every);
                    live.touch_due |= live.rotation_due;
                }
                *stage = Stage::Live(live);
                *found = Some(record);
            }
            Stage::Blocked(_) | Stage::Doomed(_) => {}
        }
    }

    /// Returns why a secret that is neither the record's own nor its successor opens no session.
    ///
    /// A secret that was replaced a moment ago is that of a superseded token, which counts unless
    /// another token opens a session.
    #[cold]
    fn judge_old_secret(&mut self, shared: &Shared, hash: &SecretHash, record: Record) -> RejectReason {
        if !record.supersedes(hash, self.now, shared.sessions.config().renewal_grace) {
            return RejectReason::WrongSecret;
        }
        if let Stage::Absent = self.loaded.stage {
            self.loaded.stage = Stage::Superseded(record);
        }
        RejectReason::Superseded
    }

    /// Records that not all of the request's tokens could be checked, so no session is used.
    fn block(&mut self, blocked: Blocked) {
        self.loaded.stage = Stage::Blocked(blocked);
        self.loaded.record = None;
    }

    /// Continues without a session after the store failed, if the manager is configured so.
    #[cold]
    fn fail(&mut self, shared: &Shared, error: StoreError) -> Result<(), Error> {
        shared.raise(&Event::StoreFailed { call: StoreCall::Load, kind: error.kind() });
        match shared.sessions.config().outage {
            OutagePolicy::Refuse => {
                shared.ask();
                Err(error.into())
            }
            OutagePolicy::Anonymous => {
                self.block(Blocked::Outage);
                Ok(())
            }
        }
    }
}

/// Logs why a request has no session when no event is raised for it.
fn log_absence(shared: &Shared, has_foreign: bool) {
    let reason = if has_foreign { "cookies of other names" } else { "no cookie" };
    tracing::trace!(target: TARGET, cookie = shared.sessions.cookie_name(), reason, "request without a session");
}

#[cold]
fn reject(shared: &Shared, id: Option<SessionId>, reason: RejectReason) {
    shared.raise(&Event::Rejected { id, reason });
}
