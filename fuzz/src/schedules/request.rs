//! One request: what its handler did, and what its answers promise.

use std::collections::BTreeMap;

use sessions_core::adapter::{CommitError, RequestHeader, RequestHeaders, SessionHeaders, Token};
use sessions_core::{Error, ErrorKind, Session};
use sessions_store::{Record, SessionId, Timestamp};

use super::ledger::{FLASH, KEYS, Ledger, NUMBER};
use super::store::WatchedStore;
use super::task::Task;
use crate::COOKIE;

/// A request in flight, or the stream of its response.
pub(super) struct Request {
    pub(super) number: usize,
    /// The browser that sent it.
    pub(super) jar: usize,
    pub(super) by_bearer: bool,
    pub(super) began: Timestamp,
    pub(super) carried: Option<Token>,
    /// The handler's handle, once the session is loaded.
    pub(super) session: Option<Session>,
    /// The future of the load or the response, and two of the handler's.
    pub(super) tasks: [Option<Task>; 3],
    pub(super) account: Account,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Loading,
    Running,
    /// The response is being committed. `is_delivered` tells whether the client gets its headers,
    /// and `keeps` whether it keeps the request's writes.
    Ending {
        is_delivered: bool,
        keeps: bool,
    },
    Over,
}

/// What a request has done to its session so far.
#[derive(Clone, Default)]
pub(super) struct Account {
    /// How often the request has lost its unsaved writes.
    resets: u32,
    /// The sum of the increments since the last reset.
    due: i64,
    /// What the store had added at the last reset.
    added_before: i64,
    /// The value that each key was last set to, unless it was removed since.
    values: BTreeMap<&'static str, Option<usize>>,
    /// The sessions that the handler has destroyed.
    doomed: Vec<SessionId>,
    /// The handler has renewed the session of the token that the request carried.
    renews: bool,
    /// A save was dropped, so that the handler does not see why its writes were refused.
    drops_saves: bool,
    logins: Vec<String>,
}

impl Request {
    /// Describes the request, for whoever reads a failing schedule.
    pub(super) fn describe(&self) -> String {
        let (number, stage) = (self.number, self.stage);
        let tasks = self.tasks.each_ref().map(|task| if task.is_some() { '*' } else { '-' });
        let tasks = String::from_iter(tasks);
        let Some(session) = &self.session else { return format!("{number}: {tasks} {stage:?}") };
        let (id, principal) = (session.id().map(|id| id.to_string()), session.principal());
        let texts = KEYS.iter().filter_map(|key| Some(format!("{key}={}", session.lenient(key).text()?)));
        let texts: Vec<_> = texts.chain(session.lenient(NUMBER).i64().map(|number| format!("n={number}"))).collect();
        format!("{number}: {tasks} {stage:?} {id:?} {principal:?} {texts:?}")
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over && self.tasks.iter().all(Option::is_none)
    }

    pub(super) fn set(&mut self, key: &'static str, value: Option<usize>) {
        self.account.values.insert(key, value);
    }

    pub(super) fn increment(&mut self, ledger: &mut Ledger, by: i64) {
        ledger.deeds.entry(self.number).or_default().called += by;
        self.account.due += by;
    }

    /// Records that unsaved writes are gone, so that no later answer promises them.
    pub(super) fn reset(&mut self, ledger: &Ledger) {
        let account = &mut self.account;
        account.resets += 1;
        account.due = 0;
        account.values.clear();
        account.added_before = ledger.deeds.get(&self.number).map_or(0, |deeds| deeds.added);
    }

    /// Records that a save was dropped.
    pub(super) fn drop_save(&mut self) {
        self.account.drops_saves = true;
    }

    /// Records a login that is about to happen, which drops the writes of somebody else.
    pub(super) fn log_in(&mut self, ledger: &Ledger, principal: &str) {
        let Some(session) = &self.session else { return };
        let is_new = session.id().is_none() && self.carried.is_some();
        if is_new || session.principal().is_some_and(|shown| shown != principal) {
            self.reset(ledger);
        }
        self.account.logins.push(principal.to_owned());
        self.renew();
    }

    pub(super) fn renew(&mut self) {
        let id = self.session.as_ref().and_then(Session::id);
        // Once the response is on its way, a renewal may come too late.
        let is_running = self.stage == Stage::Running;
        self.account.renews |= is_running && id.is_some() && id == self.carried.as_ref().map(Token::id);
    }

    /// Records that the request gets no response, so that its writes and renewal are dropped.
    pub(super) fn abandon(&mut self, ledger: &Ledger) {
        self.account.renews = false;
        self.reset(ledger);
    }

    pub(super) fn destroy(&mut self, ledger: &Ledger) {
        self.account.doomed.extend(self.session.as_ref().and_then(Session::id));
        self.account.renews = false;
        self.reset(ledger);
    }

    /// Checks what the handle shows.
    pub(super) fn check(&self, ledger: &Ledger) {
        let Some(session) = &self.session else { return };
        let (token, number) = (self.carried.as_ref(), self.number);
        if let Some(principal) = session.principal() {
            let has_logged_in = self.account.logins.contains(&principal);
            let is_theirs = session.id().is_some_and(|id| ledger.may_show(number, token, id, &principal));
            assert!(has_logged_in || is_theirs, "request {number} shows {principal}");
        }
        let entries = KEYS.iter().map(|key| session.get::<String>(key));
        for value in entries.chain([session.peek_flash(FLASH)]) {
            if let Some(value) = value.expect("every value is a text") {
                ledger.check_seen(number, token, session, &value);
            }
        }
    }

    /// Checks what a load found, which began when the store had done `since` effects.
    pub(super) fn check_loaded(&self, store: &WatchedStore, since: u64) {
        let Some(session) = &self.session else { return };
        let Some(token) = &self.carried else {
            return assert!(session.is_new(), "a session was opened without a token");
        };
        let ledger = store.ledger();
        match session.id() {
            Some(id) => {
                assert_eq!(id, token.id());
                assert!(!ledger.has_ended(id, since), "a session was opened after its end");
                assert!(!ledger.is_dead(token, since), "a token was opened after it had been replaced");
            }
            None => {
                let is_empty = session.principal().is_none() && session.is_empty() && !session.has_flash();
                assert!(is_empty, "an empty session has contents");
                // A record that was written long after the load began has a wrong clock's time.
                let record = store.look(token.id()).filter(|_| ledger.effects == since);
                let hash = token.secret().hash(token.id());
                let opens = record.is_some_and(|record| record.secret_hash() == hash);
                assert!(!opens, "a token does not open its session");
            }
        }
    }

    /// Checks a save, or a response that keeps the request's writes, against what it promises.
    pub(super) fn saved(&mut self, ledger: &mut Ledger, before: &Account) {
        ledger.end(&before.doomed);
        // A session that a bearer request ends has no successor (`SessionsBuilder::bearer`).
        let has_no_successor = self.by_bearer && !before.doomed.is_empty();
        if self.account.resets != before.resets || has_no_successor {
            return;
        }
        let deeds = ledger.deeds.entry(self.number).or_default();
        let added = deeds.added - self.account.added_before;
        assert!(deeds.is_muddled || added >= before.due, "{added} of {} were added", before.due);
        for (key, value) in &before.values {
            if value.is_some() && self.account.values.get(key) == Some(value) {
                assert_eq!(deeds.stored.get(*key), value.as_ref(), "a value was not stored");
            }
        }
    }

    /// Records the result of a call. Unless the store was unreachable, a failure drops the unsaved
    /// writes.
    pub(super) fn returned(&mut self, ledger: &Ledger, result: Result<(), Error>) {
        if result.is_err_and(|error| error.kind() != ErrorKind::StoreUnavailable) {
            self.account.renews = false;
            self.reset(ledger);
        }
    }

    /// Records the result of `take`: a value goes to one request only, unless an answer was lost.
    pub(super) fn took(&mut self, ledger: &mut Ledger, result: Result<Option<String>, Error>) {
        let id = self.session.as_ref().and_then(Session::id);
        match result {
            Ok(Some(value)) if !ledger.has_doubts => id.into_iter().for_each(|id| ledger.took(id, &value)),
            result => self.returned(ledger, result.map(drop)),
        }
    }

    /// Checks a response, and returns the value of its `Set-Cookie`.
    pub(super) fn answered(
        &mut self,
        store: &WatchedStore,
        task: &Task,
        result: Result<SessionHeaders, CommitError>,
    ) -> Option<String> {
        let Stage::Ending { keeps, .. } = std::mem::replace(&mut self.stage, Stage::Over) else {
            unreachable!("a response has a beginning")
        };
        let error = result.as_ref().err().map(CommitError::kind);
        let mut ledger = store.ledger();
        let mut headers = match result {
            Ok(headers) => {
                match keeps {
                    true => self.saved(&mut ledger, &task.before),
                    false => ledger.end(&task.before.doomed),
                }
                // A failed response drops refused writes, and the renewal that was one of them.
                if keeps || !self.account.drops_saves {
                    self.check_renewed(store, &ledger, &task.before);
                }
                headers
            }
            Err(error) => error.into_parts().1,
        };
        self.account.renews = false;
        self.reset(&ledger);
        let cookie = headers.take_set_cookie()?;
        assert!(!self.by_bearer, "a response to a bearer token sets a cookie");
        let lost = [Some(ErrorKind::Gone), Some(ErrorKind::TooManySessions)];
        assert!(!lost.contains(&error), "the loser of a race got a cookie");
        match token_of(&cookie) {
            None => {
                assert_eq!(error, None, "an error removes the cookie");
                let token = self.carried.as_ref().expect("a cookie is removed only if there is one");
                // A record that was written long after the load began has a wrong clock's time.
                let latest = self.began.after(Record::CLOCK_TOLERANCE);
                let is_known = store.look(token.id()).is_none_or(|record| record.last_seen() <= latest);
                if is_known {
                    assert!(!opens(store, token), "the cookie of a live session was removed");
                    ledger.bury(token);
                }
            }
            Some(token) => self.check_cookie(store, &ledger, task, &token),
        }
        Some(cookie)
    }

    /// After a login or renewal, the token that the request carried opens nothing.
    fn check_renewed(&self, store: &WatchedStore, ledger: &Ledger, before: &Account) {
        let (true, Some(token)) = (before.renews && self.account.renews, &self.carried) else { return };
        let is_dead = ledger.is_dead(token, ledger.effects) || !opens(store, token);
        assert!(is_dead, "a token outlives a renewal");
    }

    /// Checks a cookie that opens a session: of the request's principal, and not replaced before.
    fn check_cookie(&self, store: &WatchedStore, ledger: &Ledger, task: &Task, token: &Token) {
        let deeds = &ledger.deeds[&self.number];
        assert!(ledger.fate_of(token).is_some(), "a cookie was sent that was never stored");
        // After a renewal whose answer was lost, the cookie of an earlier save is sent.
        let is_stale = ledger.is_dead(token, deeds.last_effect.max(task.since));
        assert!(deeds.has_doubts || !is_stale, "a cookie was sent that had been replaced");
        let Some(record) = store.look(token.id()) else { return };
        let hash = token.secret().hash(token.id());
        if record.secret_hash() == hash || record.has_successor(&hash) {
            let is_theirs = |principal: &str| {
                self.account.logins.iter().any(|login| login == principal)
                    || ledger.may_show(self.number, self.carried.as_ref(), token.id(), principal)
            };
            assert!(record.principal().is_none_or(is_theirs), "a cookie opens the session of somebody else");
        }
    }
}

/// Returns whether the token opens a live session.
fn opens(store: &WatchedStore, token: &Token) -> bool {
    let hash = token.secret().hash(token.id());
    store.look(token.id()).is_some_and(|record| record.secret_hash() == hash || record.has_successor(&hash))
}

/// Returns the token of a `Set-Cookie` value, or `None` if it removes the cookie.
pub(super) fn token_of(set_cookie: &str) -> Option<Token> {
    let value = value_of(set_cookie);
    if set_cookie.contains("Max-Age=0") {
        return None;
    }
    Some(Token::parse(value.as_bytes()).expect("a cookie contains a token"))
}

pub(super) fn value_of(set_cookie: &str) -> &str {
    let pair = set_cookie.split(';').next().unwrap_or_default();
    pair.split_once('=').map_or("", |(_, value)| value)
}

/// The head of a request with one token.
pub(super) struct Head(Option<(RequestHeader, String)>);

impl Head {
    pub(super) fn new(token: Option<&str>, by_bearer: bool) -> Self {
        Self(token.map(|token| match by_bearer {
            true => (RequestHeader::Authorization, format!("Bearer {token}")),
            false => (RequestHeader::Cookie, format!("{COOKIE}={token}")),
        }))
    }
}

impl RequestHeaders for Head {
    fn method(&self) -> &str {
        "GET"
    }

    fn target(&self) -> &str {
        "/"
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(name, _)| *name == header).map(|(_, value)| value.as_bytes())
    }
}
