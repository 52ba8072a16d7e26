//! A store and its model, and the effect of each step on both.

use std::array;
use std::collections::{BTreeMap, BTreeSet};

use sessions_store::{Changes, Created, Record, Refusal, SecretHash, SessionId, StoreError, Timestamp};

use super::sequence::{Edit, Kind, Opening, PRINCIPALS, SESSIONS, Step};
use crate::fixtures::{BRIEF, built, draft, entries, flashes, fresh_id, long_ago, old_record, sorted};
use crate::subject::Subject;

/// A result whose error is a message; a panic would prevent the search for a smaller sequence.
type Played<T = ()> = Result<T, String>;

macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}

/// A store, and the records that it must have.
pub(super) struct World<'a> {
    subject: &'a Subject,
    ids: [SessionId; SESSIONS],
    now: Timestamp,
    /// The records, including expired ones that the store may not have removed yet.
    records: BTreeMap<SessionId, Record>,
}

impl<'a> World<'a> {
    /// Runs a sequence with new ids on an empty store, and empties it afterwards.
    pub(super) async fn play(subject: &'a Subject, steps: &[Step]) -> Played {
        let mut world =
            Self { subject, ids: array::from_fn(|_| fresh_id()), now: long_ago(subject), records: BTreeMap::default() };
        let mut played = Ok(());
        for (number, step) in steps.iter().enumerate() {
            played = world.step(step).await.map_err(|why| format!("step {number}: {why}"));
            if played.is_err() {
                break;
            }
        }
        if played.is_ok() {
            played = world.check_all().await.map_err(|why| format!("after the last step: {why}"));
        }
        answered(subject.store().destroy_all().await)?;
        played
    }

    async fn step(&mut self, step: &Step) -> Played {
        match step {
            Step::Create { session, brief, principal, slots } => {
                let mut record = draft(self.ids[*session], self.now).principal(*principal);
                if *brief {
                    record = record.idle(Some(BRIEF));
                }
                for (key, (kind, value)) in slots {
                    record = match kind {
                        Kind::Entry => record.entry(key, value),
                        Kind::Immutable => record.immutable(key, value),
                        Kind::Flash => record.flash(key, value),
                    };
                }
                self.create(built(record)).await
            }
            Step::Commit { session, opening, late_by, edits } => {
                self.commit(self.ids[*session], *opening, *late_by, edits).await
            }
            Step::Load { session } => self.check(self.ids[*session]).await,
            Step::Destroy { session } => self.destroy(self.ids[*session]).await,
            Step::DestroyOfPrincipal { principal, except } => {
                self.destroy_of_principal(principal, except.map(|session| self.ids[session])).await
            }
            Step::OfPrincipal(principal) => self.check_principal(principal).await,
            Step::List { limit } => self.check_listing(*limit).await,
            Step::Sweep { limit } => self.sweep(*limit).await,
            Step::Advance(time) => {
                self.now = self.now.after(*time);
                Ok(())
            }
        }
    }

    /// Returns the record of a live session.
    fn live(&self, id: SessionId, now: Timestamp) -> Option<&Record> {
        self.records.get(&id).filter(|record| !record.has_expired(now))
    }

    async fn create(&mut self, record: Record) -> Played {
        let id = record.id();
        let created = answered(self.subject.store().create(&record).await)?;
        // The id of an expired record may count as taken until it is swept.
        let may_exist = self.records.contains_key(&id);
        if created == Created::Exists {
            ensure!(may_exist, "a create reported a free id as taken");
        } else {
            ensure!(created == Created::STORED, "a create returned {created:?}");
            ensure!(self.live(id, self.now).is_none(), "a live session was overwritten");
            self.records.insert(id, record);
        }
        self.check(id).await
    }

    async fn commit(&mut self, id: SessionId, opening: Opening, late_by: u64, edits: &[Edit]) -> Played {
        let begun = Timestamp::from_millis(self.now.as_millis().saturating_sub(late_by));
        let secret = opening.secret(self.records.get(&id).map(Record::secret_hash));
        let changes = edits.iter().fold(Changes::new(begun, secret), |changes, edit| edit.write_to(changes));
        // A request with an old secret has loaded an old record.
        let base = match opening {
            Opening::Right => self.subject.base(id, self.now).await,
            Opening::First | Opening::Wrong => old_record(id, self.now),
        };
        let committed = answered(self.subject.store().commit(&base, &changes).await)?;
        let expected = self.records.get(&id).map_or(Err(Refusal::Gone), |record| record.apply(&changes));
        match (committed, expected) {
            (Ok(new), Ok(expected)) => {
                ensure!(new.version() == expected.version(), "a commit returned version {}", new.version());
                ensure!(entries(&new) == entries(&expected), "a commit returned other entries");
                ensure!(flashes(&new) == flashes(&expected), "a commit returned other flashes");
                self.records.insert(id, expected);
            }
            (committed, expected) => {
                let [committed, expected] = [committed, expected].map(|answer| answer.map(drop));
                ensure!(committed == expected, "a commit returned {committed:?}, not {expected:?}");
            }
        }
        self.check(id).await
    }

    async fn destroy(&mut self, id: SessionId) -> Played {
        let was_there = answered(self.subject.store().destroy(id).await)?;
        match self.live(id, self.now) {
            Some(_) => ensure!(was_there, "a destroy did not find a live session"),
            None => {
                ensure!(!was_there || self.records.contains_key(&id), "a destroy found an absent session")
            }
        }
        self.records.remove(&id);
        self.check(id).await
    }

    async fn destroy_of_principal(&mut self, principal: &str, except: Option<SessionId>) -> Played {
        let ended = answered(self.subject.store().destroy_of_principal(principal, except).await)?;
        let ended: BTreeSet<SessionId> = ended.into_iter().collect();
        let mut stored = self.records.values().filter(|record| record.principal() == Some(principal));
        let mut lives = stored.clone().filter(|record| !record.has_expired(self.now) && Some(record.id()) != except);
        ensure!(lives.all(|record| ended.contains(&record.id())), "not all sessions of {principal:?} were ended");
        let is_one = |id: &SessionId| Some(*id) != except && stored.clone().any(|record| record.id() == *id);
        ensure!(ended.iter().all(is_one), "a session was ended that is not of {principal:?} or was to be spared");
        let gone: Vec<SessionId> = stored.by_ref().map(Record::id).filter(|id| Some(*id) != except).collect();
        self.records.retain(|id, _| !gone.contains(id));
        self.check_all().await
    }

    async fn sweep(&mut self, limit: usize) -> Played {
        let swept = answered(self.subject.store().sweep(limit, self.now).await)?;
        ensure!(swept.len() <= limit, "a sweep of {limit} removed {}", swept.len());
        ensure!(swept.is_empty() || !self.subject.expires_by_itself(), "an engine that expires by itself swept");
        for id in swept {
            let record = self.records.remove(&id);
            ensure!(record.is_some_and(|record| record.has_expired(self.now)), "a sweep removed a live session");
        }
        Ok(())
    }

    /// Compares a session with its model, through the other handle if there is one.
    async fn check(&self, id: SessionId) -> Played {
        let found = answered(self.subject.through_other_handle().store().load(id, self.now).await)?;
        // A store may still return an expired record.
        let found = found.filter(|record| !record.has_expired(self.now));
        let (found, expected) = (found.as_ref().map(Facts::of), self.live(id, self.now).map(Facts::of));
        ensure!(found == expected, "the store has {found:?}\nand the model  {expected:?}");
        Ok(())
    }

    async fn check_all(&self) -> Played {
        for id in self.ids {
            self.check(id).await?;
        }
        for principal in PRINCIPALS {
            self.check_principal(principal).await?;
        }
        let count = answered(self.subject.store().count().await)? as usize;
        // Expired sessions may be counted until they are swept.
        let counts = self.live_ids(|_| true).len()..=self.records.len();
        ensure!(counts.contains(&count), "{count} sessions are counted, not {counts:?}");
        self.check_listing(2).await
    }

    async fn check_principal(&self, principal: &str) -> Played {
        let found = answered(self.subject.store().of_principal(principal, self.now).await)?;
        let live = self.live_ids(|record| record.principal() == Some(principal));
        let found = sorted(found.iter().map(Record::id));
        ensure!(found == live, "{principal:?} has {found:?}, not {live:?}");
        let count = answered(self.subject.store().count_of_principal(principal, self.now).await)?;
        // Sessions that have ended may be counted for a while.
        ensure!(count >= live.len() as u64, "{count} sessions of {principal:?} are counted, not {}", live.len());
        Ok(())
    }

    async fn check_listing(&self, limit: usize) -> Played {
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..1000 {
            let page = answered(self.subject.store().scan(cursor, limit, self.now).await)?;
            found.extend(page.records.iter().map(Record::id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        ensure!(cursor.is_none(), "a listing has no end");
        let (found, live) = (sorted(found), self.live_ids(|_| true));
        ensure!(found == live, "{found:?} are listed, not {live:?}");
        Ok(())
    }

    fn live_ids(&self, is_meant: impl Fn(&Record) -> bool) -> Vec<SessionId> {
        let live = self.records.values().filter(|record| !record.has_expired(self.now) && is_meant(record));
        sorted(live.map(Record::id))
    }
}

/// The content of a record, sorted.
#[derive(Debug, PartialEq)]
struct Facts<'a> {
    secret: SecretHash,
    times: [Timestamp; 4],
    version: u32,
    principal: Option<&'a str>,
    entries: Vec<crate::fixtures::Line<'a>>,
    flashes: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Facts<'a> {
    fn of(record: &'a Record) -> Self {
        Self {
            secret: record.secret_hash(),
            times: [record.created(), record.last_seen(), record.expires_at(), record.lifetime().absolute_deadline()],
            version: record.version(),
            principal: record.principal(),
            entries: entries(record),
            flashes: flashes(record),
        }
    }
}

fn answered<T>(answer: Result<T, StoreError>) -> Played<T> {
    answer.map_err(|error| format!("the store failed: {error} ({:?})", error.kind()))
}
