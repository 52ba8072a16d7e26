//! Sample records for the cases, and calls that panic where a store fails.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sessions_store::{
    Changes, Created, Record, RecordBuilder, Refusal, SecretHash, SessionId, StoreError, StoreErrorKind, Timestamp,
};

use crate::subject::Subject;

/// The secret of every sample record.
pub(crate) const SECRET: SecretHash = SecretHash::from_bytes([0x5e; 32]);
/// The secret that replaces [`SECRET`] in a renewal.
pub(crate) const NEW_SECRET: SecretHash = SecretHash::from_bytes([0xa7; 32]);
/// A secret of no record. It differs from [`SECRET`] in one bit.
pub(crate) const WRONG_SECRET: SecretHash = {
    let mut bytes = *SECRET.as_bytes();
    bytes[31] ^= 1;
    SecretHash::from_bytes(bytes)
};
/// The idle timeout of every sample record.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
/// A shorter idle timeout, still longer than any test takes.
pub(crate) const BRIEF: Duration = Duration::from_secs(5 * 60);
/// The absolute timeout of every sample record.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// Longer than the span of the times in any case.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// Returns the time at which a case starts: the present.
///
/// An engine with a clock of its own then finds nothing expired. Later times are up to the case.
pub(crate) fn start() -> Timestamp {
    SystemTime::now().into()
}

/// Returns the time at which a case that sweeps starts.
///
/// It is in the past, so that records that expire in the case have also expired by the wall clock:
/// some engines remove only what has expired by both. For an engine that expires records by itself,
/// it is the present.
pub(crate) fn long_ago(subject: &Subject) -> Timestamp {
    let now = SystemTime::now();
    if subject.expires_by_itself() { now.into() } else { (now - MONTH).into() }
}

/// Returns an id that no other call has returned.
pub(crate) fn fresh_id() -> SessionId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let random = RandomState::new().hash_one(number);
    SessionId::from_bytes((u128::from(random) << 64 | u128::from(number)).to_be_bytes())
}

/// Starts an anonymous record with the usual timeouts.
pub(crate) fn draft<'a>(id: SessionId, now: Timestamp) -> RecordBuilder<'a> {
    Record::builder(id, SECRET, now).idle(Some(IDLE)).absolute_deadline(now.after(LIFE))
}

/// Returns an old record of a session.
pub(crate) fn old_record(id: SessionId, now: Timestamp) -> Record {
    built(draft(id, now).entry("old", b"1"))
}

pub(crate) fn built(draft: RecordBuilder<'_>) -> Record {
    draft.build().expect("a sample record fits its format")
}

/// Starts changes of a request that has the usual secret.
pub(crate) fn changes(now: Timestamp) -> Changes {
    Changes::new(now, SECRET)
}

/// Returns the answer of a call that must succeed.
pub(crate) fn answered<T>(answer: Result<T, StoreError>) -> T {
    answer.unwrap_or_else(|error| panic!("the store failed: {error} ({:?})", error.kind()))
}

/// Calls that must succeed.
impl Subject {
    /// Loads a live record. A store may return an expired one, which counts as none.
    pub(crate) async fn load(&self, id: SessionId, now: Timestamp) -> Option<Record> {
        answered(self.store().load(id, now).await).filter(|record| record.is_live(now))
    }

    /// Loads a record that must exist.
    pub(crate) async fn find(&self, id: SessionId, now: Timestamp) -> Record {
        self.load(id, now).await.expect("the session is live and stored")
    }

    pub(crate) async fn create(&self, record: &Record) -> Created {
        answered(self.store().create(record).await)
    }

    /// Creates a record, for which there must be room.
    pub(crate) async fn put(&self, draft: RecordBuilder<'_>) -> Record {
        let record = built(draft);
        assert_eq!(self.create(&record).await, Created::STORED);
        record
    }

    /// Creates an anonymous, empty record with the usual timeouts.
    pub(crate) async fn begin(&self, now: Timestamp) -> SessionId {
        self.put(draft(fresh_id(), now)).await.id()
    }

    /// Creates an empty record with the usual timeouts and a principal.
    pub(crate) async fn begin_of(&self, principal: &str, now: Timestamp) -> SessionId {
        self.put(draft(fresh_id(), now).principal(Some(principal))).await.id()
    }

    /// Commits changes of a request that has loaded the record.
    pub(crate) async fn commit(&self, id: SessionId, changes: &Changes) -> Result<(), Refusal> {
        self.commit_on(&self.base(id, changes.now()).await, changes).await
    }

    /// Commits changes of a request that has loaded `base`, perhaps long ago.
    pub(crate) async fn commit_on(&self, base: &Record, changes: &Changes) -> Result<(), Refusal> {
        answered(self.store().commit(base, changes).await).map(|new| assert_eq!(new.id(), base.id()))
    }

    /// Commits changes that must be applied.
    pub(crate) async fn apply(&self, id: SessionId, changes: &Changes) {
        assert_eq!(self.commit(id, changes).await, Ok(()), "of {changes:?}");
    }

    /// Returns the record that a request has loaded: the stored one, or else an old one.
    pub(crate) async fn base(&self, id: SessionId, now: Timestamp) -> Record {
        self.store().load(id, now).await.ok().flatten().unwrap_or_else(|| old_record(id, now))
    }

    pub(crate) async fn destroy(&self, id: SessionId) -> bool {
        answered(self.store().destroy(id).await)
    }

    /// Returns the ids of a principal's live sessions, sorted.
    pub(crate) async fn ids_of(&self, principal: &str, now: Timestamp) -> Vec<SessionId> {
        let records = answered(self.store().of_principal(principal, now).await);
        assert!(records.iter().all(|record| record.principal() == Some(principal)));
        sorted(records.iter().map(Record::id))
    }

    pub(crate) async fn count(&self) -> u64 {
        answered(self.store().count().await)
    }

    pub(crate) async fn destroy_all(&self) -> u64 {
        answered(self.store().destroy_all().await)
    }

    pub(crate) async fn sweep(&self, limit: usize, now: Timestamp) -> Vec<SessionId> {
        answered(self.store().sweep(limit, now).await)
    }

    /// Lists all live sessions, page by page.
    pub(crate) async fn listed(&self, limit: usize, now: Timestamp) -> Vec<SessionId> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        for _ in 0..10_000 {
            let page = answered(self.store().scan(cursor, limit, now).await);
            ids.extend(page.records.iter().map(Record::id));
            cursor = page.next;
            if cursor.is_none() {
                return sorted(ids);
            }
        }
        panic!("a listing must end");
    }
}

pub(crate) fn sorted(ids: impl IntoIterator<Item = SessionId>) -> Vec<SessionId> {
    let mut ids: Vec<_> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Checks that two records have the same content, in any order.
pub(crate) fn assert_same(found: &Record, expected: &Record) {
    assert_eq!(found.id(), expected.id());
    assert_eq!(found.secret_hash(), expected.secret_hash());
    assert_eq!(found.created(), expected.created(), "created");
    assert_eq!(found.last_seen(), expected.last_seen(), "last seen");
    assert_eq!(found.lifetime(), expected.lifetime());
    assert_eq!(found.signed_in_at(), expected.signed_in_at(), "time of signing in");
    assert_eq!(found.version(), expected.version(), "version");
    assert_eq!(found.principal(), expected.principal(), "principal");
    assert_eq!(entries(found), entries(expected));
    assert_eq!(flashes(found), flashes(expected));
}

/// An entry: its key, its value, and whether it is immutable.
pub(crate) type Line<'a> = (&'a str, &'a [u8], bool);

/// Returns a record's entries, sorted.
pub(crate) fn entries(record: &Record) -> Vec<Line<'_>> {
    let mut lines: Vec<_> = record.entries().map(|entry| (entry.key(), entry.value(), entry.is_immutable())).collect();
    lines.sort_unstable();
    lines
}

/// Returns a record's flashes, sorted.
pub(crate) fn flashes(record: &Record) -> Vec<(&str, &[u8])> {
    let mut lines: Vec<_> = record.flashes().collect();
    lines.sort_unstable();
    lines
}

/// Returns the value of an entry that must exist.
pub(crate) fn value<'a>(record: &'a Record, key: &str) -> &'a [u8] {
    record.entry(key).unwrap_or_else(|| panic!("there is an entry {key:?}")).value()
}

/// Checks that a call failed with an error of a kind.
pub(crate) fn assert_fails<T>(answer: &Result<T, StoreError>, kind: StoreErrorKind) {
    assert_eq!(answer.as_ref().err().map(StoreError::kind), Some(kind));
}
