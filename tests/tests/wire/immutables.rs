//! Immutable entries, which a plain write cannot replace.

use sessions_tests::{Framework, Server, Visitor, in_every_framework, query};

in_every_framework! {
    an_immutable_entry_is_read_back,
    a_plain_write_cannot_change_an_immutable_entry,
    an_entry_of_another_type_logs_no_warning,
}

/// The name that `/set_immutable` stores.
const STORED: &str = "Edward";

fn an_immutable_entry_is_read_back(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    let before = visitor.get("/get_immutable").expect_no_cookie();
    assert!(!before.text().contains(STORED), "nothing is stored yet, but\n{before}");
    visitor.get("/set_immutable").expect_ok();
    expect_stored(&mut visitor);
    visitor.get("/set_immutable").expect_ok();
    expect_stored(&mut visitor);
}

fn a_plain_write_cannot_change_an_immutable_entry(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/set_immutable").expect_ok();
    let entries = visitor.entries();
    let key = entries.keys().next().expect("/set_immutable stores an entry");
    visitor.get(&query("/put", &[("k", key), ("v", "Gabriel")])).expect_failure().expect_no_cookie();
    assert_eq!(visitor.entries(), entries);
    expect_stored(&mut visitor);
}

fn an_entry_of_another_type_logs_no_warning(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    // The key that `/set_immutable` uses.
    visitor.put("businessEdit", "Gabriel");
    visitor.get("/get_immutable").expect_status(409).expect_no_cookie();
    visitor.get("/").expect_ok();
    visitor.get("/set_immutable").expect_ok();
    expect_stored(&mut visitor);
    let log = server.stop();
    assert!(!log.contains(" WARN ") && !log.contains(" ERROR "), "a client can fill the log:\n{log}");
}

#[track_caller]
fn expect_stored(visitor: &mut Visitor<'_>) {
    let answer = visitor.get("/get_immutable").expect_ok();
    assert!(answer.text().contains(STORED), "expected {STORED}, but\n{answer}");
}
