//! A simple store, bytes under a lock, that can break one promise of the contract.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::thread;

use sessions_conformance::Damage;
use sessions_store::{
    AsyncStore, Change, Changes, Created, Cursor, FromAsync, Limits, Page, Record, RecordBuilder, RecordError, Refusal,
    SecretHash, SessionId, StoreError, Timestamp, Verb,
};

use crate::fault::Fault;

pub(crate) type Records = Arc<Mutex<BTreeMap<SessionId, Vec<u8>>>>;

/// A handle on the records.
#[derive(Debug)]
pub(crate) struct Bytes {
    records: Records,
    fault: Fault,
    remembered: Mutex<BTreeMap<SessionId, Record>>,
    has_ended_many: AtomicBool,
}

/// Waits once, so that the future can be dropped here.
async fn pause() {
    let mut is_first = true;
    poll_fn(|context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    thread::yield_now();
}

/// Damages a record in place, as a bad disk or a newer build would.
pub(crate) fn damage(records: &Records, id: SessionId, damage: Damage) {
    let mut records = records.lock().unwrap();
    let bytes = records.get_mut(&id).unwrap();
    match damage {
        Damage::NewerFormat => bytes[0] = 200,
        _ => bytes.truncate(bytes.len() / 2),
    }
}

/// Reads a record whose format [`damage`] may have changed. This replaces an index of principals.
fn as_this_format(bytes: &[u8]) -> Option<Record> {
    let mut bytes = bytes.to_vec();
    bytes[0] = 1;
    Record::decode(bytes).ok()
}

impl Bytes {
    pub(crate) fn new(records: &Records, fault: Fault) -> FromAsync<Self> {
        FromAsync::new(Self {
            records: Arc::clone(records),
            fault,
            remembered: Mutex::default(),
            has_ended_many: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionId, Vec<u8>>> {
        self.records.lock().unwrap()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn read(&self, bytes: &[u8]) -> Result<Record, StoreError> {
        let name = if self.has(Fault::ErrorsNameNobody) { "" } else { self.name() };
        let unreadable = |error: RecordError| StoreError::new(name, error.store_error_kind()).caused_by(error);
        Record::decode(bytes).map_err(unreadable)
    }

    fn get(&self, id: SessionId) -> Result<Option<Record>, StoreError> {
        self.lock().get(&id).map(|bytes| self.read(bytes)).transpose()
    }

    fn apply(&self, record: &Record, changes: &Changes) -> Result<Record, Refusal> {
        let mut told = changes.clone();
        if self.has(Fault::CommitIgnoresSecrets) {
            told = rebuilt(changes, changes.now(), record.secret_hash(), |changes, change| repeat(changes, &change));
        }
        if self.has(Fault::CommitIgnoresDeadlines) {
            told = rebuilt(changes, record.last_seen(), *changes.expected_secret(), |changes, change| {
                repeat(changes, &change)
            });
        }
        if self.has(Fault::ClearsAreForgotten) {
            told = changes
                .iter()
                .fold(head(changes, changes.now(), *changes.expected_secret()), |told, change| repeat(told, &change));
        }
        if self.has(Fault::ValuesAreText) || self.has(Fault::KeysAreTrimmed) || self.has(Fault::IncrementsAreFloats) {
            told = rebuilt(changes, changes.now(), *changes.expected_secret(), |changes, change| {
                self.mangle(changes, record, change)
            });
        }
        if self.has(Fault::CommitIgnoresLimits) {
            told = told.limited_to(Limits::FORMAT);
        }
        let new = record.apply(&told);
        if self.has(Fault::ConflictAppliesTheRest) && new == Err(Refusal::Conflict) {
            return record.apply(&Changes::new(changes.now(), *changes.expected_secret()));
        }
        Ok(self.after(record, new?))
    }

    fn mangle(&self, changes: Changes, record: &Record, change: Change<'_>) -> Changes {
        let (key, value) = (change.key(), change.value);
        match change.verb {
            Verb::Set if self.has(Fault::ValuesAreText) => changes.set(key, String::from_utf8_lossy(value).as_bytes()),
            Verb::Set if self.has(Fault::KeysAreTrimmed) => changes.set(key.trim(), value),
            Verb::Increment if self.has(Fault::IncrementsAreFloats) => {
                let old = record
                    .entry(key)
                    .map_or(0.0, |entry| std::str::from_utf8(entry.value()).unwrap().parse::<f64>().unwrap());
                changes.set(key, (old + change.by as f64).to_string().as_bytes())
            }
            _ => repeat(changes, &change),
        }
    }

    /// Returns a new record as the fault changes it.
    fn after(&self, old: &Record, new: Record) -> Record {
        let principal = match self.fault {
            Fault::CommitForgetsThePrincipal if old.principal() == new.principal() => None,
            Fault::FirstBindingsStay => old.principal().or(new.principal()),
            _ => new.principal(),
        };
        if principal != new.principal() {
            return copy(&new).principal(principal).build().unwrap();
        }
        let forgets_idle = self.has(Fault::CommitForgetsTheIdleLimit) && old.version() > 0;
        let restarts = self.has(Fault::CommitRestartsTheAbsoluteDeadline);
        if !forgets_idle && !restarts {
            return new;
        }
        let idle = if forgets_idle { Some(std::time::Duration::from_secs(1800)) } else { new.lifetime().idle() };
        let draft = copy(&new).idle(idle);
        let life = new.lifetime().absolute_deadline().since(new.created());
        if restarts { draft.absolute_deadline(new.last_seen().after(life)).build() } else { draft.build() }.unwrap()
    }

    fn change(&self, base: &Record, changes: &Changes) -> Result<Result<Record, Refusal>, StoreError> {
        let id = base.id();
        let mut records = self.lock();
        let Some(bytes) = records.get_mut(&id) else {
            if self.has(Fault::CommitMakesRecords) {
                let record = Record::builder(id, *changes.expected_secret(), changes.now()).build().unwrap();
                records.insert(id, record.as_bytes().to_vec());
                return Ok(Ok(record));
            }
            return Ok(Err(Refusal::Gone));
        };
        let stored = self.read(bytes)?;
        let before = if self.has(Fault::CommitChangesTheBase) { base } else { &stored };
        let applied = self.apply(before, changes);
        if let Ok(record) = &applied {
            *bytes = record.as_bytes().to_vec();
            if self.has(Fault::CommitChangesAll) {
                self.change_others(&mut records, id, changes);
            }
        }
        Ok(if self.has(Fault::CommitReturnsTheBase) { applied.map(|_| base.clone()) } else { applied })
    }

    fn change_others(&self, records: &mut BTreeMap<SessionId, Vec<u8>>, id: SessionId, changes: &Changes) {
        for (_, bytes) in records.iter_mut().filter(|(other, _)| **other != id) {
            if let Ok(Ok(new)) = self.read(bytes).map(|record| record.apply(changes)) {
                *bytes = new.as_bytes().to_vec();
            }
        }
    }

    /// Empties the records of the sessions to end, if the fault ends them in two steps.
    async fn empty_first(&self, ends: impl Fn(&Record) -> bool) {
        if !self.has(Fault::EndsAreTwoSteps) {
            return;
        }
        for bytes in self.lock().values_mut() {
            if let Ok(record) = self.read(bytes).as_ref()
                && ends(record)
            {
                let emptied = Record::builder(record.id(), record.secret_hash(), record.created());
                *bytes = emptied.principal(record.principal()).build().unwrap().as_bytes().to_vec();
            }
        }
        pause().await;
    }

    fn all(&self) -> Result<Vec<Record>, StoreError> {
        if self.has(Fault::DamageStopsListings) {
            return self.all_or_none();
        }
        Ok(self.lock().values().flat_map(|bytes| self.read(bytes)).collect())
    }

    fn all_or_none(&self) -> Result<Vec<Record>, StoreError> {
        self.lock().values().map(|bytes| self.read(bytes)).collect()
    }

    fn are_one(&self, name: Option<&str>, principal: &str) -> bool {
        if self.has(Fault::PrincipalsArePrefixes) {
            return name.is_some_and(|name| name.starts_with(principal));
        }
        name == Some(principal)
    }
}

fn copy(record: &Record) -> RecordBuilder<'_> {
    let draft = Record::builder(record.id(), record.secret_hash(), record.created())
        .last_seen(record.last_seen())
        .lifetime(record.lifetime())
        .version(record.version())
        .principal(record.principal())
        .signed_in_at(record.signed_in_at());
    let draft = record.entries().fold(draft, |draft, entry| draft.entry(entry.key(), entry.value()));
    record.flashes().fold(draft, |draft, (key, value)| draft.flash(key, value))
}

/// Copies changes, passing each through `edit`.
fn rebuilt(
    changes: &Changes,
    now: Timestamp,
    secret: SecretHash,
    edit: impl Fn(Changes, Change<'_>) -> Changes,
) -> Changes {
    let mut copy = head(changes, now, secret);
    if changes.clears_entries() {
        copy = copy.clear_entries();
    }
    if changes.clears_flashes() {
        copy = copy.clear_flashes();
    }
    changes.iter().fold(copy, edit)
}

/// Copies changes without those of single keys.
fn head(changes: &Changes, now: Timestamp, secret: SecretHash) -> Changes {
    let mut copy = Changes::new(now, secret).limited_to(changes.limits());
    if let Some(secret) = changes.new_secret() {
        copy = copy.renew(*secret);
    }
    if let Some(principal) = changes.new_principal() {
        copy = copy.bind(principal);
    }
    if let Some((secret, unless_since)) = changes.rotation() {
        copy = copy.rotate(*secret, unless_since);
    }
    if let Some(lifetime) = changes.new_lifetime() {
        copy = copy.lifetime(lifetime);
    }
    if changes.confirms() {
        copy = copy.confirm();
    }
    copy
}

fn repeat(changes: Changes, change: &Change<'_>) -> Changes {
    let (key, value) = (change.key(), change.value);
    match change.verb {
        Verb::Require => changes.require(key, Some(value)),
        Verb::RequireAbsent => changes.require(key, None),
        Verb::Set => changes.set(key, value),
        Verb::SetImmutable => changes.set_immutable(key, value),
        Verb::Remove => changes.remove(key),
        Verb::Increment => changes.increment(key, change.by),
        Verb::SetFlash => changes.set_flash(key, value),
        Verb::RemoveFlash | Verb::SpendFlash => changes.remove_flash(key),
        Verb::ConsumeFlash => changes.consume_flash(key, value),
        _ => panic!("this store does not support the change"),
    }
}

impl AsyncStore for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    async fn load(&self, id: SessionId, now: Timestamp) -> Result<Option<Record>, StoreError> {
        pause().await;
        if self.has(Fault::HandlesRemember)
            && let Some(record) = self.remembered.lock().unwrap().get(&id)
        {
            return Ok(Some(record.clone()));
        }
        let record = match self.get(id) {
            Err(_) if self.has(Fault::DamageIsNone) => None,
            record => record?,
        };
        if self.has(Fault::EmptyRecordsAreNone) {
            return Ok(record.filter(|record| record.entries().count() + record.flashes().count() > 0));
        }
        if let Some(record) = &record {
            self.remembered.lock().unwrap().insert(id, record.clone());
            if self.has(Fault::LoadTouches) {
                let _ = self.change(record, &Changes::new(now, record.secret_hash()))?;
            }
        }
        Ok(record)
    }

    async fn create(&self, record: Record) -> Result<Created, StoreError> {
        pause().await;
        let mut records = self.lock();
        if records.contains_key(&record.id()) && !self.has(Fault::CreateOverwrites) {
            return Ok(Created::Exists);
        }
        if self.has(Fault::EndsKeepTheRoom) && self.has_ended_many.load(Ordering::SeqCst) {
            return Ok(Created::Full);
        }
        let stored = match self.fault {
            // Whether an entry is immutable.
            Fault::CreateDropsParts => copy(&record).build().unwrap(),
            Fault::CreateLimitsTimeouts => {
                let year = std::time::Duration::from_secs(365 * 86_400);
                let idle = record.lifetime().idle().unwrap_or(year).min(year);
                copy(&record).idle(Some(idle)).build().unwrap()
            }
            _ => record,
        };
        records.insert(stored.id(), stored.as_bytes().to_vec());
        if self.has(Fault::EndsAreRepeated) && self.has_ended_many.swap(false, Ordering::SeqCst) {
            records.clear();
        }
        Ok(Created::STORED)
    }

    async fn commit(&self, base: Record, changes: Changes) -> Result<Result<Record, Refusal>, StoreError> {
        let id = base.id();
        pause().await;
        if self.has(Fault::CommitReadsThenWrites) {
            let Some(record) = self.get(id)? else { return Ok(Err(Refusal::Gone)) };
            thread::yield_now();
            let Ok(new) = record.apply(&changes) else { return Ok(Err(Refusal::Gone)) };
            self.lock().insert(id, new.as_bytes().to_vec());
            return Ok(Ok(new));
        }
        if self.has(Fault::CommitIsTwoSteps) {
            let half = Changes::new(changes.now(), *changes.expected_secret());
            let half = changes.iter().fold(half, |half, change| repeat(half, &change));
            if self.change(&base, &half)?.is_err() {
                return Ok(Err(Refusal::Gone));
            }
            pause().await;
            return self.change(&base, &rebuilt(&changes, changes.now(), *changes.expected_secret(), |rest, _| rest));
        }
        self.change(&base, &changes)
    }

    async fn destroy(&self, id: SessionId) -> Result<bool, StoreError> {
        pause().await;
        self.empty_first(|record| record.id() == id).await;
        let mut records = self.lock();
        if self.has(Fault::NewerFormatsSurviveLogouts) && records.get(&id).is_some_and(|bytes| bytes[0] > 1) {
            return Ok(false);
        }
        Ok(records.remove(&id).is_some() || self.has(Fault::DestroyIsSilent))
    }

    async fn destroy_all(&self) -> Result<u64, StoreError> {
        pause().await;
        self.empty_first(|_| true).await;
        self.has_ended_many.store(true, Ordering::SeqCst);
        if self.has(Fault::DestroyAllSparesTheBusy) {
            let seen = self.lock().clone();
            thread::yield_now();
            self.lock().retain(|id, bytes| seen.get(id) != Some(bytes));
            return Ok(seen.len() as u64);
        }
        Ok(std::mem::take(&mut *self.lock()).len() as u64)
    }

    async fn of_principal(&self, principal: String, now: Timestamp) -> Result<Vec<Record>, StoreError> {
        pause().await;
        let mut records = self.all()?;
        records.retain(|record| {
            self.are_one(record.principal(), &principal)
                && (record.is_live(now) || self.has(Fault::PrincipalsKeepTheExpired))
        });
        Ok(records)
    }

    async fn destroy_of_principal(
        &self,
        principal: String,
        except: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        pause().await;
        if self.has(Fault::DamageStopsLogouts) {
            self.all_or_none()?;
        }
        self.empty_first(|record| self.are_one(record.principal(), &principal)).await;
        self.has_ended_many.store(true, Ordering::SeqCst);
        let except = except.filter(|_| !self.has(Fault::SparesNobody));
        let ends = |id: &SessionId, bytes: &[u8]| {
            let is_blind = self.has(Fault::NewerFormatsSurviveLogouts);
            let record = if is_blind { self.read(bytes).ok() } else { as_this_format(bytes) };
            record.is_some_and(|record| self.are_one(record.principal(), &principal)) && Some(*id) != except
        };
        let mut records = self.lock();
        let ended: Vec<_> = records.iter().filter(|(id, bytes)| ends(id, bytes)).map(|(id, _)| *id).collect();
        let spared = except.and_then(|id| Some((id, records.get(&id)?.clone())));
        if self.has(Fault::LogoutsLookOnce) || self.has(Fault::SparedSessionsAreRestored) {
            drop(records);
            thread::yield_now();
            records = self.lock();
        }
        ended.iter().for_each(|id| drop(records.remove(id)));
        if self.has(Fault::SparedSessionsAreRestored) {
            records.extend(spared);
        }
        Ok(ended)
    }

    async fn count_of_principal(&self, principal: String, now: Timestamp) -> Result<u64, StoreError> {
        let count = self.of_principal(principal, now).await?.len() as u64;
        Ok(if self.has(Fault::PrincipalsAreMiscounted) { count.min(10) } else { count })
    }

    async fn count(&self) -> Result<u64, StoreError> {
        pause().await;
        let count = self.lock().len() as u64;
        Ok(if self.has(Fault::CountIsOff) && count > 1 { count - 1 } else { count })
    }

    async fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> Result<Page, StoreError> {
        pause().await;
        let after = from.map(|cursor| SessionId::from_bytes(cursor.as_bytes().try_into().unwrap()));
        let mut records = self.all()?;
        records.retain(|record| Some(record.id()) > after && record.is_live(now));
        let limit = if self.has(Fault::ScanTakesItsLimit) { limit } else { limit.max(1) };
        let is_last = records.len() <= limit;
        records.truncate(limit);
        let next = records.last().filter(|_| !is_last).map(|record| Cursor::from_bytes(*record.id().as_bytes()));
        if self.has(Fault::ScanSkips) && next.is_some() {
            records.pop();
        }
        Ok(Page::new(records, next))
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        pause().await;
        if self.has(Fault::DamageStopsSweeps) {
            self.all_or_none()?;
        }
        self.empty_first(|record| record.has_expired(now)).await;
        let limit = if self.has(Fault::SweepIgnoresItsLimit) { usize::MAX } else { limit };
        let mut records = self.lock();
        let newer = |bytes: &[u8]| self.has(Fault::NewerFormatsAreSwept) && bytes[0] > 1;
        let has_expired = |bytes: &[u8]| {
            self.read(bytes).map_or(newer(bytes), |record| {
                record.has_expired(now) && (record.version() == 0 || !self.has(Fault::SweepKnowsFirstDeadlines))
            })
        };
        let expired = records.iter().filter(|(_, bytes)| has_expired(bytes)).map(|(id, _)| *id);
        let expired: Vec<_> = expired.take(limit).collect();
        if self.has(Fault::SweepLooksOnce) {
            drop(records);
            thread::yield_now();
            records = self.lock();
        }
        if !self.has(Fault::SweepOnlyReports) {
            expired.iter().for_each(|id| drop(records.remove(id)));
        }
        Ok(expired)
    }
}
