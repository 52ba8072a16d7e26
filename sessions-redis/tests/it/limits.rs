//! Limits of a record, which is measured only if it might exceed them.

use crate::support::{IDLE, SECRET, changes, id, patient, prefix, record, server};
use pollster::block_on;
use sessions_core::record::{Changes, Limits, SecretHash};
use sessions_core::store::{Committed, Store};
use test_servers::Server;

#[test]
fn a_commit_past_a_limit_leaves_nothing_behind() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().prefix("s:").open(&server.url()).unwrap();
    let id = id();
    let first = record(id).entry("a", b"1").entry("n", b"9").immutable("plan", b"2").flash("notice", b"3");
    let first = first.build().unwrap();
    block_on(store.create(&first)).unwrap();
    // The mark of the creation expires by itself later.
    let _ = server.cli(&["DEL", &server.cli(&["KEYS", "s:done:*"])]);
    let key = format!("s:{id}");
    let all = || [["KEYS", "*"], ["HGETALL", &key], ["PEXPIRETIME", &key]].map(|command| server.cli(&command));
    let before = all();
    assert_eq!(before[0], key);
    let long = "v".repeat(200);
    let (bytes, keys) = (Limits::new(first.as_bytes().len() + 100, usize::MAX), Limits::new(usize::MAX, 3));
    for (limits, changes) in [
        (bytes, changes().set("a", long.as_bytes())),
        (bytes, changes().set_immutable("a", long.as_bytes())),
        (bytes, changes().set_flash("notice", long.as_bytes())),
        (bytes, changes().increment(&long, 1)),
        (bytes, changes().bind(long.as_str())),
        (bytes, changes().clear_entries().bind("user").set("a", long.as_bytes())),
        (keys, changes().set("b", b"1").set_flash("b", b"1")),
        (keys, changes().bind("user").increment("b", 1).set_immutable("c", b"1").idle(IDLE * 2)),
    ] {
        let changes = changes.renew(SecretHash::from_bytes([9; 32])).remove("n").limited_to(limits);
        assert_eq!(block_on(store.commit(id, &changes)).unwrap(), Committed::TooLarge, "{changes:?}");
        assert_eq!(all(), before, "{changes:?}");
    }
}

#[test]
fn only_a_record_near_its_limit_is_measured() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = patient().open(&server.url()).unwrap();
    let id = id();
    let first = record(id).entry("n", b"0").entry("text", b"").build().unwrap();
    block_on(store.create(&first)).unwrap();
    let limits = Limits::new(first.as_bytes().len() + 100, 3);
    let is_measured_by = |change: Changes| {
        let _ = server.cli(&["CONFIG", "RESETSTAT"]);
        assert_eq!(block_on(store.commit(id, &change.limited_to(limits))).unwrap(), Committed::Applied);
        server.cli(&["INFO", "commandstats"]).contains("cmdstat_hgetall")
    };
    let text = || changes().set("text", &[b'1'; 30]);
    // Each may add 42 bytes, the first of them does.
    assert_eq!([0; 4].map(|_| is_measured_by(text())), [false, false, true, false]);
    assert!(is_measured_by(text().set("new", b"1")), "the keys may be too many");
    assert!(!is_measured_by(changes().increment("n", 1)), "as long as it was");
    assert!(!is_measured_by(changes().remove("new").renew(SECRET)), "nothing comes");
}

#[test]
fn a_record_whose_head_has_no_size_is_measured() {
    if !test_servers::installed() {
        return;
    }
    let prefix = prefix();
    let store = patient().prefix(prefix.as_str()).open(&server().url()).unwrap();
    let cli = |arguments: &[&str]| server().cli(arguments);
    let id = id();
    let key = format!("{prefix}{id}");
    let first = record(id).entry("text", b"1").principal(Some("user")).build().unwrap();
    block_on(store.create(&first)).unwrap();
    let size = first.as_bytes().len();
    let head = |rest: &str| format!("1 1700000000000 1700000000000 1800000 - {rest}");
    assert_eq!(cli(&["HGET", &key, "h"]), head(&format!("0 {size}")));
    let _ = cli(&["HSET", &key, "h", &head("0")]);
    let commit = |changes: Changes| block_on(store.commit(id, &changes)).unwrap();
    assert_eq!(commit(changes().set("text", b"2")), Committed::Applied);
    assert_eq!(cli(&["HGET", &key, "h"]), head("1"), "without a limit, nothing is measured");
    let limits = Limits::new(size + 1, 1);
    assert_eq!(commit(changes().set("text", b"123").limited_to(limits)), Committed::TooLarge);
    assert_eq!(commit(changes().set("text", b"12").limited_to(limits)), Committed::Applied);
    assert_eq!(cli(&["HGET", &key, "h"]), head(&format!("2 {}", size + 1)));
}
