//! The index of a principal's sessions: complete for bound sessions, and always checked.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::{IDLE, NOW, SECRET, changes, id, names, patient, prefix, record, server};
use pollster::block_on;
use sessions_core::record::{Changes, Limits, Record};
use sessions_core::store::{Committed, Store};
use sessions_core::{SessionId, Timestamp};
use sessions_redis::RedisStore;
use test_servers::Proxy;

fn store() -> (RedisStore, String) {
    let prefix = prefix();
    let store = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    (store, prefix)
}

fn ids(records: &[Record]) -> BTreeSet<SessionId> {
    records.iter().map(Record::id).collect()
}

fn entries(prefix: &str, principal: &str) -> usize {
    server().cli(&["ZCARD", &format!("{prefix}principal:{principal}")]).parse().unwrap()
}

#[test]
fn a_session_is_found_however_it_was_bound() {
    if !test_servers::installed() {
        return;
    }
    let (store, _) = store();
    let [created, bound, other] = [id(), id(), id()];
    block_on(store.create(&record(created).principal(Some("user")).build().unwrap())).unwrap();
    block_on(store.create(&record(bound).build().unwrap())).unwrap();
    block_on(store.create(&record(other).principal(Some("user2")).build().unwrap())).unwrap();
    assert_eq!(block_on(store.commit(bound, &changes().bind("user"))).unwrap(), Committed::Applied);
    let found = block_on(store.of_principal("user", NOW)).unwrap();
    assert_eq!(ids(&found), BTreeSet::from([created, bound]));
    let ended = block_on(store.destroy_of_principal("user", Some(bound))).unwrap();
    assert_eq!(ended, [created]);
    assert!(block_on(store.load(created, NOW)).unwrap().is_none());
    assert!(block_on(store.load(bound, NOW)).unwrap().is_some());
    assert!(block_on(store.load(other, NOW)).unwrap().is_some());
}

#[test]
fn a_foreign_session_in_the_index_is_ignored() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let [theirs, nobodys] = [id(), id()];
    block_on(store.create(&record(theirs).principal(Some("them")).build().unwrap())).unwrap();
    block_on(store.create(&record(nobodys).build().unwrap())).unwrap();
    for id in [theirs.to_string(), nobodys.to_string(), "no id".to_owned()] {
        let _ = server().cli(&["ZADD", &format!("{prefix}principal:me"), "inf", &id]);
    }
    assert!(block_on(store.of_principal("me", NOW)).unwrap().is_empty());
    assert!(block_on(store.destroy_of_principal("me", None)).unwrap().is_empty());
    assert!(block_on(store.load(theirs, NOW)).unwrap().is_some());
    assert!(block_on(store.load(nobodys, NOW)).unwrap().is_some());
}

#[test]
fn a_lost_reply_ends_no_foreign_session() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let flaky = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    let theirs = id();
    block_on(steady.create(&record(theirs).build().unwrap())).unwrap();
    // The session is announced, and the commit that binds it is in flight.
    let _ = server().cli(&["ZADD", &format!("{prefix}principal:me"), "inf", &theirs.to_string()]);
    // The server knows the script.
    block_on(flaky.destroy(id())).unwrap();
    // The first reply is the list of the sessions.
    proxy.lose_reply(2);
    let ended = block_on(flaky.destroy_of_principal("me", None)).unwrap();
    assert_eq!((ended, proxy.losses()), (Vec::new(), 1));
    assert!(block_on(steady.load(theirs, NOW)).unwrap().is_some());
    assert_eq!(block_on(steady.commit(theirs, &changes().bind("me"))).unwrap(), Committed::Applied);
    assert_eq!(block_on(steady.destroy_of_principal("me", None)).unwrap(), [theirs]);
}

#[test]
fn entries_of_dead_sessions_are_removed_on_use() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let [destroyed, vanished, living] = [id(), id(), id()];
    for id in [destroyed, vanished, living] {
        block_on(store.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
    }
    assert_eq!(entries(&prefix, "user"), 3);
    assert!(block_on(store.destroy(destroyed)).unwrap());
    let _ = server().cli(&["DEL", &format!("{prefix}{vanished}")]);
    assert_eq!(ids(&block_on(store.of_principal("user", NOW)).unwrap()), BTreeSet::from([living]));
    // Both are removed in the background.
    while entries(&prefix, "user") != 1 {
        std::thread::yield_now();
    }
}

#[test]
fn expired_entries_are_removed_by_new_ones() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let end = NOW.after(IDLE);
    block_on(store.create(&record(id()).principal(Some("user")).absolute_deadline(end).build().unwrap())).unwrap();
    let later = end.after(Duration::from_secs(61));
    let second = Record::builder(id(), SECRET, later).idle(Some(IDLE)).principal(Some("user")).build().unwrap();
    block_on(store.create(&second)).unwrap();
    assert_eq!(entries(&prefix, "user"), 1);
}

#[test]
fn activity_extends_the_entry_with_the_session() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let index = format!("{prefix}principal:user");
    let good_until = || server().cli(&["ZSCORE", &index, &id.to_string()]).parse::<u64>().unwrap();
    block_on(store.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
    let mut now = NOW;
    for _ in 0..12 {
        now = now.after(IDLE / 3);
        let touch = Changes::new(now, SECRET);
        assert_eq!(block_on(store.commit(id, &touch)).unwrap(), Committed::Applied);
        assert!(good_until() >= now.after(IDLE).as_millis(), "the entry would end before the session");
    }
    // The last ones were extended in the background.
    let enough = NOW.after(IDLE * 6).as_millis();
    while good_until() < enough {
        std::thread::yield_now();
    }
    block_on(store.commit(id, &Changes::new(now, SECRET).idle(IDLE * 100))).unwrap();
    assert!(good_until() >= now.after(IDLE * 100).as_millis());
    assert_eq!(block_on(store.of_principal("user", now)).unwrap().len(), 1);
}

#[test]
fn an_endless_session_has_an_endless_entry() {
    if !test_servers::installed() {
        return;
    }
    let (store, _) = store();
    let id = id();
    block_on(store.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
    assert_eq!(block_on(store.commit(id, &changes().idle(Duration::MAX))).unwrap(), Committed::Applied);
    let later = NOW.after(IDLE * 1000);
    let second = Record::builder(crate::support::id(), SECRET, later).idle(Some(IDLE)).principal(Some("user"));
    block_on(store.create(&second.build().unwrap())).unwrap();
    assert_eq!(block_on(store.of_principal("user", later)).unwrap().len(), 2);
}

#[test]
fn a_longer_limit_with_a_login_extends_the_entry() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let late = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    block_on(late.ping()).unwrap();
    let [longer, login] = [changes().idle(IDLE * 100), changes().bind("user")];
    for (first, second) in [(&longer, &login), (&login, &longer)] {
        let id = id();
        block_on(steady.create(&record(id).build().unwrap())).unwrap();
        proxy.hold_replies();
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| block_on(late.commit(id, first)).unwrap());
            // It has asked whose session it is, and has no reply yet.
            proxy.wait_for_held_reply();
            assert_eq!(block_on(steady.commit(id, second)).unwrap(), Committed::Applied);
            proxy.release_replies();
            assert_eq!(slow.join().unwrap(), Committed::Applied);
        });
        let index = format!("{prefix}principal:user");
        let enough = NOW.after(IDLE * 300).as_millis();
        let deadline = Instant::now() + Duration::from_secs(10);
        while server().cli(&["ZSCORE", &index, &id.to_string()]).parse::<u64>().unwrap() < enough {
            assert!(Instant::now() < deadline, "the entry would end before the session");
        }
    }
}

#[test]
fn a_login_is_announced_once() {
    if !test_servers::installed() {
        return;
    }
    let server = test_servers::Server::start();
    let store = patient().open(&server.url()).unwrap();
    for first in [record(id()), record(id()).absolute_deadline(NOW.after(IDLE)), record(id()).idle(None)] {
        let first = first.build().unwrap();
        block_on(store.create(&first)).unwrap();
        // The server knows the scripts.
        block_on(store.commit(first.id(), &changes().bind("user"))).unwrap();
        let commands = server.commands_during(|| {
            block_on(store.commit(first.id(), &changes().bind("user2"))).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        });
        assert_eq!(names(&commands), ["HGETALL", "EVALSHA", "EVALSHA"]);
    }
}

#[test]
fn a_refused_login_leaves_no_entry() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    block_on(store.create(&record(id).entry("a", b"1").build().unwrap())).unwrap();
    for (refused, committed) in [
        (changes().bind("user").require("a", Some(b"2")), Committed::Conflict),
        (changes().bind("user").limited_to(Limits::new(100, 1)), Committed::TooLarge),
        (Changes::new(NOW.after(IDLE), SECRET).bind("user"), Committed::Gone),
    ] {
        assert_eq!(block_on(store.commit(id, &refused)).unwrap(), committed);
        assert_eq!(entries(&prefix, "user"), 0);
    }
    assert_eq!(block_on(store.commit(id, &changes().bind("user"))).unwrap(), Committed::Applied);
    assert_eq!(block_on(store.of_principal("user", NOW)).unwrap().len(), 1);
    assert!(block_on(store.of_principal("user", Timestamp::NEVER)).unwrap().is_empty());
}

/// It would be bound without an entry if the reason for its refusal went away meanwhile.
#[test]
fn a_login_refused_early_is_not_sent() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let late = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    block_on(late.ping()).unwrap();
    let id = id();
    block_on(steady.create(&record(id).build().unwrap())).unwrap();
    proxy.hold_replies();
    std::thread::scope(|scope| {
        let early = changes().bind("user").require("ready", Some(b"1"));
        let login = scope.spawn(move || block_on(late.commit(id, &early)).unwrap());
        proxy.wait_for_held_reply();
        assert_eq!(block_on(steady.commit(id, &changes().set("ready", b"1"))).unwrap(), Committed::Applied);
        proxy.release_replies();
        assert_eq!(login.join().unwrap(), Committed::Conflict);
    });
    assert_eq!(block_on(steady.load(id, NOW)).unwrap().unwrap().principal(), None);
}

#[test]
fn a_login_without_room_is_refused() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let late = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    block_on(late.ping()).unwrap();
    let id = id();
    let first = record(id).build().unwrap();
    block_on(steady.create(&first)).unwrap();
    let limits = Limits::new(first.as_bytes().len() + 20, usize::MAX);
    proxy.hold_replies();
    std::thread::scope(|scope| {
        let login = scope.spawn(|| block_on(late.commit(id, &changes().bind("user").limited_to(limits))).unwrap());
        // It has asked what is there, and has no reply yet.
        proxy.wait_for_held_reply();
        let fills = changes().set("0123456789", b"12").limited_to(limits);
        assert_eq!(block_on(steady.commit(id, &fills)).unwrap(), Committed::Applied);
        proxy.release_replies();
        assert_eq!(login.join().unwrap(), Committed::TooLarge);
    });
    assert!(block_on(steady.of_principal("user", NOW)).unwrap().is_empty());
    assert_eq!(block_on(steady.load(id, NOW)).unwrap().unwrap().principal(), None);
}

#[test]
fn a_login_to_a_session_that_is_gone_leaves_no_entry() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    assert_eq!(block_on(store.commit(id(), &changes().bind("user"))).unwrap(), Committed::Gone);
    assert_eq!(entries(&prefix, "user"), 0);
}
