//! Limits of a record.

use crate::support::{IDLE, changes, id, patient, record};
use pollster::block_on;
use sessions_store::{Lifetime, Limits, Refusal, SecretHash, Store};
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
    let key = format!("s:{id}");
    let all = || [["KEYS", "*"], ["GET", &key], ["PEXPIRETIME", &key]].map(|command| server.cli(&command));
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
        (
            keys,
            changes()
                .bind("user")
                .increment("b", 1)
                .set_immutable("c", b"1")
                .lifetime(Lifetime::ENDLESS.with_idle(IDLE * 2)),
        ),
    ] {
        let changes = changes.renew(SecretHash::from_bytes([9; 32])).remove("n").limited_to(limits);
        assert_eq!(block_on(store.commit(&first, &changes)).unwrap(), Err(Refusal::TooLarge), "{changes:?}");
        assert_eq!(all(), before, "{changes:?}");
    }
}
