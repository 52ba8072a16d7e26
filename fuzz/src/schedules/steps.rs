//! The steps of a schedule, two bytes each.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use pollster::block_on;
use sessions_core::adapter::Token;
use sessions_core::testing::{ManualClock, with_entropy};
use sessions_core::{Clock, ErrorKind, Expiry, LimitPolicy, Sessions};
use sessions_store::SessionId;

use super::ledger::{FLASH, KEYS, NOBODY, NUMBER};
use super::request::{Account, Head, Request, Stage, token_of, value_of};
use super::store::{Failure, Pace, WatchedStore};
use super::task::{Done, Task};

const PRINCIPALS: [&str; 2] = ["ann", "ben"];

/// Number of sessions that a principal may have, if that is limited.
const MOST_SESSIONS: usize = 2;

/// Names of the steps, in the order of their bytes.
const VERBS: &str = "poll poll poll poll poll poll poll drive drive begin begin begin set set increment change \
                     login login destroy save save update reload end end abandon drop leave pace fail wait outside";

/// Number of steps, more than any short failure needs.
const MOST_STEPS: usize = 600;

/// Number of polls of one future, far more than any has to wait for.
const MOST_POLLS: usize = 500;

/// A site, the browsers of its visitors, and their requests.
struct Site {
    sessions: Sessions,
    store: WatchedStore,
    clock: Arc<ManualClock>,
    has_limit: bool,
    has_bearer: bool,
    /// The tokens in the browsers. The last one belongs to a thief, who copies them.
    jars: [Option<String>; 3],
    /// All tokens that clients were ever sent.
    sent: Vec<String>,
    slots: [Option<Request>; 3],
    requests: usize,
}

/// Runs a schedule: a byte of options, then two bytes for each step.
pub fn run(input: &[u8]) {
    let Some((options, steps)) = input.split_first() else { return };
    let mut site = Site::new(*options);
    for step in steps.chunks_exact(2).take(MOST_STEPS) {
        site.step(step[0], usize::from(step[1]));
        site.explain(step[0], usize::from(step[1]));
        site.check();
    }
    site.finish();
}

static RANDOM: AtomicU64 = AtomicU64::new(0);

/// Fills the bytes of tokens with the same numbers in each run.
fn count_up(bytes: &mut [u8]) -> io::Result<()> {
    for chunk in bytes.chunks_mut(8) {
        let number = RANDOM.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
    }
    Ok(())
}

impl Site {
    fn new(options: u8) -> Self {
        RANDOM.store(1, Ordering::Relaxed);
        let is_set = |bit: u8| options & (1 << bit) != 0;
        let clock = Arc::new(ManualClock::default());
        let store = WatchedStore::new(Arc::clone(&clock));
        let policy = if is_set(2) { LimitPolicy::RefuseLogin } else { LimitPolicy::EndOldest };
        let mut builder = with_entropy(Sessions::builder(), count_up)
            .store(store.clone())
            .clock(Arc::clone(&clock))
            .sweep_every(None)
            .rotate_every(is_set(0).then_some(Duration::from_secs(60)))
            .sessions_per_principal(is_set(1).then_some(MOST_SESSIONS))
            .limit_policy(policy)
            .expiry(Expiry::default().persistent_cookie(is_set(4)))
            .bearer(is_set(5));
        if is_set(3) {
            builder = builder.renewal_grace(Duration::ZERO);
        }
        let sessions = builder.build().expect("the options are sound");
        let (jars, sent, slots) = Default::default();
        Self { sessions, store, clock, has_limit: is_set(1), has_bearer: is_set(5), jars, sent, slots, requests: 0 }
    }

    /// Does one step. `detail` chooses the request in its lowest part.
    fn step(&mut self, verb: u8, detail: usize) {
        let (slot, detail) = (detail % 3, detail / 3);
        match verb % 32 {
            0..=6 => self.poll(slot, detail % 3),
            7 | 8 => self.drive(slot),
            9..=11 => self.begin(slot, detail % 3, detail / 3 % 4 == 3),
            12..=18 => self.handle(slot, verb % 32, detail),
            19..=22 => self.start(slot, verb % 32, detail),
            23 | 24 => self.end(slot, [200, 200, 200, 500, 408, 413][detail % 6], detail / 6 % 2 == 0),
            25 => self.abandon(slot),
            26 => self.drop_task(slot, detail % 3),
            27 => self.leave(slot),
            28 => {
                let pace = [Pace::Prompt, Pace::LateAnswer, Pace::LateWork, Pace::Batched][detail % 4];
                self.store.mood().pace = pace;
            }
            29 => {
                let mut mood = self.store.mood();
                match detail % 4 {
                    0 => mood.fails_load = true,
                    1 => mood.failure = Some(Failure::Before),
                    _ => mood.failure = Some(Failure::After),
                }
            }
            30 => {
                let seconds = [1, 31, 61, 61, 130, 1_801][detail % 6];
                self.clock.advance(Duration::from_secs(seconds));
            }
            _ if detail % 2 == 0 => self.jars[2] = self.jars[detail / 2 % 2].clone(),
            _ => self.sign_out(PRINCIPALS[detail / 2 % 2]),
        }
    }

    /// Prints a step, and what the handles show after it, if `SCHEDULE` is set.
    fn explain(&self, verb: u8, detail: usize) {
        static IS_ON: LazyLock<bool> = LazyLock::new(|| std::env::var_os("SCHEDULE").is_some());
        if !*IS_ON {
            return;
        }
        let name = VERBS.split(' ').nth(usize::from(verb % 32)).unwrap_or_default();
        println!("{name} in {} ({})", detail % 3, detail / 3);
        for request in self.slots.iter().flatten() {
            println!("    {}", request.describe());
        }
    }

    fn act_for(&self, number: usize) {
        self.store.ledger().acting = number;
    }

    fn begin(&mut self, slot: usize, jar: usize, by_bearer: bool) {
        self.leave(slot);
        if self.slots[slot].is_some() {
            return;
        }
        let number = self.requests;
        self.requests += 1;
        self.act_for(number);
        let text = self.jars[jar].clone();
        let by_bearer = by_bearer && self.has_bearer && text.is_some();
        let carried = text.as_ref().and_then(|text| Token::parse(text.as_bytes()));
        self.store.ledger().deeds.entry(number).or_default().has_session = carried.is_some();
        let since = self.store.ledger().effects;
        let load = self.sessions.open().session_from(&Head::new(text.as_deref(), by_bearer));
        let load = Task::new(async move { Done::Loaded(load.await) }, Account::default(), since);
        let tasks = [Some(load), None, None];
        let (session, account, began) = (None, Account::default(), self.clock.now());
        let request =
            Request { number, jar, by_bearer, began, carried, session, tasks, account, stage: Stage::Loading };
        self.slots[slot] = Some(request);
        self.poll(slot, 0);
    }

    /// Lets the handler do something that needs no answer of the store.
    fn handle(&mut self, slot: usize, verb: u8, detail: usize) {
        let Some(request) = &mut self.slots[slot] else { return };
        let Some(session) = request.session.clone() else { return };
        let (number, key) = (request.number, KEYS[detail % 2]);
        let tagged = || self.store.ledger().tagged(number, &session);
        match verb {
            12 | 13 if detail / 2 % 8 != 7 => {
                let (tag, value) = tagged();
                if session.set(key, &value).is_ok() {
                    request.set(key, Some(tag));
                }
            }
            12 | 13 => {
                let (tag, value) = tagged();
                if session.set_immutable(KEYS[0], &value).is_ok() {
                    request.set(KEYS[0], Some(tag));
                }
            }
            14 => {
                let by = 1 << (detail % 8);
                if session.increment(NUMBER, by).is_ok() {
                    request.increment(&mut self.store.ledger(), by);
                }
            }
            15 => match detail % 8 {
                0..3 => {
                    session.remove(key);
                    request.set(key, None);
                }
                3 => {
                    session.clear();
                    request.reset(&self.store.ledger());
                }
                4 | 5 => {
                    let (_, value) = tagged();
                    let _ = session.set_flash(FLASH, &value);
                }
                _ => drop(session.flash::<String>(FLASH)),
            },
            16 | 17 => match detail % 6 {
                chosen @ 0..4 => {
                    let principal = PRINCIPALS[chosen % 2];
                    request.log_in(&self.store.ledger(), principal);
                    let refused = session.login(principal).err().map(|error| error.kind());
                    assert!(matches!(refused, None | Some(ErrorKind::HeadersSent)), "the principal has a name");
                }
                4 => {
                    request.renew();
                    session.renew();
                }
                _ => {
                    let refused = session.confirm().err().map(|error| error.kind());
                    if refused != Some(ErrorKind::NotSignedIn) {
                        request.renew();
                    }
                }
            },
            _ => {
                request.destroy(&self.store.ledger());
                session.destroy();
            }
        }
    }

    /// Starts a call of the handler that waits for the store.
    fn start(&mut self, slot: usize, verb: u8, detail: usize) {
        let Some(request) = &mut self.slots[slot] else { return };
        let Some(session) = request.session.clone() else { return };
        let (task, detail) = (1 + detail % 2, detail / 2);
        if request.tasks[task].is_some() {
            return;
        }
        let key = KEYS[detail % 3];
        let (before, since) = (request.account.clone(), self.store.ledger().effects);
        request.tasks[task] = Some(match verb {
            19 | 20 => Task::new(async move { Done::Saved(session.save().await) }, before, since),
            21 if detail / 3 % 2 == 0 => {
                request.set(key, None);
                let (store, number) = (self.store.clone(), request.number);
                let update = async move {
                    let change = |_: Option<String>| store.ledger().tagged(number, &session).1;
                    Done::Updated(key, session.update(key, change).await.map(drop))
                };
                Task::new(update, before, since)
            }
            21 => {
                request.set(key, None);
                Task::new(async move { Done::Taken(key, session.take(key).await) }, before, since)
            }
            _ => Task::new(async move { Done::Reloaded(session.reload().await) }, before, since),
        });
        self.poll(slot, task);
    }

    fn end(&mut self, slot: usize, status: u16, keeps_handle: bool) {
        let Some(request) = self.slots[slot].as_mut().filter(|request| request.stage == Stage::Running) else { return };
        let is_shared = request.tasks[1..].iter().any(Option::is_some);
        let session = if keeps_handle || is_shared { request.session.clone() } else { request.session.take() };
        let Some(session) = session else { return };
        let (before, number) = (request.account.clone(), request.number);
        request.stage = Stage::Ending { is_delivered: true, keeps: status == 200 };
        self.act_for(number);
        let since = self.store.ledger().effects;
        let exchange = session.exchange();
        drop(session);
        let commit = exchange.end(status);
        let end = Task::new(async move { Done::Ended(Box::new(commit.await)) }, before, since);
        self.slots[slot].as_mut().expect("it is there").tasks[0] = Some(end);
        self.poll(slot, 0);
    }

    fn abandon(&mut self, slot: usize) {
        let Some(request) = self.slots[slot].as_mut().filter(|request| request.stage == Stage::Running) else { return };
        let Some(session) = request.session.clone() else { return };
        request.stage = Stage::Over;
        request.abandon(&self.store.ledger());
        let (before, number) = (request.account.clone(), request.number);
        self.act_for(number);
        let since = self.store.ledger().effects;
        let commit = session.exchange().abandon();
        if let (Some(commit), Some(request)) = (commit, &mut self.slots[slot]) {
            request.stage = Stage::Ending { is_delivered: false, keeps: false };
            request.tasks[0] = Some(Task::new(async move { Done::Ended(Box::new(commit.await)) }, before, since));
            self.poll(slot, 0);
        }
    }

    /// Drops a future. A response that has begun is completed, but its client is gone.
    fn drop_task(&mut self, slot: usize, task: usize) {
        let Some(request) = &mut self.slots[slot] else { return };
        let number = request.number;
        if task > 0 {
            let dropped = request.tasks[task].take();
            if dropped.is_some() {
                request.drop_save();
            }
            self.act_for(number);
            drop(dropped);
            return;
        }
        match &mut request.stage {
            Stage::Loading => self.slots[slot] = None,
            Stage::Ending { is_delivered, .. } => *is_delivered = false,
            Stage::Running | Stage::Over => {}
        }
    }

    /// Ends the stream of a response.
    fn leave(&mut self, slot: usize) {
        if let Some(request) = self.slots[slot].take_if(|request| request.is_over()) {
            self.act_for(request.number);
            drop(request);
        }
    }

    /// Polls a future once.
    fn poll(&mut self, slot: usize, place: usize) {
        let Some(request) = &mut self.slots[slot] else { return };
        let Some(mut task) = request.tasks[place].take() else { return };
        self.store.ledger().acting = request.number;
        let Some(done) = task.poll() else {
            request.tasks[place] = Some(task);
            return;
        };
        let store = &self.store;
        match done {
            Done::Loaded(Ok(session)) => {
                (request.session, request.stage) = (Some(session), Stage::Running);
                request.check_loaded(store, task.since);
            }
            Done::Loaded(Err(_)) => self.slots[slot] = None,
            Done::Saved(Ok(())) => request.saved(&mut store.ledger(), &task.before),
            Done::Taken(key, result) => {
                request.set(key, None);
                request.took(&mut store.ledger(), result);
            }
            Done::Updated(key, result) => {
                request.set(key, None);
                request.returned(&store.ledger(), result);
            }
            Done::Saved(result) | Done::Reloaded(result) => request.returned(&store.ledger(), result),
            Done::Ended(result) => {
                let is_delivered = matches!(request.stage, Stage::Ending { is_delivered: true, .. });
                let cookie = request.answered(store, &task, *result);
                if let Some(cookie) = cookie.filter(|_| is_delivered) {
                    let token = token_of(&cookie).map(|_| value_of(&cookie).to_owned());
                    self.sent.extend(token.clone());
                    self.jars[request.jar] = token;
                }
            }
        }
    }

    /// Polls the futures of one request until they are done or wait for another.
    fn drive(&mut self, slot: usize) {
        for _ in 0..8 {
            (0..3).for_each(|place| self.poll(slot, place));
        }
    }

    fn sign_out(&mut self, principal: &str) {
        self.act_for(NOBODY);
        let ids: Vec<SessionId> = self.store.ledger().sessions.keys().copied().collect();
        let is_theirs = |id: &SessionId| {
            let record = self.store.look(*id);
            record.is_some_and(|record| record.principal() == Some(principal))
        };
        let ended: Vec<_> = ids.into_iter().filter(is_theirs).collect();
        if block_on(self.sessions.destroy_principal(principal)).is_ok() {
            self.store.ledger().end(&ended);
        }
    }

    /// Checks what all handles show.
    fn check(&self) {
        let ledger = self.store.ledger();
        self.slots.iter().flatten().for_each(|request| request.check(&ledger));
    }

    /// Lets everything come to an end, and checks what remains.
    fn finish(&mut self) {
        self.store.mood().recover();
        for slot in 0..3 {
            self.settle(slot);
            self.end(slot, 200, true);
            self.settle(slot);
            self.leave(slot);
            assert!(self.slots[slot].is_none(), "a request does not end");
        }
        if self.has_limit {
            PRINCIPALS.iter().for_each(|principal| self.check_limit(principal));
        }
        for token in std::mem::take(&mut self.sent) {
            self.jars[0] = Some(token);
            self.begin(0, 0, false);
            self.settle(0);
            self.check();
            self.end(0, 200, false);
            self.settle(0);
        }
        self.check_numbers();
    }

    /// Polls the futures of one request when they are woken, until all are done.
    fn settle(&mut self, slot: usize) {
        for _ in 0..MOST_POLLS {
            let Some(request) = &self.slots[slot] else { return };
            let is_woken = |task: &Option<Task>| task.as_ref().is_some_and(Task::is_woken);
            let Some(place) = request.tasks.iter().position(is_woken) else {
                return assert!(request.tasks.iter().all(Option::is_none), "a future is never woken");
            };
            self.poll(slot, place);
            self.check();
        }
        panic!("a future never ends");
    }

    /// Signs a principal in once more, after which there are no more sessions than allowed.
    fn check_limit(&mut self, principal: &str) {
        self.jars[1] = None;
        self.begin(0, 1, false);
        self.settle(0);
        if let Some(request) = &mut self.slots[0]
            && let Some(session) = request.session.clone()
        {
            request.log_in(&self.store.ledger(), principal);
            session.login(principal).expect("the principal has a name");
        }
        self.end(0, 200, false);
        self.settle(0);
        let sessions = block_on(self.sessions.sessions_of(principal)).expect("the store answers");
        assert!(sessions.len() <= MOST_SESSIONS, "{principal} has {} sessions", sessions.len());
    }

    /// Checks that increments were done once, and that no session came back.
    fn check_numbers(&self) {
        let ledger = self.store.ledger();
        for (id, story) in &ledger.sessions {
            let record = self.store.look(*id);
            assert!(record.is_none() || !ledger.has_ended(*id, u64::MAX), "a session outlives its end");
            if let Some(entry) = record.as_ref().and_then(|record| record.entry(NUMBER)) {
                assert_eq!(entry.value(), story.number.to_string().as_bytes());
            }
        }
        for deeds in ledger.deeds.values().filter(|deeds| !deeds.is_muddled) {
            let most = deeds.called + deeds.doubtful;
            assert!(deeds.added <= most, "{} were added, of at most {most}", deeds.added);
        }
    }
}
