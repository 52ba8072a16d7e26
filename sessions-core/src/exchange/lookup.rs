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
        return done(store_result(shared, loaded));
    }
    let Some(mut candidate) = candidates.next() else {
        log_absence(shared, candidates);
        return done(store_result(shared, loaded));
    };
    let mut search = Search { now: shared.sessions.now(), loaded };
    loop {
        match search.ask(shared, &candidate).try_ready() {
            Ok(answer) => {
                if let Err(error) = search.judge(shared, candidate, answer) {
                    return done(search.fail(shared, error));
                }
            }
            Err(answer) => {
                shared.ask();
                let (shared, rest) = (Arc::clone(shared), std::mem::take(candidates));
                return MaybeReady::new(async move {
                    search.wait(&shared, rest, candidate, answer).await.map(|()| handle(shared))
                });
            }
        }
        match candidates.next() {
            Some(next) => candidate = next,
            None => return done(store_result(shared, search.loaded)),
        }
    }
}

impl Search {
    fn ask(&self, shared: &Shared, candidate: &Candidate) -> StoreFuture<Option<Record>> {
        shared.sessions.store().load(candidate.token.id(), self.now)
    }

    /// Continues the search with a store that does not answer at once.
    async fn wait(
        mut self,
        shared: &Shared,
        mut rest: Candidates,
        mut candidate: Candidate,
        mut answer: StoreFuture<Option<Record>>,
    ) -> Result<(), Error> {
        loop {
            if let Err(error) = self.judge(shared, candidate, answer.await) {
                return self.fail(shared, error);
            }
            let Some(next) = rest.next() else { return store_result(shared, self.loaded) };
            answer = self.ask(shared, &next);
            candidate = next;
        }
    }

    /// Evaluates the store's answer for one candidate.
    fn judge(&mut self, shared: &Shared, candidate: Candidate, answer: Answer) -> Result<(), StoreError> {
        let Candidate { token, is_stale } = candidate;
        let id = token.id();
        let reason = match answer {
            Ok(Some(record)) if record.id() == id && record.is_live(self.now) => {
                let hash = token.secret().hash(id);
                let opened = if record.secret_hash() == hash {
                    Ok(false)
                } else {
                    self.judge_other_secret(shared, &hash, &record)
                };
                match opened {
                    Ok(is_successor) => {
                        self.accept(shared, Live::opened_by(token, is_stale, is_successor), record);
                        return Ok(());
                    }
                    Err(reason) => reason,
                }
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

    /// Checks a secret that is not the record's own. Returns whether a rotation has sent it, or why
    /// it does not open the session.
    ///
    /// A secret that was replaced a moment ago is that of a superseded token, which counts unless
    /// another token opens a session.
    #[cold]
    fn judge_other_secret(
        &mut self,
        shared: &Shared,
        hash: &SecretHash,
        record: &Record,
    ) -> Result<bool, RejectReason> {
        if record.has_successor(hash) {
            return Ok(true);
        }
        if !record.supersedes(hash, self.now, shared.sessions.config().renewal_grace) {
            return Err(RejectReason::WrongSecret);
        }
        if let Stage::Absent = self.loaded.stage {
            self.loaded.stage = Stage::Superseded(record.clone());
        }
        Err(RejectReason::Superseded)
    }

    /// Records that not all of the request's tokens could be checked, so no session is used.
    fn block(&mut self, blocked: Blocked) {
        self.loaded.stage = Stage::Blocked(blocked);
        self.loaded.record = None;
    }

    #[cold]
    fn fail(mut self, shared: &Shared, error: StoreError) -> Result<(), Error> {
        shared.raise(&Event::StoreFailed { call: StoreCall::Load, kind: error.kind() });
        match shared.sessions.config().outage {
            OutagePolicy::Refuse => {
                shared.ask();
                Err(error.into())
            }
            OutagePolicy::Anonymous => {
                self.block(Blocked::Outage);
                store_result(shared, self.loaded)
            }
        }
    }
}

/// Stores the result in the exchange.
#[inline]
fn store_result(shared: &Shared, loaded: Loaded) -> Result<(), Error> {
    shared.load(loaded);
    Ok(())
}

/// Logs why a request has no session when no event is raised for it.
fn log_absence(shared: &Shared, candidates: &Candidates) {
    if let Transport::None | Transport::NoneByPlainHttp = candidates.transport {
        let reason = if candidates.has_foreign { "cookies of other names" } else { "no cookie" };
        tracing::trace!(target: TARGET, cookie = shared.sessions.cookie_name(), reason, "request without a session");
    }
}

#[cold]
fn reject(shared: &Shared, id: Option<SessionId>, reason: RejectReason) {
    shared.raise(&Event::Rejected { id, reason });
}
