//! The routes of go-sessions' overview example, and what a visitor sees of a session.

use sessions_tests::{Framework, Options, Request, Server, WhoAmI, in_every_framework};

in_every_framework! {
    the_next_request_greets_the_stored_name,
    a_visitor_never_gets_the_name_of_another,
    delete_removes_the_name_and_nothing_else,
    clear_removes_the_entries_and_keeps_the_session,
    a_new_session_can_follow_a_destroy,
    update_keeps_the_session_and_its_entries,
    a_session_is_new_until_it_is_stored,
    a_route_without_a_session_sends_no_session_headers,
    unknown_routes_and_methods_are_refused,
    the_limits_of_a_session_can_be_chosen_at_start,
}

fn the_next_request_greets_the_stored_name(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/get").expect_name("").expect_no_cookie();
    visitor.get("/set").expect_text("All ok session set to: iris");
    visitor.get("/get").expect_name("iris").expect_no_cookie();
    visitor.get("/get").expect_name("iris").expect_no_cookie();
}

fn a_visitor_never_gets_the_name_of_another(framework: Framework) {
    let server = Server::start(framework);
    let (mut ann, mut bob, mut eve) = (server.visitor(), server.visitor(), server.visitor());
    ann.put("name", "ann");
    bob.put("name", "bob");
    assert_ne!(ann.token(), bob.token());
    assert_ne!(ann.id(), bob.id());
    ann.get("/get").expect_name("ann");
    bob.get("/get").expect_name("bob");
    eve.get("/get").expect_name("").expect_no_cookie();
}

fn delete_removes_the_name_and_nothing_else(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    visitor.put("city", "Thessaloniki");
    visitor.get("/delete").expect_ok();
    visitor.get("/get").expect_name("");
    assert_eq!(visitor.entries(), [("city".to_owned(), "Thessaloniki".to_owned())].into());
}

fn clear_removes_the_entries_and_keeps_the_session(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    visitor.get("/set").expect_ok();
    let before = visitor.whoami();
    visitor.get("/clear").expect_ok();
    assert_eq!(visitor.entries(), [].into());
    assert_eq!(visitor.whoami(), before);
    visitor.put("name", "again");
    visitor.get("/get").expect_name("again");
}

fn a_new_session_can_follow_a_destroy(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    let (id, mut replay) = (visitor.id(), visitor.twin());
    visitor.get("/destroy").expect_ok();
    assert_eq!(visitor.cookie(), None, "the cookie is removed");
    replay.expect_anonymous();
    visitor.get("/set").expect_ok();
    visitor.get("/get").expect_name("iris");
    assert_ne!(visitor.id(), id);
}

fn update_keeps_the_session_and_its_entries(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    let id = visitor.id();
    visitor.get("/update").expect_ok();
    visitor.get("/get").expect_name("iris");
    assert_eq!(visitor.id(), id);
    // Without a session, there is nothing to extend or create.
    server.visitor().get("/update").expect_no_cookie();
}

fn a_session_is_new_until_it_is_stored(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    assert_eq!(visitor.whoami(), WhoAmI { id: None, user: None, is_new: true });
    assert_eq!(visitor.cookie(), None);
    visitor.get("/set").expect_ok();
    let stored = visitor.whoami();
    assert!(stored.id.is_some(), "{stored:?}");
    assert_eq!((stored.user.as_deref(), stored.is_new), (None, false));
    assert_eq!(visitor.whoami(), stored, "a session keeps its id");
}

fn a_route_without_a_session_sends_no_session_headers(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    for _ in 0..2 {
        let plain = visitor.get("/plain").expect_text("ok").expect_no_cookie();
        assert!(!plain.list("Vary").contains(&"cookie".to_owned()), "{plain}");
        assert!(!plain.list("Cache-Control").contains(&"no-store".to_owned()), "{plain}");
        // The second round has a session.
        visitor.get("/set").expect_ok();
    }
}

fn unknown_routes_and_methods_are_refused(framework: Framework) {
    let server = Server::start(framework);
    server.ask(&Request::get("/no-such-route")).expect_status(404).expect_no_cookie();
    for request in [Request::post_form("/whoami", &[]), Request::post_form("/", &[]), Request::new("DELETE", "/set")] {
        server.ask(&request).expect_status(405).expect_no_cookie();
    }
}

fn the_limits_of_a_session_can_be_chosen_at_start(framework: Framework) {
    let options = Options::new(framework).argument("--idle").argument("45m");
    let server = options.argument("--absolute").argument("2h").start();
    let mut visitor = server.visitor();
    visitor.get("/set").expect_text("All ok session set to: iris");
    visitor.get("/get").expect_name("iris");
}
