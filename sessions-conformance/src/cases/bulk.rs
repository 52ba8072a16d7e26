//! Ending many sessions at once, among other requests.
//!
//! A call that ends many sessions ends those that were created before it, and none that are created
//! after it. A session that is created during the call may end or stay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sessions_store::{Changes, Record, Refusal, SessionId, StoreFuture, Timestamp};

use crate::fixtures::{NEW_SECRET, answered, changes, draft, fresh_id, sorted, start, value};
use crate::subject::Subject;

/// Number of calls that end many sessions in a race with newcomers.
const CALLS: usize = 5;
/// Maximum number of newcomers of each racer per call.
const MOST_PER_CALL: usize = 8;

/// A call that ends sessions of `ada`.
#[derive(Clone, Copy)]
enum End {
    All,
    OfAda,
}

impl End {
    /// Makes the call, and returns the number of sessions that it ended.
    async fn call(self, subject: &Subject) -> usize {
        match self {
            Self::All => subject.destroy_all().await as usize,
            Self::OfAda => end_of_ada(subject, None).await.len(),
        }
    }
}

async fn end_of_ada(subject: &Subject, except: Option<SessionId>) -> Vec<SessionId> {
    answered(subject.store().destroy_of_principal("ada", except).await)
}

/// Sets a flag on drop, also after a panic, so that no racer waits for ever.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Checks that `destroy_all` is final for commits in flight.
///
/// Every commit that begins after the call has returned is refused as gone.
pub async fn destroy_all_is_final_among_racing_commits(subject: &Subject) {
    race_commits(subject, End::All).await;
}

/// Checks that ending a principal's sessions is final for requests in flight.
///
/// Every commit that begins after the call has returned is refused as gone.
pub async fn destroy_of_principal_is_final_among_racing_commits(subject: &Subject) {
    race_commits(subject, End::OfAda).await;
}

async fn race_commits(subject: &Subject, end: End) {
    let now = start();
    for round in 0..5 {
        let mut records = Vec::new();
        for _ in 0..20 {
            records.push(subject.put(draft(fresh_id(), now).principal(Some("ada"))).await);
        }
        let (shared, is_over) = (records.clone(), Arc::new(AtomicBool::new(false)));
        let race = subject.race(8, move |subject, number| {
            let (base, is_over) = (shared[number].clone(), Arc::clone(&is_over));
            async move {
                if number < 7 {
                    commit_until_gone(&subject, base, now, &is_over).await;
                    return;
                }
                let _over = SetOnDrop(&is_over);
                // Later rounds let the writers write more before the call.
                for _ in 0..round {
                    subject.load(base.id(), now).await;
                }
                assert_eq!(end.call(&subject).await, 20);
            }
        });
        race.await;
        for record in records {
            assert_eq!(subject.load(record.id(), now).await, None);
            // A request that loaded the record long ago is refused too.
            assert_eq!(subject.commit_on(&record, &changes(now).set("late", b"1")).await, Err(Refusal::Gone));
        }
        assert!(subject.ids_of("ada", now).await.is_empty());
        assert!(subject.listed(10, now).await.is_empty());
        assert_eq!(subject.count().await, 0);
    }
}

/// Commits on what the last commit returned, until the session is gone.
async fn commit_until_gone(subject: &Subject, mut base: Record, now: Timestamp, is_over: &AtomicBool) {
    loop {
        let was_over = is_over.load(Ordering::SeqCst);
        match answered(subject.store().commit(&base, &changes(now).increment("count", 1)).await) {
            Ok(new) => base = new,
            Err(refusal) => return assert_eq!(refusal, Refusal::Gone),
        }
        assert!(!was_over, "a commit was applied after the end");
    }
}

/// Checks that a login that races the end of all sessions does not survive it.
pub async fn destroy_all_is_final_for_racing_logins(subject: &Subject) {
    let now = start();
    for _ in 0..5 {
        let mut ids = Vec::new();
        for _ in 0..7 {
            ids.push(subject.begin(now).await);
        }
        let shared = ids.clone();
        let race = subject.race(8, move |subject, number| {
            let id = shared.get(number).copied();
            async move {
                match id {
                    None => assert_eq!(subject.destroy_all().await, 7),
                    // Either order of the login and the end is valid.
                    Some(id) => _ = subject.commit(id, &changes(now).renew(NEW_SECRET).bind("ada")).await,
                }
            }
        });
        race.await;
        for id in ids {
            assert_eq!(subject.load(id, now).await, None);
            assert_eq!(subject.commit(id, &Changes::new(now, NEW_SECRET)).await, Err(Refusal::Gone));
        }
        assert!(subject.ids_of("ada", now).await.is_empty());
        assert_eq!(subject.count().await, 0);
    }
}

/// Checks that `destroy_all` ends the sessions that were created before it, and spares later ones.
pub async fn sessions_created_after_destroy_all_live(subject: &Subject) {
    race_newcomers(subject, End::All).await;
}

/// Checks that the end of a principal's sessions spares later logins of the same principal.
pub async fn logins_after_destroy_of_principal_live(subject: &Subject) {
    race_newcomers(subject, End::OfAda).await;
}

/// The numbers of calls that have begun and that have answered.
#[derive(Default)]
struct Calls {
    begun: AtomicUsize,
    answered: AtomicUsize,
    are_over: AtomicBool,
}

/// A session of `ada` that was created while calls ended the existing ones.
struct Newcomer {
    id: SessionId,
    /// Number of calls that had returned before its creation.
    answered: usize,
    /// Number of calls that had begun once it was created.
    begun: usize,
    /// Whether its login was acknowledged.
    is_in: bool,
}

impl Newcomer {
    async fn create(subject: &Subject, calls: &Calls, logs_in: bool) -> Self {
        let (now, answered) = (start(), calls.answered.load(Ordering::SeqCst));
        let (id, is_in) = if logs_in {
            let id = subject.begin(now).await;
            (id, subject.commit(id, &changes(now).bind("ada")).await == Ok(()))
        } else {
            (subject.begin_of("ada", now).await, true)
        };
        Self { id, answered, begun: calls.begun.load(Ordering::SeqCst), is_in }
    }
}

async fn race_newcomers(subject: &Subject, end: End) {
    let calls = Arc::new(Calls::default());
    let race = subject.race(6, move |subject, number| {
        let calls = Arc::clone(&calls);
        async move {
            let (mut newcomers, mut ended) = (Vec::new(), 0);
            if number == 0 {
                let _over = SetOnDrop(&calls.are_over);
                for round in 0..CALLS {
                    newcomers.push(Newcomer::create(&subject, &calls, round % 2 == 0).await);
                    calls.begun.fetch_add(1, Ordering::SeqCst);
                    ended += end.call(&subject).await;
                    calls.answered.fetch_add(1, Ordering::SeqCst);
                }
                return (newcomers, ended);
            }
            let mut last = 3;
            while last > 0 {
                let is_over = calls.are_over.load(Ordering::SeqCst);
                last -= usize::from(is_over);
                // A bounded number per call: otherwise a slow call would have more and more
                // sessions to end.
                if is_over || newcomers.len() < MOST_PER_CALL * (1 + calls.begun.load(Ordering::SeqCst)) {
                    newcomers.push(Newcomer::create(&subject, &calls, number % 2 == 0).await);
                } else {
                    subject.count().await;
                }
            }
            (newcomers, ended)
        }
    });
    let (newcomers, ended): (Vec<_>, Vec<_>) = race.await.into_iter().unzip();
    let newcomers: Vec<_> = newcomers.into_iter().flatten().collect();
    let now = start();
    let mut living = Vec::new();
    for newcomer in &newcomers {
        let is_live = subject.load(newcomer.id, now).await.is_some();
        assert!(newcomer.is_in || !is_live, "a session is live that was gone at its login");
        assert!(is_live || newcomer.answered < CALLS, "a session has ended that was created after the last call");
        assert!(!is_live || newcomer.begun == CALLS, "a session is live that was created before the last call");
        let answer = if is_live { Ok(()) } else { Err(Refusal::Gone) };
        assert_eq!(subject.commit(newcomer.id, &changes(now).set("key", b"1")).await, answer);
        living.extend(is_live.then_some(newcomer.id));
    }
    assert_eq!(living.len() + ended.into_iter().sum::<usize>(), newcomers.len(), "each is counted once");
    assert_eq!(subject.ids_of("ada", now).await, sorted(living.iter().copied()));
    assert_eq!(subject.listed(10, now).await, sorted(living.iter().copied()));
    assert_eq!(subject.count().await, living.len() as u64);
    assert!(answered(subject.store().count_of_principal("ada", now).await) >= living.len() as u64);
    assert_eq!(end.call(subject).await, living.len());
    assert_eq!(subject.count().await, 0);
}

/// Checks that calls that race to end the same sessions count each of them once.
pub async fn racing_ends_count_each_session_once(subject: &Subject) {
    let now = start();
    for _ in 0..3 {
        let mut ids = Vec::new();
        for number in 0..30 {
            let principal = (number % 2 == 0).then_some("ada");
            ids.push(subject.put(draft(fresh_id(), now).principal(principal)).await.id());
        }
        let race = subject.race(6, move |subject, number| {
            let ids = ids.clone();
            async move {
                match number {
                    0 | 1 => End::All.call(&subject).await,
                    2 | 3 => End::OfAda.call(&subject).await,
                    _ => {
                        let mut ended = 0;
                        for id in ids {
                            ended += usize::from(subject.destroy(id).await);
                        }
                        ended
                    }
                }
            }
        });
        assert_eq!(race.await.into_iter().sum::<usize>(), 30);
        assert_eq!(subject.count().await, 0);
        assert!(subject.ids_of("ada", now).await.is_empty());
    }
}

/// Checks that a session that a commit binds to another principal meanwhile is kept or ended.
pub async fn a_session_that_changes_hands_is_ended_or_kept(subject: &Subject) {
    let now = start();
    for _ in 0..10 {
        let mut ids = Vec::new();
        for _ in 0..6 {
            ids.push(subject.begin_of("ada", now).await);
        }
        let shared = ids.clone();
        let race = subject.race(8, move |subject, number| {
            let id = shared.get(number).copied();
            async move {
                match id {
                    None => end_of_ada(&subject, None).await,
                    Some(id) if subject.commit(id, &changes(now).bind("bob")).await == Ok(()) => vec![id],
                    Some(_) => Vec::new(),
                }
            }
        });
        let mut answers = race.await;
        let ended: Vec<_> = answers.drain(6..).flatten().collect();
        let kept = sorted(answers.into_iter().flatten());
        // No session is in both.
        assert_eq!(ended.len() + kept.len(), ids.len());
        assert_eq!(sorted(ended.into_iter().chain(kept.iter().copied())), sorted(ids));
        assert_eq!(subject.ids_of("bob", now).await, kept);
        assert!(subject.ids_of("ada", now).await.is_empty());
        assert_eq!(subject.destroy_all().await, kept.len() as u64);
    }
}

/// Checks that an excepted session loses nothing among racing logouts and logins.
pub async fn a_spared_session_keeps_its_racing_commits(subject: &Subject) {
    let now = start();
    let spared = subject.begin_of("ada", now).await;
    let race = subject.race(6, move |subject, number| async move {
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            if number < 2 {
                begun.push(subject.begin_of("ada", now).await);
                ended.extend(end_of_ada(&subject, Some(spared)).await);
            } else {
                subject.apply(spared, &changes(now).increment("count", 1)).await;
            }
        }
        (begun, ended)
    });
    let (begun, ended): (Vec<_>, Vec<_>) = race.await.into_iter().unzip();
    let ended: Vec<_> = ended.into_iter().flatten().collect();
    assert_eq!(ended.len(), 16, "each is reported once");
    assert_eq!(sorted(ended), sorted(begun.into_iter().flatten()));
    let found = subject.find(spared, now).await;
    assert_eq!((value(&found, "count"), found.version()), (&b"32"[..], 32));
    assert_eq!(subject.ids_of("ada", now).await, [spared]);
    assert_eq!(subject.count().await, 1);
}

/// Checks that no commit that began before the end of its session revives it, however late it runs.
pub async fn a_commit_under_way_revives_nothing(subject: &Subject) {
    let now = start();
    for end in 0..3 {
        let record = subject.put(draft(fresh_id(), now).principal(Some("ada")).entry("key", b"1")).await;
        let late: [StoreFuture<_>; 3] = [
            changes(now),
            changes(now).set("key", b"2").renew(NEW_SECRET).bind("ada"),
            Changes::new(now, NEW_SECRET).set("key", b"3"),
        ]
        .map(|changes| subject.store().commit(&record, &changes));
        match end {
            0 => assert!(subject.destroy(record.id()).await),
            1 => assert_eq!(end_of_ada(subject, None).await, [record.id()]),
            _ => assert_eq!(subject.destroy_all().await, 1),
        }
        for commit in late {
            // Either order of the commit and the end is valid.
            let _ = answered(commit.await);
            assert_eq!(subject.load(record.id(), now).await, None);
        }
        assert!(subject.ids_of("ada", now).await.is_empty());
        assert_eq!(subject.count().await, 0);
    }
}
