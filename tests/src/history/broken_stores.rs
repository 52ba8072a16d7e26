//! Tests that the check detects stores that break the protocol.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pollster::block_on;
use sessions_core::{Error, Session, SessionId, Sessions, Timestamp};
use sessions_remote::{Answer, Engine, Failure, Options, RemoteStore, Swap, Values};
use sessions_store::Record;

use super::{Act, COUNTER, History, OWNER, Site, Told, work_until};

/// The way in which the engine breaks the protocol in some calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    Nothing,
    /// A swap replaces any value.
    SwapsAnything,
    /// A swap creates a value that was deleted.
    SwapsTheGone,
    /// A swap that was done reports a failure.
    DeniesSwaps,
    /// A swap that was not done reports success.
    PretendsSwaps,
    /// A delete that was not done reports success.
    PretendsDeletes,
    /// A load returns an earlier value.
    LoadsTheStale,
}

type Map = Mutex<HashMap<SessionId, Vec<u8>>>;

#[derive(Debug)]
struct BrokenEngine {
    map: Arc<Map>,
    stale: Arc<Map>,
    how: Break,
    calls: AtomicUsize,
}

impl BrokenEngine {
    /// Returns whether to break the protocol in this call.
    fn breaks(&self, how: Break) -> bool {
        self.how == how && self.calls.fetch_add(1, Ordering::Relaxed) % 7 == 3
    }
}

fn lock(map: &Map) -> std::sync::MutexGuard<'_, HashMap<SessionId, Vec<u8>>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine for BrokenEngine {
    const NAME: &'static str = "broken";

    async fn get(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        thread::yield_now();
        let map = if self.breaks(Break::LoadsTheStale) { &self.stale } else { &self.map };
        Ok(lock(map).get(&id).cloned())
    }

    async fn insert(&self, new: &Record) -> Answer<bool> {
        lock(&self.stale).insert(new.id(), new.as_bytes().to_vec());
        Ok(lock(&self.map).insert(new.id(), new.as_bytes().to_vec()).is_none())
    }

    async fn swap(&self, before: &Record, after: &Record, _: Timestamp) -> Answer<Swap> {
        thread::yield_now();
        if self.breaks(Break::PretendsSwaps) {
            return Ok(Swap::Done);
        }
        let mut map = lock(&self.map);
        let current = map.get(&after.id()).cloned();
        match current {
            Some(value) if !value.starts_with(before.mark()) && !self.breaks(Break::SwapsAnything) => {
                return Ok(Swap::Changed(value));
            }
            Some(value) => drop(lock(&self.stale).insert(after.id(), value)),
            None if self.breaks(Break::SwapsTheGone) => {}
            None => return Ok(Swap::Missing),
        }
        map.insert(after.id(), after.as_bytes().to_vec());
        if self.breaks(Break::DeniesSwaps) { Err(Failure::unreached("nothing was done")) } else { Ok(Swap::Done) }
    }

    async fn delete(&self, id: SessionId) -> Answer<Option<Vec<u8>>> {
        let is_pretended = self.breaks(Break::PretendsDeletes);
        let mut map = lock(&self.map);
        Ok(if is_pretended { map.get(&id).cloned() } else { map.remove(&id) })
    }

    async fn of_principal(&self, _: &str, _: Option<&[u8]>) -> Answer<Values> {
        Ok(Values::default())
    }

    async fn delete_of_principal(&self, _: &str, _: Option<SessionId>) -> Answer<Vec<SessionId>> {
        Ok(Vec::new())
    }

    async fn page(&self, _: Option<&[u8]>, _: usize) -> Answer<Values> {
        Ok(Values::default())
    }

    async fn count(&self) -> Answer<u64> {
        Ok(lock(&self.map).len() as u64)
    }

    async fn delete_all(&self) -> Answer<u64> {
        Ok(lock(&self.map).drain().count() as u64)
    }

    async fn sweep(&self, _: usize, _: Timestamp) -> Answer<Vec<SessionId>> {
        Ok(Vec::new())
    }
}

/// Managers in this process, each with its own handle on the store.
struct Managers(Vec<Sessions>);

impl Managers {
    fn new(how: Break) -> Self {
        let (map, stale) = (Arc::default(), Arc::default());
        let manager = |_| {
            let (map, stale) = (Arc::clone(&map), Arc::clone(&stale));
            let engine = BrokenEngine { map, stale, how, calls: AtomicUsize::new(0) };
            let store = RemoteStore::new(engine, Options::default()).unwrap();
            Sessions::builder().store(store).sweep_every(None).build().unwrap()
        };
        Self((0..2).map(manager).collect())
    }

    /// Carries out a request, and returns what its handler returned and whether a cookie was set.
    fn visit<T>(
        &self,
        server: usize,
        token: Option<&str>,
        handle: impl FnOnce(&Session) -> Result<T, Error>,
    ) -> Result<(T, Option<String>), Error> {
        let exchange = self.0[server].open();
        let cookie = token.map(|token| format!("{}={token}", self.0[server].cookie_name()).into_bytes());
        let session = block_on(exchange.session(cookie.as_deref()))?;
        let result = handle(&session);
        drop(session);
        let mut headers = block_on(exchange.end(if result.is_ok() { 200 } else { 500 })).map_err(Error::from)?;
        let cookie = headers.take_set_cookie().map(|cookie| cookie.as_str().to_owned());
        Ok((result?, cookie))
    }
}

impl Site for Managers {
    fn servers(&self) -> usize {
        self.0.len()
    }

    fn sign_in(&self, server: usize, user: &str) -> Option<String> {
        let (_, cookie) = self.visit(server, None, |session| session.login(user)).ok()?;
        let cookie = cookie?;
        let (_, value) = cookie.split(';').next()?.split_once('=')?;
        Some(value.to_owned())
    }

    fn perform(&self, server: usize, token: &str, act: &Act) -> Told {
        let visited = self.visit(server, Some(token), |session| {
            Ok(match act {
                Act::Put { key, value } => session.set(key, value).map(|()| Told::Done)?,
                Act::Increment => session.increment(COUNTER, 1).map(|_| Told::Done)?,
                Act::Read => {
                    let entries = session.entries().into_iter();
                    Told::Entries(
                        entries.map(|(key, value)| (key, value.lenient().text().unwrap_or_default())).collect(),
                    )
                }
                Act::SetFlash { value } => session.set_flash("f", value).map(|()| Told::Done)?,
                Act::TakeFlash => Told::Flash(session.flash("f")?),
                Act::SignOut => {
                    session.destroy();
                    Told::Done
                }
            })
        });
        match visited {
            Ok((Told::Entries(entries), _)) if !entries.contains_key(OWNER) => Told::Ended,
            // A write that began a new session did not change this one.
            Ok((Told::Done, Some(_))) if *act != Act::SignOut => Told::Ended,
            Ok((told, _)) => told,
            Err(error) if error.status() == 401 => Told::Ended,
            Err(_) => Told::Unknown,
        }
    }
}

/// Runs clients until a violation is found, or the time is over.
fn violations(how: Break, time: Duration) -> Vec<String> {
    let site = Managers::new(how);
    let begun = Instant::now();
    loop {
        let (history, is_over) = (History::default(), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| work_until(&is_over, &history, &site, 2));
            while history.len() < 3000 && begun.elapsed() < time {
                thread::yield_now();
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let found = history.violations();
        if !found.is_empty() || begun.elapsed() > time {
            return found;
        }
    }
}

#[test]
fn a_correct_store_has_no_violations() {
    let found = violations(Break::Nothing, Duration::from_secs(2));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_break_of_the_protocol_is_detected() {
    let breaks = [
        Break::SwapsAnything,
        Break::SwapsTheGone,
        Break::DeniesSwaps,
        Break::PretendsSwaps,
        Break::PretendsDeletes,
        Break::LoadsTheStale,
    ];
    for how in breaks {
        assert!(!violations(how, Duration::from_secs(30)).is_empty(), "{how:?} is not detected");
    }
}
