//! The lists of principals: complete for signed-in sessions, and always checked.

use std::collections::BTreeSet;

use crate::support::{IDLE, NOW, changes, commit, id, names, patient, prefix, record, server, until};
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_remote::Engine;
use sessions_store::{Limits, Record, Refusal, SecretHash, SessionId, Store, StoreErrorKind};
use test_servers::{Proxy, Server};

fn store() -> (RedisStore, String) {
    let prefix = prefix();
    let store = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    (store, prefix)
}

fn ids(records: &[Record]) -> BTreeSet<SessionId> {
    records.iter().map(Record::id).collect()
}

/// Runs a command on a list whose last argument is an id, which no command line can hold.
fn on_entry(prefix: &str, script: &str, principal: &str, id: SessionId) -> String {
    let bytes: Vec<String> = id.as_bytes().iter().map(u8::to_string).collect();
    let script = format!("local id = string.char({}) {script}", bytes.join(","));
    server().cli(&["EVAL", &script, "1", &format!("{prefix}#p:{principal}")])
}

fn entries(prefix: &str, principal: &str) -> usize {
    server().cli(&["ZCARD", &format!("{prefix}#p:{principal}")]).parse().unwrap()
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
    block_on(commit(&store, bound, &changes().bind("user"))).unwrap().unwrap();
    let found = block_on(store.of_principal("user", NOW)).unwrap();
    assert_eq!(ids(&found), BTreeSet::from([created, bound]));
    let ended = block_on(store.destroy_of_principal("user", Some(bound))).unwrap();
    assert_eq!(ended, [created]);
    assert!(block_on(store.load(created, NOW)).unwrap().is_none());
    assert!(block_on(store.load(bound, NOW)).unwrap().is_some());
    assert!(block_on(store.load(other, NOW)).unwrap().is_some());
}

#[test]
fn a_foreign_session_in_a_list_is_spared() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    // A principal that begins or ends alike, or none.
    let principals = [Some("m"), Some("mee"), Some("mf"), Some(""), None];
    let foreign = principals.map(|principal| {
        let id = id();
        block_on(store.create(&record(id).entry("me", b"me").principal(principal).build().unwrap())).unwrap();
        on_entry(&prefix, "return redis.call('ZADD', KEYS[1], 'inf', id)", "me", id);
        id
    });
    let _ = server().cli(&["ZADD", &format!("{prefix}#p:me"), "inf", "no id"]);
    assert!(block_on(store.of_principal("me", NOW)).unwrap().is_empty());
    assert!(block_on(store.destroy_of_principal("me", None)).unwrap().is_empty());
    for id in foreign {
        assert!(block_on(store.load(id, NOW)).unwrap().is_some());
    }
    assert_eq!(block_on(store.destroy_of_principal("", None)).unwrap(), [foreign[3]], "the empty one is one, too");
}

#[test]
fn a_lost_reply_ends_no_foreign_session_and_forgets_no_end() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let flaky = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    let mut ours: Vec<_> = (0..40).map(|_| id()).collect();
    for id in &ours {
        block_on(steady.create(&record(*id).principal(Some("me")).build().unwrap())).unwrap();
    }
    let theirs = id();
    block_on(steady.create(&record(theirs).build().unwrap())).unwrap();
    // The session is listed, and the commit that binds it is in flight.
    on_entry(&prefix, "return redis.call('ZADD', KEYS[1], 'inf', id)", "me", theirs);
    block_on(flaky.ping()).unwrap();
    // The server learns the script.
    assert!(block_on(flaky.of_principal("nobody", NOW)).unwrap().is_empty());
    // The first reply is the list.
    proxy.lose_reply(2);
    let ended = block_on(flaky.destroy_of_principal("me", None)).unwrap();
    ours.sort();
    assert_eq!((ended, proxy.losses()), (ours, 1));
    assert!(block_on(steady.load(theirs, NOW)).unwrap().is_some());
    block_on(commit(&steady, theirs, &changes().bind("me"))).unwrap().unwrap();
    assert_eq!(block_on(steady.destroy_of_principal("me", None)).unwrap(), [theirs]);
}

/// Regression: the store tried the whole again, and reported what had ended since.
#[test]
fn a_lost_reply_does_not_lower_the_count_of_ends() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let flaky = patient().open(&proxy.url()).unwrap();
    for _ in 0..40 {
        block_on(flaky.create(&record(id()).build().unwrap())).unwrap();
    }
    // The first three are the name of the process, the keys, and the name again.
    proxy.lose_reply(4);
    assert_eq!((block_on(flaky.destroy_all()).unwrap(), proxy.losses()), (40, 1));
}

#[test]
fn a_session_that_leaves_while_others_end_is_spared() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let late = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    block_on(late.ping()).unwrap();
    let [leaves, renewed] = [id(), id()];
    for id in [leaves, renewed] {
        block_on(steady.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
    }
    proxy.hold_replies();
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| block_on(late.destroy_of_principal("user", None)).unwrap());
        // It has asked for the list, and has no reply yet.
        proxy.wait_for_held_reply();
        block_on(commit(&steady, leaves, &changes().bind("other"))).unwrap().unwrap();
        block_on(commit(&steady, renewed, &changes().renew(SecretHash::from_bytes([9; 32])))).unwrap().unwrap();
        proxy.release_replies();
        assert_eq!(ending.join().unwrap(), [renewed]);
    });
    assert!(block_on(steady.load(leaves, NOW)).unwrap().is_some());
}

#[test]
fn an_entry_without_a_session_is_doubted_then_dropped() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let [vanished, living, destroyed] = [id(), id(), id()];
    for id in [vanished, living, destroyed] {
        block_on(store.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
    }
    assert!(block_on(store.destroy(destroyed)).unwrap());
    until(|| entries(&prefix, "user") == 2, "the entry of a destroyed session stays");
    let _ = server().cli(&["DEL", &format!("{prefix}{vanished}")]);
    let score = |id| on_entry(&prefix, "return redis.call('ZSCORE', KEYS[1], id)", "user", id);
    let list = || drop(block_on(store.of_principal("user", NOW)).unwrap());
    list();
    assert!(score(vanished).starts_with('-'), "it is doubted: {}", score(vanished));
    assert_eq!(score(living), "inf");
    // It may be about to be written.
    list();
    assert_eq!(entries(&prefix, "user"), 2);
    // So long ago that no write is under way any more.
    on_entry(&prefix, "return redis.call('ZINCRBY', KEYS[1], 301000, id)", "user", vanished);
    list();
    assert_eq!((entries(&prefix, "user"), score(living).as_str()), (1, "inf"));
}

#[test]
fn a_doubted_entry_of_a_new_session_stays() {
    if !test_servers::installed() {
        return;
    }
    let (steady, prefix) = store();
    let proxy = Proxy::to(server().port());
    let late = patient().prefix(prefix.as_str()).open(&proxy.url()).unwrap();
    block_on(late.ping()).unwrap();
    let id = id();
    proxy.hold_replies();
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| block_on(late.create(&record(id).principal(Some("user")).build().unwrap())));
        // It has been listed, and is not written yet.
        proxy.wait_for_held_reply();
        assert!(block_on(steady.of_principal("user", NOW)).unwrap().is_empty());
        proxy.release_replies();
        creating.join().unwrap().unwrap();
    });
    assert_eq!(ids(&block_on(steady.of_principal("user", NOW)).unwrap()), BTreeSet::from([id]));
}

#[test]
fn a_login_drops_ended_entries_and_keeps_the_list_in_time() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let create = |deadline| {
        let id = id();
        let new = record(id).principal(Some("user")).absolute_deadline(NOW.after(deadline));
        block_on(store.create(&new.build().unwrap())).unwrap();
        id
    };
    let left = || server().cli(&["PTTL", &format!("{prefix}#p:user")]).parse::<i64>().unwrap();
    let ended = create(IDLE * 2);
    let long = left();
    assert!((IDLE * 2).as_millis() as i64 <= long && long <= (IDLE * 2).as_millis() as i64 + 300_000, "{long}");
    create(IDLE);
    assert!(left() > (IDLE * 2).as_millis() as i64 - 20_000, "a shorter life shortens no list");
    on_entry(&prefix, "return redis.call('ZADD', KEYS[1], 1, id)", "user", ended);
    create(IDLE * 3);
    assert_eq!(entries(&prefix, "user"), 2);
    block_on(store.create(&record(id()).principal(Some("user")).build().unwrap())).unwrap();
    assert_eq!(left(), -1, "a session without a deadline keeps the list");
}

#[test]
fn a_session_that_lives_longer_stays_in_the_list() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let score = |id| {
        let score = on_entry(&prefix, "return redis.call('ZSCORE', KEYS[1], id)", "user", id);
        score.parse::<f64>().unwrap()
    };
    let brief = record(id()).principal(Some("user")).absolute_deadline(NOW.after(IDLE)).build().unwrap();
    block_on(store.create(&brief)).unwrap();
    let before = score(brief.id());
    let remembered = brief.lifetime().with_absolute_deadline(NOW.after(IDLE * 100));
    block_on(commit(&store, brief.id(), &changes().lifetime(remembered))).unwrap().unwrap();
    assert!(score(brief.id()) - before > (IDLE * 98).as_secs_f64() * 1000.0);
    let left = server().cli(&["PTTL", &format!("{prefix}#p:user")]).parse::<i64>().unwrap();
    assert!(left > (IDLE * 98).as_millis() as i64, "{left}");
}

#[test]
fn a_refused_login_leaves_no_entry() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let base = record(id).entry("a", b"1").build().unwrap();
    block_on(store.create(&base)).unwrap();
    for (refused, why) in [
        (changes().bind("user").require("a", Some(b"2")), Refusal::Conflict),
        (changes().bind("user").limited_to(Limits::new(100, 1)), Refusal::TooLarge),
    ] {
        assert_eq!(block_on(store.commit(&base, &refused)).unwrap(), Err(why));
        assert_eq!(entries(&prefix, "user"), 0);
    }
    assert_eq!(block_on(commit(&store, crate::support::id(), &changes().bind("user"))).unwrap(), Err(Refusal::Gone));
    block_on(commit(&store, id, &changes().bind("user"))).unwrap().unwrap();
    assert_eq!(block_on(store.of_principal("user", NOW)).unwrap().len(), 1);
}

/// Asserts that no command is about more than 250 entries of a list, and returns how often the list
/// was asked for a page.
fn count_pages(commands: &[Vec<String>]) -> usize {
    for words in commands {
        let most = match &*words[0] {
            "ZREM" => 2 + 250,
            // The script, one key, the patience, and each entry with its score.
            "EVAL" | "EVALSHA" => 5 + 2 * 250,
            _ => 8,
        };
        assert!(words.len() <= most, "{} with {} words", words[0], words.len());
    }
    // A script, one key, the process, the position, and how many entries.
    commands.iter().filter(|words| words[0].starts_with("EVAL") && words.len() == 7 && words[6] == "250").count()
}

#[test]
fn a_long_list_is_read_and_cleaned_in_pages() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().prefix("s:").open(&server.url()).unwrap();
    let fill = "for at = 1, 20000 do redis.call('ZADD', KEYS[1], 1, string.format('%016d', at)) end";
    let fill = |score: &str| {
        server.cli(&["EVAL", &fill.replace(" 1, string", &format!(" {score}, string")), "1", "s:#p:user"])
    };
    let _ = fill("'inf'");
    // Pages have a few entries more than were asked for, all of which are doubted.
    let commands = server.commands_during(|| assert!(block_on(store.of_principal("user", NOW)).unwrap().is_empty()));
    assert!((70..=90).contains(&count_pages(&commands)), "{}", count_pages(&commands));
    let mut ours: Vec<_> = (0..600).map(|_| id()).collect();
    for id in &ours {
        block_on(store.create(&record(*id).principal(Some("user")).build().unwrap())).unwrap();
    }
    ours.sort_unstable();
    let kept = ours.pop().unwrap();
    let mut found = Vec::new();
    let commands = server.commands_during(|| found = block_on(store.of_principal("user", NOW)).unwrap());
    assert_eq!(found.len(), ours.len() + 1);
    assert!((70..=90).contains(&count_pages(&commands)), "{}", count_pages(&commands));
    let mut ended = Vec::new();
    let commands = server.commands_during(|| ended = block_on(store.destroy_of_principal("user", Some(kept))).unwrap());
    assert_eq!(ended, ours);
    assert!((70..=90).contains(&count_pages(&commands)), "{}", count_pages(&commands));
    assert_eq!(server.cli(&["ZCARD", "s:#p:user"]), "20001", "only what has ended leaves the list");
    // To count does not need the entries.
    let commands = server.commands_during(|| {
        assert_eq!(block_on(store.count_of_principal("user", NOW)).unwrap(), 20_001);
    });
    assert_eq!(names(&commands), ["ZCARD"]);
    // Entries that have ended are dropped by and by.
    let _ = server.cli(&["DEL", "s:#p:user"]);
    let _ = fill("1");
    block_on(store.create(&record(id()).principal(Some("user")).build().unwrap())).unwrap();
    assert_eq!(server.cli(&["ZCARD", "s:#p:user"]), "19901");
}

/// Starts a server and a copy of it, which has the same entries in another order.
///
/// Without the right to INFO, a store does not learn the names of processes.
fn twins(may_ask: bool) -> [Server; 2] {
    let twins = [Server::start(), Server::start()];
    for server in &twins {
        let right = if may_ask { "+info" } else { "-info" };
        assert_eq!(server.cli(&["ACL", "SETUSER", "default", right]), "OK");
    }
    assert_eq!(twins[0].cli(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]), "OK");
    twins
}

fn fill(store: &RedisStore, count: usize) -> BTreeSet<SessionId> {
    let create = |_| {
        let id = id();
        block_on(store.create(&record(id).principal(Some("user")).build().unwrap())).unwrap();
        id
    };
    (0..count).map(create).collect()
}

/// Copies everything, and lets the copy take writes.
fn copy([from, to]: &[Server; 2]) {
    assert_eq!(to.cli(&["REPLICAOF", "127.0.0.1", &from.port().to_string()]), "OK");
    until(|| to.cli(&["DBSIZE"]) == from.cli(&["DBSIZE"]), "the copy is never complete");
    assert_eq!(to.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
}

#[test]
fn a_list_is_begun_anew_in_another_process() {
    if !test_servers::installed() {
        return;
    }
    for may_ask in [true, false] {
        let twins = twins(may_ask);
        let [first, second] = twins.each_ref().map(|server| patient().prefix("s:").open(&server.url()).unwrap());
        let all = fill(&first, 1500);
        copy(&twins);
        let page = |store: &RedisStore, from: Option<Vec<u8>>| {
            let store = store.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move { store.engine().of_principal("user", from.as_deref()).await.unwrap() })
        };
        let mut next = page(&first, None).next;
        assert!(next.is_some());
        let mut found = BTreeSet::new();
        while next.is_some() {
            let values = page(&second, next);
            found.extend(values.values.into_iter().map(|value| Record::decode(value).unwrap().id()));
            next = values.next;
        }
        assert!(found == all, "{} of {}, {may_ask}", found.len(), all.len());
    }
}

#[test]
fn a_failover_while_a_principal_is_logged_out_spares_no_session() {
    if !test_servers::installed() {
        return;
    }
    for may_ask in [true, false] {
        let twins = twins(may_ask);
        let proxy = Proxy::to(twins[0].port());
        let store = patient().prefix("s:").open(&proxy.url()).unwrap();
        fill(&store, 1500);
        copy(&twins);
        // The server learns the script.
        assert!(block_on(store.of_principal("nobody", NOW)).unwrap().is_empty());
        proxy.retarget(twins[1].port());
        // That of a deletion, since the first one is the list.
        proxy.lose_reply(2);
        block_on(store.destroy_of_principal("user", None)).unwrap();
        assert_eq!(proxy.losses(), 1);
        let left = twins[1].cli(&["EVAL", "return #redis.call('KEYS', 's:????????-*')", "0"]);
        assert_eq!(left, "0", "{may_ask}");
    }
}

#[test]
fn what_has_ended_leaves_the_list_though_another_cannot_end() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().prefix("s:").open(&server.url()).unwrap();
    let ids: Vec<_> = fill(&store, 3).into_iter().collect();
    let rights = |keys: &[&str]| {
        let command = [&["ACL", "SETUSER", "default", "resetkeys"], keys].concat();
        assert_eq!(server.cli(&command), "OK");
    };
    rights(&["~s:#p:*", &format!("~s:{}", ids[0]), &format!("~s:{}", ids[1])]);
    let error = block_on(store.destroy_of_principal("user", None)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(server.cli(&["ZCARD", "s:#p:user"]), "1");
    rights(&["~*"]);
    assert_eq!(block_on(store.destroy_of_principal("user", None)).unwrap(), [ids[2]]);
}
