//! Contents of Redis: one string a session, bounded in time, and few round trips.

use std::time::Duration;

use crate::support::{IDLE, NOW, SECRET, changes, commit, id, names, patient, prefix, record, server, text, valkey};
use pollster::block_on;
use sessions_redis::RedisStore;
use sessions_store::{Changes, Created, Lifetime, Record, Refusal, Store, StoreErrorKind};
use test_servers::{Options, Server};

fn store() -> (RedisStore, String) {
    let prefix = prefix();
    let store = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    (store, prefix)
}

fn cli(arguments: &[&str]) -> String {
    server().cli(arguments)
}

#[test]
fn a_value_is_the_records_bytes() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let first = record(id).entry("user", b"ada").principal(Some("ada")).build().unwrap();
    block_on(store.create(&first)).unwrap();
    let key = format!("{prefix}{id}");
    let length: usize = cli(&["STRLEN", &key]).parse().unwrap();
    assert_eq!(length, first.as_bytes().len() + Record::STAMP_LENGTH);
    assert!(cli(&["GETRANGE", &key, "96", "-1"]).starts_with("ada"));
    assert_eq!(cli(&["ZCARD", &format!("{prefix}#p:ada")]), "1");
}

/// Plays a session's life, and returns the commands of each step.
fn round_trips(server: &Server, prefix: &str) -> Vec<Vec<String>> {
    let store = patient().prefix(prefix).open(&server.url()).unwrap();
    block_on(store.ping()).unwrap();
    let base = record(id()).entry("a", b"1").build().unwrap();
    let step =
        |work: &mut dyn FnMut()| names(&server.commands_during(work)).iter().map(|name| (*name).to_owned()).collect();
    let mut steps = vec![step(&mut || drop(block_on(store.create(&base)).unwrap()))];
    let mut base = base;
    steps.push(step(&mut || base = block_on(store.load(base.id(), NOW)).unwrap().unwrap()));
    steps.push(step(&mut || base = block_on(store.commit(&base, &changes().set("a", b"2"))).unwrap().unwrap()));
    steps.push(step(&mut || base = block_on(store.commit(&base, &changes())).unwrap().unwrap()));
    steps.push(step(&mut || base = block_on(store.commit(&base, &changes().bind("user"))).unwrap().unwrap()));
    steps.push(step(&mut || drop(block_on(store.sweep(100, NOW)).unwrap())));
    steps
}

#[test]
fn each_step_takes_few_round_trips() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    // The server gets to know the scripts, and the connection that there is no native swap.
    let warm_up = round_trips(&server, "warm:");
    assert_eq!(warm_up[2], ["SET", "EVALSHA", "EVAL"]);
    let expected: [&[&str]; 6] = [&["SET"], &["GET"], &["SET", "EVALSHA"], &["EVALSHA"], &["EVALSHA", "EVALSHA"], &[]];
    assert_eq!(round_trips(&server, "s:"), expected, "a new connection asks once");
    if test_servers::valkey_is_installed() {
        let server = Options::new().valkey().start();
        let _ = round_trips(&server, "warm:");
        let expected: [&[&str]; 6] = [&["SET"], &["GET"], &["SET"], &["SET"], &["EVALSHA", "SET"], &[]];
        assert_eq!(round_trips(&server, "s:"), expected);
    }
}

#[test]
fn a_large_record_is_patched() {
    if !test_servers::installed() {
        return;
    }
    let mut servers = vec![server()];
    if test_servers::valkey_is_installed() {
        servers.push(valkey());
    }
    for server in servers {
        let store = patient().open(&server.url()).unwrap();
        let id = id();
        let large = vec![b'x'; 20_000];
        let first = record(id).entry("large", &large).entry("count", b"10").idle(Some(IDLE)).build().unwrap();
        block_on(store.create(&first)).unwrap();
        let mut base = block_on(store.load(id, NOW)).unwrap().unwrap();
        for count in 11..15 {
            base = block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap();
            let found = block_on(store.load(id, NOW)).unwrap().unwrap();
            assert!(found == base, "what is stored is what was returned");
            assert_eq!(text(&found, "count").unwrap(), count.to_string());
        }
        let changed = block_on(store.commit(&base, &changes().set("large", &[b'y'; 20_000]))).unwrap().unwrap();
        assert!(block_on(store.load(id, NOW)).unwrap().unwrap() == changed);
        // The patch names what it patches.
        let late = block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap();
        assert_eq!(late.entry("large").unwrap().value(), [b'y'; 20_000]);
        assert!(block_on(store.load(id, NOW)).unwrap().unwrap() == late);
    }
    // Its commands are small.
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let first = record(id()).entry("large", &[b'x'; 20_000]).entry("count", b"10").build().unwrap();
    block_on(store.create(&first)).unwrap();
    let base = block_on(store.load(first.id(), NOW)).unwrap().unwrap();
    let commands = server.commands_during(|| {
        block_on(store.commit(&base, &changes().increment("count", 1))).unwrap().unwrap();
    });
    let sizes: Vec<usize> = commands.iter().map(|words| words.iter().map(String::len).sum()).collect();
    assert!(!sizes.is_empty() && sizes.iter().all(|size| *size < 2000), "{sizes:?}");
}

#[test]
fn everything_that_can_expire_has_a_time_to_live() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let absolute = NOW.after(IDLE * 4);
    for number in 0..20 {
        let id = id();
        let principal = format!("user-{number}");
        let mut builder = record(id).entry("a", b"1").absolute_deadline(absolute);
        builder = match number % 3 {
            0 => builder,
            1 => builder.principal(Some(&principal)),
            _ => builder.idle(None),
        };
        assert_eq!(block_on(store.create(&builder.build().unwrap())).unwrap(), Created::STORED);
        let mut changes = changes().set("a", b"2").increment("c", 1);
        if number % 4 == 0 {
            changes = changes.bind("user-9");
        }
        let base = block_on(store.load(id, NOW)).unwrap().unwrap();
        block_on(store.commit(&base, &changes)).unwrap().unwrap();
    }
    let keys = server.cli(&["KEYS", "*"]);
    assert!(keys.lines().count() > 25, "{keys}");
    for key in keys.lines() {
        let left: i64 = server.cli(&["PTTL", key]).parse().unwrap();
        let most = (IDLE * 4).as_millis() as i64 + 300_000;
        assert!((1..=most).contains(&left), "{key}: {left}");
    }
}

#[test]
fn a_time_to_live_follows_the_limits() {
    if !test_servers::installed() {
        return;
    }
    let mut servers = vec![server()];
    if test_servers::valkey_is_installed() {
        servers.push(valkey());
    }
    for server in servers {
        // A small record is replaced, a large one patched.
        for size in [1, 20_000] {
            let prefix = prefix();
            let store = patient().prefix(prefix.as_str()).open(&server.url()).unwrap();
            let id = id();
            let key = format!("{prefix}{id}");
            let left = || server.cli(&["PTTL", &key]).parse::<i64>().unwrap();
            let near = |expected: Duration| {
                let expected = expected.as_millis() as i64 + 300_000;
                assert!((expected - 30_000..=expected).contains(&left()), "{} for {expected}", left());
            };
            block_on(store.create(&record(id).entry("a", &vec![b'x'; size]).build().unwrap())).unwrap();
            near(IDLE);
            block_on(commit(&store, id, &changes().lifetime(Lifetime::ENDLESS.with_idle(IDLE * 3)))).unwrap().unwrap();
            near(IDLE * 3);
            block_on(commit(&store, id, &changes().lifetime(Lifetime::ENDLESS.with_idle(Duration::MAX))))
                .unwrap()
                .unwrap();
            assert_eq!(left(), -1, "it never expires");
            block_on(commit(&store, id, &changes().lifetime(Lifetime::ENDLESS.with_idle(IDLE)))).unwrap().unwrap();
            near(IDLE);
            // Longer than anybody will be there to see.
            block_on(commit(
                &store,
                id,
                &changes().lifetime(Lifetime::ENDLESS.with_idle(Duration::from_secs(1 << 50))),
            ))
            .unwrap()
            .unwrap();
            assert!(left() > 3_155_000_000_000);
        }
    }
}

/// Regression: after a commit by a clock that was ahead, the key was gone before its session's end.
#[test]
fn a_clock_that_is_ahead_ends_no_session_early() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    let new = record(id).idle(None).absolute_deadline(NOW.after(IDLE));
    block_on(store.create(&new.build().unwrap())).unwrap();
    // The others would not take a later one.
    let ahead = Changes::new(NOW.after(Duration::from_secs(300)), SECRET);
    block_on(commit(&store, id, &ahead.set("a", b"1"))).unwrap().unwrap();
    let left: u64 = cli(&["PTTL", &format!("{prefix}{id}")]).parse().unwrap();
    assert!(Duration::from_millis(left) > IDLE - Duration::from_secs(60), "{left}");
}

#[test]
fn an_expired_record_is_dead_before_its_key() {
    if !test_servers::installed() {
        return;
    }
    let (store, prefix) = store();
    let id = id();
    block_on(store.create(&record(id).build().unwrap())).unwrap();
    let late = NOW.after(IDLE);
    assert!(!block_on(store.load(id, late)).unwrap().unwrap().is_live(late), "so that the log can say that it expired");
    let revive = Changes::new(late, SECRET).set("a", b"1");
    assert_eq!(block_on(commit(&store, id, &revive)).unwrap(), Err(Refusal::Gone));
    assert_eq!(cli(&["EXISTS", &format!("{prefix}{id}")]), "1");
    assert!(block_on(store.scan(None, 1000, late)).unwrap().records.is_empty());
}

#[test]
fn what_is_no_session_is_unreadable_and_can_be_destroyed() {
    if !test_servers::installed() {
        return;
    }
    let damages: [&[&str]; 5] = [
        &["HSET", "field", "value"],
        &["RPUSH", "value"],
        &["SET", ""],
        &["SET", "\u{1}short"],
        &["SETRANGE", "2", "~~"],
    ];
    let (store, prefix) = store();
    let well = id();
    block_on(store.create(&record(well).principal(Some("one")).build().unwrap())).unwrap();
    for damage in damages {
        let id = id();
        let key = format!("{prefix}{id}");
        block_on(store.create(&record(id).principal(Some("one")).build().unwrap())).unwrap();
        if damage[0] != "SETRANGE" {
            let _ = cli(&["DEL", &key]);
        }
        let _ = cli(&[&[damage[0], key.as_str()], &damage[1..]].concat());
        assert_eq!(block_on(store.load(id, NOW)).unwrap_err().kind(), StoreErrorKind::Unreadable, "{damage:?}");
        let write = changes().set("a", b"1");
        assert_eq!(block_on(commit(&store, id, &write)).unwrap_err().kind(), StoreErrorKind::Unreadable, "{damage:?}");
        let ours: Vec<_> = block_on(store.of_principal("one", NOW)).unwrap().iter().map(Record::id).collect();
        assert_eq!(ours, [well], "{damage:?}");
        let page = block_on(store.scan(None, 1000, NOW)).unwrap();
        assert!(page.records.iter().all(|record| record.id() != id), "{damage:?}");
        assert!(block_on(store.destroy(id)).unwrap(), "{damage:?}");
        assert_eq!(cli(&["EXISTS", &key]), "0", "{damage:?}");
    }
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
        block_on(commit(&store, id, &change)).unwrap().unwrap();
        assert_eq!(block_on(store.of_principal(hostile, NOW)).unwrap().len(), 1, "{hostile}");
        assert_eq!(block_on(store.of_principal("*", NOW)).unwrap().len(), 0);
        assert_eq!(block_on(store.count()).unwrap(), 1, "{hostile}");
        assert_eq!(block_on(store.destroy_of_principal("*", None)).unwrap(), []);
        assert_eq!(block_on(store.destroy_all()).unwrap(), 1, "{hostile}");
        assert!(block_on(innocent.load(bystander, NOW)).unwrap().is_some(), "{hostile}");
        assert_eq!(block_on(innocent.count()).unwrap(), 1);
    }
}
