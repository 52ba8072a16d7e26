//! How many sessions a principal may have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use pollster::block_on;
use sessions_core::store::MemoryStore;
use sessions_core::{
    Clock, ConfigErrorKind, DestroyReason, ErrorKind, Event, LimitPolicy, Session, SessionId, Sessions, StoreCall,
};

use crate::support::{Browser, Fixture, poll};

const SECOND: Duration = Duration::from_secs(1);

/// Signs a new visitor in, a second after the last one.
fn login(fixture: &Fixture, user: &str) -> Browser {
    fixture.clock.advance(SECOND);
    let mut browser = fixture.browser();
    browser.visit(|session| session.login(user).unwrap());
    browser
}

fn ids_of(sessions: &Sessions, user: &str) -> BTreeSet<SessionId> {
    block_on(sessions.sessions_of(user)).unwrap().iter().map(sessions_core::SessionInfo::id).collect()
}

#[test]
fn a_login_beyond_the_limit_ends_the_oldest() {
    for late in [false, true] {
        let fixture = Fixture::with(|builder| builder.sessions_per_principal(3));
        fixture.store.late.store(late, Ordering::SeqCst);
        let mut others: Vec<Browser> = (0..2).map(|_| login(&fixture, "bob")).collect();
        let mut browsers: Vec<Browser> = (0..3).map(|_| login(&fixture, "ann")).collect();
        let first = browsers[0].visit(Session::id).result.unwrap();
        fixture.take_events();

        // The oldest login counts, not the oldest session.
        let mut visitor = fixture.browser();
        visitor.set("cart", "7");
        fixture.clock.advance(SECOND);
        visitor.visit(|session| session.login("ann").unwrap());
        assert_eq!(browsers[0].user(), None);
        assert!(browsers[1..].iter_mut().chain([&mut visitor]).all(|browser| browser.user().as_deref() == Some("ann")));
        assert!(others.iter_mut().all(|browser| browser.user().as_deref() == Some("bob")));
        assert_eq!(visitor.get("cart").as_deref(), Some("7"));
        let is_evicted = |event: &Event| matches!(*event, Event::Destroyed { id, reason: DestroyReason::SessionLimit, .. } if id == first);
        assert!(fixture.take_events().iter().any(is_evicted));

        // A second login in the same browser does not count twice.
        browsers[1].visit(|session| session.login("ann").unwrap());
        assert_eq!(ids_of(&fixture.sessions, "ann").len(), 3);
        assert_eq!(browsers[2].user().as_deref(), Some("ann"));
    }
}

#[test]
fn a_login_beyond_the_limit_can_be_refused() {
    for (late, saves) in [(false, false), (true, false), (false, true), (true, true)] {
        let fixture = Fixture::with(|builder| builder.sessions_per_principal(2).limit_policy(LimitPolicy::RefuseLogin));
        fixture.store.late.store(late, Ordering::SeqCst);
        let mut browsers: Vec<Browser> = (0..2).map(|_| login(&fixture, "ann")).collect();
        fixture.clock.advance(SECOND);
        let mut third = fixture.browser();
        third.set("cart", "7");
        let session = third.start();
        session.login("ann").unwrap();
        let refused = if saves {
            let error = block_on(session.save()).unwrap_err();
            assert_eq!(third.finish(&session, 403).unwrap().set_cookie, None);
            error
        } else {
            let (error, mut headers) = third.finish(&session, 200).unwrap_err().into_parts();
            assert_eq!(headers.take_set_cookie(), None);
            error
        };
        assert_eq!(
            (refused.kind(), refused.status(), refused.is_servers_fault()),
            (ErrorKind::TooManySessions, 403, false)
        );
        assert_eq!((session.principal(), third.user()), (None, None));
        assert!(browsers.iter_mut().all(|browser| browser.user().as_deref() == Some("ann")));
        browsers[0].visit(Session::destroy);
        assert_eq!(login(&fixture, "ann").user().as_deref(), Some("ann"), "there is room again");
    }
}

/// The logout comes while the store creates the session, lists the principal's sessions or ends the
/// refused one.
#[test]
fn a_logout_during_a_refused_login_succeeds() {
    for (polls, is_dropped) in (1..4).flat_map(|polls| [(polls, false), (polls, true)]) {
        let fixture = Fixture::with(|builder| builder.sessions_per_principal(1).limit_policy(LimitPolicy::RefuseLogin));
        login(&fixture, "ann");
        fixture.clock.advance(SECOND);
        let mut second = fixture.browser();
        let session = second.start();
        session.login("ann").unwrap();
        fixture.store.late.store(true, Ordering::SeqCst);
        let mut save = Box::pin(session.save());
        for _ in 0..polls {
            assert!(poll(save.as_mut()).is_pending());
        }
        session.destroy();
        session.set("notice", "bye").unwrap();
        match is_dropped {
            true => drop(save),
            false => block_on(save).unwrap(),
        }
        second.finish(&session, 200).unwrap();
        let seen = (second.user(), second.get("notice"));
        assert_eq!(seen, (None, Some("bye".to_owned())), "{polls} polls, dropped: {is_dropped}");
    }
}

#[test]
fn a_login_stands_if_its_limit_cannot_be_checked() {
    let fixture = Fixture::with(|builder| builder.sessions_per_principal(1));
    login(&fixture, "ann");
    let mut second = fixture.browser();
    let session = second.start();
    session.login("ann").unwrap();
    fixture.take_events();
    fixture.store.read_down.store(true, Ordering::SeqCst);
    second.finish(&session, 200).unwrap();
    fixture.store.read_down.store(false, Ordering::SeqCst);
    let failed = |event: &Event| matches!(event, Event::StoreFailed { call: StoreCall::Limit, .. });
    assert!(fixture.take_events().iter().any(failed));
    assert_eq!((second.user().as_deref(), ids_of(&fixture.sessions, "ann").len()), (Some("ann"), 2));
    login(&fixture, "ann");
    assert_eq!(ids_of(&fixture.sessions, "ann").len(), 1, "the next login checks again");
}

/// The second login is on a server whose clock is behind. Only the clocks decide which login stays,
/// so that both servers decide alike.
#[test]
fn the_clocks_decide_which_login_is_the_oldest() {
    for (policy, stays) in [(LimitPolicy::EndOldest, 0), (LimitPolicy::RefuseLogin, 1)] {
        let fixture = Fixture::with(|builder| builder.sessions_per_principal(1).limit_policy(policy));
        let now = fixture.clock.now();
        fixture.clock.set(now.after(60 * SECOND));
        let ahead = login(&fixture, "ann");
        fixture.clock.set(now);
        let behind = login(&fixture, "ann");
        let users = [ahead, behind].map(|mut browser| browser.user());
        assert_eq!((users[stays].as_deref(), users[1 - stays].as_deref()), (Some("ann"), None), "{policy:?}");
    }
}

#[test]
fn concurrent_logins_leave_as_many_as_are_allowed() {
    for policy in [LimitPolicy::EndOldest, LimitPolicy::RefuseLogin] {
        for _ in 0..20 {
            let store = Arc::new(MemoryStore::default());
            let servers: Vec<Sessions> = (0..4)
                .map(|_| {
                    let builder = Sessions::builder().store(Arc::clone(&store)).sweep_every(None);
                    builder.sessions_per_principal(5).limit_policy(policy).build().unwrap()
                })
                .collect();
            thread::scope(|scope| {
                for sessions in &servers {
                    for _ in 0..16 {
                        scope.spawn(|| {
                            let mut browser = Browser { sessions: sessions.clone(), cookie: None };
                            let session = browser.start();
                            session.login("ann").unwrap();
                            _ = browser.finish(&session, 200);
                        });
                    }
                }
            });
            let left = ids_of(&servers[0], "ann").len();
            assert!((1..=5).contains(&left), "{left} sessions, {policy:?}");
            if policy == LimitPolicy::EndOldest {
                assert_eq!(left, 5);
            }
        }
    }
}

#[test]
fn one_account_does_not_fill_the_store() {
    let store = MemoryStore::builder().max_sessions(1100).build();
    let fixture = Fixture::with(|builder| builder.store(store));
    for _ in 0..1100 {
        login(&fixture, "ann");
    }
    assert_eq!(fixture.count(), 1000);
    assert_eq!(login(&fixture, "bob").user().as_deref(), Some("bob"));
}

#[test]
fn a_limit_allows_at_least_one() {
    let refused = Sessions::builder().sessions_per_principal(0).build().unwrap_err();
    assert_eq!(refused.kind(), ConfigErrorKind::NoSessions);
    let fixture = Fixture::with(|builder| builder.sessions_per_principal(None));
    fixture.store.counts();
    login(&fixture, "ann");
    assert_eq!(fixture.store.counts(), (0, 1), "without a limit nothing is counted");
}

/// Polls two logins in the order of the bits of `order`, and returns how many sessions stay.
fn run(order: u32, policy: LimitPolicy, most: usize) -> usize {
    let fixture = Fixture::with(|builder| builder.sessions_per_principal(most).limit_policy(policy));
    login(&fixture, "ann");
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut logins: Vec<_> = (0..2)
        .map(|_| {
            let sessions = fixture.sessions.clone();
            Box::pin(async move { sessions.issue(sessions_core::Login::new("ann")).await.is_ok() })
        })
        .collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut done = [false; 2];
    for step in (0..).take_while(|step| *step < 100) {
        let first = if step < 32 { order >> step & 1 } else { step & 1 } as usize;
        let Some(next) = [first, 1 - first].into_iter().find(|login| !done[*login]) else { break };
        done[next] = logins[next].as_mut().poll(&mut context).is_ready();
    }
    assert_eq!(done, [true; 2], "both logins end");
    ids_of(&fixture.sessions, "ann").len()
}

#[test]
fn no_order_of_two_logins_leaves_too_many() {
    for order in 0..1 << 10 {
        for most in [1, 2] {
            assert_eq!(run(order, LimitPolicy::EndOldest, most), most, "{order:b}");
            let left = run(order, LimitPolicy::RefuseLogin, most);
            assert!((1..=most).contains(&left), "{left} sessions, {order:b}");
        }
    }
}

/// Regression: a login that another login's check had ended counted only the other sessions, and
/// was answered with success and a cookie that opened nothing.
#[test]
fn a_login_that_another_has_ended_is_refused() {
    for (order, saves) in (0..1_u32 << 10).flat_map(|order| [(order, false), (order, true)]) {
        let fixture = Fixture::with(|builder| builder.sessions_per_principal(1).limit_policy(LimitPolicy::RefuseLogin));
        let mut logins: [_; 2] = std::array::from_fn(|_| {
            let exchange = fixture.sessions.open();
            Box::pin(async move {
                let session = exchange.session([]).await.ok()?;
                session.login("ann").ok()?;
                if saves {
                    session.save().await.ok()?;
                }
                exchange.end(200).await.ok()?.take_set_cookie()
            })
        });
        let mut is_done = [false; 2];
        for step in 0..20 {
            let login = (if step < 10 { order >> step & 1 } else { step & 1 }) as usize;
            if is_done[login] {
                continue;
            }
            fixture.clock.advance(SECOND);
            fixture.store.late.store(true, Ordering::SeqCst);
            let Poll::Ready(cookie) = poll(logins[login].as_mut()) else { continue };
            is_done[login] = true;
            fixture.store.late.store(false, Ordering::SeqCst);
            if let Some(cookie) = cookie {
                let mut browser = fixture.browser();
                browser.keep(&cookie);
                assert_eq!(browser.user().as_deref(), Some("ann"), "{order:b}, saves: {saves}");
            }
        }
        assert_eq!(is_done, [true; 2], "both logins end");
    }
}
