//! The methods HEAD and OPTIONS, and posted forms.

use sessions_tests::{Framework, Request, Server, in_every_framework};

in_every_framework! {
    a_target_may_have_the_absolute_form,
    a_large_form_is_refused_as_a_whole,
    head_is_get_without_the_body,
    options_begins_no_session,
    a_form_is_posted,
}

fn head_is_get_without_the_body(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    for route in ["/plain", "/get", "/whoami", "/private", "/fresh"] {
        let (get, head) = (visitor.get(route), visitor.ask(Request::new("HEAD", route)));
        assert_eq!((head.status(), head.body()), (get.status(), &b""[..]), "{head}");
        for field in ["Vary", "Cache-Control"] {
            assert_eq!(head.list(field), get.list(field), "{field} of {route}");
        }
        head.expect_no_cookie();
    }
    let head = visitor.ask(Request::new("HEAD", "/set")).expect_ok();
    assert_eq!(head.set_cookies().len(), 1, "expected the cookie of GET, but\n{head}");
    visitor.get("/get").expect_name("iris");
    visitor.ask(Request::new("HEAD", "/get")).expect_ok().expect_no_cookie();
    let removed = visitor.ask(Request::new("HEAD", "/logout")).expect_ok();
    assert!(removed.set_cookies().iter().all(|cookie| cookie.is_removal()), "{removed}");
    assert_eq!(visitor.cookie(), None, "expected the removal of GET, but\n{removed}");
}

fn options_begins_no_session(framework: Framework) {
    let server = Server::start(framework);
    for route in
        ["/set", "/put?k=a&v=1", "/incr?k=n", "/login?user=ann", "/flash/set?k=a&v=1", "/set_immutable", "/set/"]
    {
        let preflight = Request::new("OPTIONS", route).field("Origin", "https://example.com");
        let answer = server.ask(&preflight.field("Access-Control-Request-Method", "GET")).expect_no_cookie();
        assert!(answer.status() < 500, "{answer}");
    }
    let preflight = Request::new("OPTIONS", "/login?user=ann").field("Origin", "https://example.com");
    let mut connection = server.connect();
    for _ in 0..100 {
        connection.exchange(&preflight).expect("a preflight is answered").expect_status(204).expect_no_cookie();
    }
    let sessions = server.signed_in("ann").get("/sessions").json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
}

fn a_form_is_posted(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.ask(Request::post_form("/put", &[("k", "a & b"), ("v", "1 = 1")])).expect_text("ok");
    visitor.ask(Request::post_form("/login", &[("user", "Ann Éluard")])).expect_text("ok");
    visitor.expect_user("Ann Éluard");
    assert_eq!(visitor.entries(), [("a & b".to_owned(), "1 = 1".to_owned())].into());
    // Only the fields of the form count, not the query of its target.
    visitor.ask(Request::post_form("/login?user=eve", &[])).expect_status(400);
    visitor.expect_user("Ann Éluard");
}

fn a_target_may_have_the_absolute_form(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    visitor.get("http://localhost/plain").expect_text("ok");
    visitor.get("http://localhost/put?k=cart&v=http://3").expect_text("ok");
    assert_eq!(visitor.entries()["cart"], "http://3");
    visitor.get("http://localhost/private").expect_text("ann");
    for page in ["http://localhost", "http://localhost?next=/private"] {
        assert!(visitor.get(page).expect_ok().text().contains("Sessions demo"), "{page}");
    }
    // A URL inside the path does not count.
    visitor.get("/plain/http://localhost/private").expect_status(404);
}

fn a_large_form_is_refused_as_a_whole(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    let tail = "x".repeat(3 << 20);
    let large = Request::post_form("/put", &[("k", "a"), ("v", "1"), ("tail", &tail)]);
    // On a connection of its own, which a server may close instead of reading the rest.
    visitor.twin().ask(large).expect_status(413).expect_no_cookie();
    assert!(visitor.entries().is_empty());
    visitor.ask(Request::post_form("/put", &[("k", "a"), ("v", "1"), ("tail", &tail[..1000])])).expect_text("ok");
    assert_eq!(visitor.entries()["a"], "1");
}
