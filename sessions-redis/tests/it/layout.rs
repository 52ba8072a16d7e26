//! Contents of Redis: readable, bounded in time, loaded once, and validated.

use std::time::Duration;

use crate::support::{IDLE, NOW, SECRET, changes, id, names, patient, prefix, record, server, text};
use pollster::block_on;
use sessions_core::Timestamp;
use sessions_core::record::Record;
use sessions_core::store::{Committed, Created, Store, StoreErrorKind};
use sessions_redis::RedisStore;

fn store() -> (RedisStore, String) {
    let prefix = prefix();
    let store = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    (store, prefix)
}

fn cli(arguments: &[&str]) -> String {
    server().cli(arguments)
}

#[test]
fn entries_are_readable_and_countable_with_redis_cli() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let key = format!("{prefix}{id}");
    let first = record(id).entry("user", br#"{"name":"Ada"}"#).entry("visits", b"41").flash("notice", br#""hi""#);
    block_on(store.create(&first.build().unwrap())).unwrap();
    assert_eq!(cli(&["HGET", &key, "e:user"]), r#"{"name":"Ada"}"#);
    assert_eq!(cli(&["HGET", &key, "f:notice"]), r#""hi""#);
    assert!(cli(&["HGET", &key, "h"]).starts_with(&format!("1 {0} {0} ", NOW.as_millis())));
    block_on(store.commit(id, &changes().increment("visits", 1))).unwrap();
    assert_eq!(cli(&["HINCRBY", &key, "e:visits", "8"]), "50");
    block_on(store.commit(id, &changes().increment("visits", 1))).unwrap();
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "visits").unwrap(), "51");
}

#[test]
fn a_session_of_small_values_is_kept_compactly() {
    if !test_servers::installed() {
        return;
    }
    let prefix = prefix();
    let patience = Duration::from_secs(8);
    let store = RedisStore::builder().prefix(prefix.as_str()).commit_deadline(patience).open(&server().url()).unwrap();
    let id = id();
    let key = format!("{prefix}{id}");
    block_on(store.create(&record(id).principal(Some("user")).entry("cart", b"[1]").build().unwrap())).unwrap();
    let mut now = NOW;
    for _ in 0..200 {
        now = now.after(Duration::from_secs(2));
        let change = sessions_core::record::Changes::new(now, SECRET).increment("visits", 1);
        assert_eq!(block_on(store.commit(id, &change)).unwrap(), Committed::Applied);
    }
    let encoding = cli(&["OBJECT", "ENCODING", &key]);
    assert!(["listpack", "ziplist"].contains(&encoding.as_str()), "{encoding}");
    let bytes: u64 = cli(&["MEMORY", "USAGE", &key]).parse().unwrap();
    assert!(bytes < 700, "{bytes} bytes");
}

#[test]
fn a_load_is_one_command_and_a_commit_is_one() {
    if !test_servers::installed() {
        return;
    }
    let server = test_servers::Server::start();
    let store = patient().open(&server.url()).unwrap();
    let id = id();
    let signed_in = record(id).principal(Some("user")).absolute_deadline(NOW.after(IDLE * 10));
    let signed_in = signed_in.entry("count", b"1").build().unwrap();
    block_on(store.create(&signed_in)).unwrap();
    block_on(store.commit(id, &changes().set("warm", b"1"))).unwrap();

    let loads = server.commands_during(|| drop(block_on(store.load(id, NOW)).unwrap()));
    assert_eq!(names(&loads), ["HGETALL"]);
    let all =
        changes().set("a", b"1").remove("b").increment("count", 2).set_flash("f", b"1").require("warm", Some(b"1"));
    let commits = server.commands_during(|| {
        assert_eq!(block_on(store.commit(id, &all)).unwrap(), Committed::Applied);
    });
    assert_eq!(names(&commits), ["EVALSHA"]);
    let touches = server.commands_during(|| {
        assert_eq!(block_on(store.commit(id, &changes())).unwrap(), Committed::Applied);
    });
    assert_eq!(names(&touches), ["EVALSHA"]);
    let sweeps = server.commands_during(|| drop(block_on(store.sweep(100, NOW)).unwrap()));
    assert!(sweeps.is_empty());
}

#[test]
fn everything_that_can_expire_has_a_time_to_live() {
    if !test_servers::installed() {
        return;
    }
    let server = test_servers::Server::start();
    let store = patient().open(&server.url()).unwrap();
    let absolute = NOW.after(IDLE * 4);
    for number in 0..20 {
        let id = id();
        let principal = format!("user-{number}");
        let mut builder = record(id).entry("a", b"1");
        builder = match number % 4 {
            0 => builder.absolute_deadline(absolute),
            1 => builder.principal(Some(&principal)),
            2 => builder.principal(Some(&principal)).absolute_deadline(absolute),
            _ => builder.idle(None).absolute_deadline(absolute),
        };
        assert_eq!(block_on(store.create(&builder.build().unwrap())).unwrap(), Created::STORED);
        let mut changes = changes().set("b", b"2").increment("c", 1);
        if number % 3 == 0 {
            changes = changes.bind("user-9");
        }
        if number % 5 == 0 {
            changes = changes.idle(IDLE * 2);
        }
        assert_eq!(block_on(store.commit(id, &changes)).unwrap(), Committed::Applied);
    }
    let keys = server.cli(&["KEYS", "*"]);
    assert!(keys.lines().count() > 25, "{keys}");
    for key in keys.lines() {
        let left: i64 = server.cli(&["PTTL", key]).parse().unwrap();
        let most = (IDLE * 6).as_millis() as i64 + 60_000;
        assert!((1..=most).contains(&left), "{key}: {left}");
    }
}

#[test]
fn a_write_leaves_only_a_short_lived_mark() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let key = format!("{prefix}{id}");
    block_on(store.create(&record(id).entry("count", b"0").build().unwrap())).unwrap();
    let fields = cli(&["HKEYS", &key]);
    for _ in 0..500 {
        assert_eq!(block_on(store.commit(id, &changes().increment("count", 1))).unwrap(), Committed::Applied);
    }
    assert_eq!(cli(&["HKEYS", &key]), fields);
    assert_eq!(cli(&["HGET", &key, "e:count"]), "500");
    let words = cli(&["KEYS", &format!("{prefix}done:*")]);
    assert!(words.lines().count() > 0, "recent writes are remembered");
    for word in words.lines() {
        let left: i64 = cli(&["PTTL", word]).parse().unwrap();
        assert!((1..60_000).contains(&left) || left == -2, "{word}: {left}");
    }
    block_on(store.commit(id, &changes())).unwrap();
    assert!(cli(&["KEYS", &format!("{prefix}done:*")]).lines().count() <= words.lines().count(), "a touch leaves none");
}

#[test]
fn a_time_to_live_follows_the_limits() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let key = format!("{prefix}{id}");
    let left = || cli(&["PTTL", &key]).parse::<i64>().unwrap();
    let near = |expected: Duration| {
        let expected = expected.as_millis() as i64 + 60_000;
        assert!((expected - 30_000..=expected).contains(&left()), "{} for {expected}", left());
    };
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    near(IDLE);
    block_on(store.commit(id, &changes().idle(IDLE * 3))).unwrap();
    near(IDLE * 3);
    block_on(store.commit(id, &changes().idle(Duration::MAX))).unwrap();
    assert_eq!(left(), -1, "it never expires");
    block_on(store.commit(id, &changes().idle(IDLE))).unwrap();
    near(IDLE);
    // Longer than anybody will be there to see.
    block_on(store.commit(id, &changes().idle(Duration::from_secs(1 << 50)))).unwrap();
    assert!(left() > 3_155_000_000_000);
}

#[test]
fn a_time_to_live_is_extended_every_ten_seconds() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let key = format!("{prefix}{id}");
    block_on(store.create(&record(id).entry("n", b"0").build().unwrap())).unwrap();
    let is_renewed_by = |change: sessions_core::record::Changes| {
        let _ = cli(&["PERSIST", &key]);
        assert_eq!(block_on(store.commit(id, &change)).unwrap(), Committed::Applied);
        cli(&["PTTL", &key]) != "-1"
    };
    let at = |seconds| {
        sessions_core::record::Changes::new(NOW.after(Duration::from_secs(seconds)), SECRET).increment("n", 1)
    };
    assert_eq!([0, 9, 10, 19, 35].map(|seconds| is_renewed_by(at(seconds))), [false, false, true, false, true]);
    assert!(is_renewed_by(at(35).idle(IDLE * 2)), "a new limit counts at once");
    assert!(is_renewed_by(at(5)), "a clock that is behind does not rely on others");
    assert_eq!(text(&block_on(store.load(id, NOW)).unwrap().unwrap(), "n").unwrap(), "7");
}

#[test]
fn an_expired_record_is_dead_before_its_key() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    let last = NOW.after(IDLE - Duration::from_millis(1));
    assert!(block_on(store.load(id, last)).unwrap().unwrap().is_live(last));
    let late = NOW.after(IDLE);
    assert!(!block_on(store.load(id, late)).unwrap().unwrap().is_live(late), "so that the log can say that it expired");
    let revive = sessions_core::record::Changes::new(late, SECRET).set("a", b"1");
    assert_eq!(block_on(store.commit(id, &revive)).unwrap(), Committed::Gone);
    assert_eq!(cli(&["EXISTS", &format!("{prefix}{id}")]), "1");
    assert!(block_on(store.scan(None, 10, late)).unwrap().records.is_empty());
}

#[test]
fn a_damaged_record_does_not_affect_others() {
    if !test_servers::installed() {
        return;
    }
    type Damage<'a> = (&'a str, &'a [&'a str]);
    let damages: [Damage<'_>; 9] = [
        ("HDEL", &["s"]),
        ("HDEL", &["h"]),
        ("HSET", &["h", "1 1700000000000 yesterday 1800000 - 0"]),
        ("HSET", &["h", "1 1700000000000 1700000000000 -- - 0"]),
        ("HSET", &["h", "1 1700000000000 1700000000000 1800000 \u{fffd} 0"]),
        ("HSET", &["h", "1 1700000000000 1700000000000 1800000 -"]),
        ("HSET", &["h", "1 1700000000000 1700000000000 1800000 - 0 "]),
        ("HSET", &["h", "0"]),
        ("SET", &["not a hash"]),
    ];
    let (store, prefix) = store();
    let well = id();
    block_on(store.create(&record(well).principal(Some("one")).build().unwrap())).unwrap();
    for (command, arguments) in damages {
        let id = id();
        let key = format!("{prefix}{id}");
        block_on(store.create(&record(id).principal(Some("one")).build().unwrap())).unwrap();
        let _ = cli(&[&[command, key.as_str()], arguments].concat());
        let what = format!("{command} {arguments:?}");
        assert_eq!(block_on(store.load(id, NOW)).unwrap_err().kind(), StoreErrorKind::Unreadable, "{what}");
        let write = changes().set("a", b"1");
        assert_eq!(block_on(store.commit(id, &write)).unwrap_err().kind(), StoreErrorKind::Unreadable, "{what}");
        let taken = block_on(store.take(id, &SECRET, "a", NOW));
        assert_eq!(taken.unwrap_err().kind(), StoreErrorKind::Unreadable, "{what}");
        let ours: Vec<_> = block_on(store.of_principal("one", NOW)).unwrap().iter().map(Record::id).collect();
        assert_eq!(ours, [well], "{what}");
        let page = block_on(store.scan(None, 1000, NOW)).unwrap();
        assert!(page.records.iter().all(|record| record.id() != id), "{what}");
        assert!(block_on(store.destroy(id)).unwrap(), "{what}");
        assert_eq!(cli(&["EXISTS", &key]), "0", "{what}");
    }
}

#[test]
fn a_record_of_a_newer_format_stays_unchanged() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let key = format!("{prefix}{id}");
    let _ = cli(&["HSET", &key, "h", "2", "something", "new"]);
    for kind in [
        block_on(store.load(id, NOW)).unwrap_err().kind(),
        block_on(store.commit(id, &changes().set("a", b"1"))).unwrap_err().kind(),
        block_on(store.take(id, &SECRET, "a", NOW)).unwrap_err().kind(),
    ] {
        assert_eq!(kind, StoreErrorKind::NewerFormat);
    }
    assert_eq!(block_on(store.create(&record(id).build().unwrap())).unwrap(), Created::Exists);
    assert_eq!(cli(&["HGETALL", &key]), "h\n2\nsomething\nnew");
}

/// Guards the format of the first release, which every later one has to read.
#[test]
fn a_record_of_format_1_is_read() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let secret = "0123456789abcdef0123456789abcdef";
    let _ = cli(&[
        "HSET",
        &format!("{prefix}{id}"),
        "h",
        "1 1700000000000 1700000001000 1800000 1700043200000 3",
        "s",
        secret,
        "p",
        "user-42",
        "e:cart",
        "[1,2]",
        "i:plan",
        "\"pro\"",
        "f:notice",
        "\"saved\"",
    ]);
    let secret = sessions_core::record::SecretHash::from_bytes(secret.as_bytes().try_into().unwrap());
    let found = block_on(store.load(id, NOW)).unwrap().unwrap();
    assert!(found.secret_hash() == secret);
    assert_eq!(found.created(), NOW);
    assert_eq!(found.last_seen(), Timestamp::from_millis(1_700_000_001_000));
    assert_eq!(found.idle(), Some(IDLE));
    assert_eq!(found.absolute_deadline(), Timestamp::from_millis(1_700_043_200_000));
    assert_eq!((found.version(), found.principal()), (3, Some("user-42")));
    assert_eq!(text(&found, "cart").unwrap(), "[1,2]");
    assert!(found.entry("plan").unwrap().is_immutable());
    assert_eq!(found.flash("notice"), Some(br#""saved""#.as_slice()));
    let change = sessions_core::record::Changes::new(NOW, secret).set("cart", b"[]");
    assert_eq!(block_on(store.commit(id, &change)).unwrap(), Committed::Applied);
}

#[test]
fn no_prefix_key_or_principal_is_a_pattern_or_a_script() {
    if !test_servers::installed() {
        return;
    }
    let url = server().url();
    let innocent = patient().prefix("abc:").open(&url).unwrap();
    let bystander = id();
    block_on(innocent.create(&record(bystander).principal(Some("abc")).build().unwrap())).unwrap();
    for hostile in
        ["a*:", "[abc]bc:", "a?c:", "{abc}:", "abc\\:", "'; redis.call('FLUSHALL') --", "abc\r\nFLUSHALL\r\n", "abc:*"]
    {
        let store = patient().prefix(hostile).open(&url).unwrap();
        let id = id();
        let entry = record(id).principal(Some(hostile)).entry(hostile, hostile.as_bytes()).flash(hostile, b"1");
        block_on(store.create(&entry.build().unwrap())).unwrap();
        let change = changes().set_immutable(hostile, b"2").increment("]]..redis.call('FLUSHALL')..[[", 1);
        assert_eq!(block_on(store.commit(id, &change)).unwrap(), Committed::Applied);
        assert_eq!(block_on(store.of_principal(hostile, NOW)).unwrap().len(), 1, "{hostile}");
        assert_eq!(block_on(store.of_principal("*", NOW)).unwrap().len(), 0);
        assert_eq!(block_on(store.count()).unwrap(), 1, "{hostile}");
        assert_eq!(block_on(store.destroy_of_principal("*", None)).unwrap(), []);
        assert_eq!(block_on(store.destroy_all()).unwrap(), 1, "{hostile}");
        assert!(block_on(innocent.load(bystander, NOW)).unwrap().is_some(), "{hostile}");
        assert_eq!(block_on(innocent.count()).unwrap(), 1);
    }
}
