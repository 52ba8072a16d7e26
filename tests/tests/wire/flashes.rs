//! Flash messages, which are shown once.

use std::collections::BTreeMap;

use sessions_tests::scenarios::flashes::{self, set};
use sessions_tests::{Framework, Server, in_every_framework};

in_every_framework! {
    a_flash_is_read_once,
    a_peek_leaves_the_flash,
    an_unread_flash_stays,
    reading_one_flash_leaves_the_others,
    flashes_and_entries_do_not_mix,
    a_flash_of_one_visitor_is_not_shown_to_another,
    reading_flashes_creates_no_session,
}

fn a_flash_is_read_once(framework: Framework) {
    flashes::a_flash_is_read_once(&Server::start(framework));
}

fn a_peek_leaves_the_flash(framework: Framework) {
    flashes::a_peek_leaves_the_flash(&Server::start(framework));
}

fn an_unread_flash_stays(framework: Framework) {
    flashes::an_unread_flash_stays(&Server::start(framework));
}

fn reading_one_flash_leaves_the_others(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    for key in ["a", "b", "c"] {
        set(&mut visitor, key, "1");
    }
    visitor.get("/flash/get?k=b").expect_text("1");
    let rest: BTreeMap<String, String> = ["a", "c"].map(|key| (key.to_owned(), "1".to_owned())).into();
    assert_eq!(visitor.get("/flash/all").entries(), rest);
    visitor.get("/flash/all").expect_text("{}");
}

fn flashes_and_entries_do_not_mix(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.put("notice", "an entry");
    set(&mut visitor, "notice", "a flash");
    assert_eq!(visitor.entries(), [("notice".to_owned(), "an entry".to_owned())].into());
    visitor.get("/flash/clear").expect_ok();
    visitor.get("/flash/get?k=notice").expect_text("");
    assert_eq!(visitor.entries(), [("notice".to_owned(), "an entry".to_owned())].into());
}

fn a_flash_of_one_visitor_is_not_shown_to_another(framework: Framework) {
    let server = Server::start(framework);
    let (mut ann, mut bob) = (server.visitor(), server.visitor());
    set(&mut ann, "notice", "for ann");
    set(&mut bob, "other", "for bob");
    bob.get("/flash/get?k=notice").expect_text("");
    bob.get("/flash/clear").expect_ok();
    ann.get("/flash/get?k=notice").expect_text("for ann");
}

fn reading_flashes_creates_no_session(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/flash/get?k=notice").expect_text("").expect_no_cookie();
    visitor.get("/flash/peek?k=notice").expect_text("").expect_no_cookie();
    visitor.get("/flash/all").expect_text("{}").expect_no_cookie();
    visitor.get("/flash/clear").expect_ok().expect_no_cookie();
}
