//! Requests that a page of another site made the browser send.

use sessions_tests::{Framework, Request, Server, in_every_framework};

in_every_framework! {
    foreign_post_with_our_cookie_is_refused,
    own_pages_links_and_other_clients_pass,
}

fn foreign_post_with_our_cookie_is_refused(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.put("cart", "3 books");
    let form = || Request::post_form("/put", &[("k", "cart"), ("v", "theirs")]);
    for request in [
        form().field("Sec-Fetch-Site", "cross-site").field("Origin", "https://evil.example"),
        form().field("Sec-Fetch-Site", "cross-site"),
        form().field("Origin", "https://evil.example"),
        form().field("Origin", "null"),
        form().field("Origin", "http://localhost.evil.example"),
    ] {
        let refused = visitor.ask(request).expect_status(403).expect_no_cookie();
        assert_eq!(
            (refused.body(), refused.list("Cache-Control")),
            (&b""[..], vec!["no-store".to_owned()]),
            "{refused}"
        );
    }
    assert_eq!(visitor.entries()["cart"], "3 books");
}

fn own_pages_links_and_other_clients_pass(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.put("cart", "3 books");
    let form = || Request::post_form("/put", &[("k", "cart"), ("v", "4 books")]);
    for request in [
        form(),
        form().field("Origin", "http://localhost"),
        form().field("Origin", "http://localhost:3000"),
        form().field("Sec-Fetch-Site", "same-origin").field("Origin", "http://localhost"),
        form().field("Sec-Fetch-Site", "same-site").field("Origin", "http://app.localhost"),
        form().field("Sec-Fetch-Site", "none"),
        Request::get("/put?k=cart&v=4+books").field("Sec-Fetch-Site", "cross-site"),
    ] {
        visitor.ask(request).expect_text("ok");
    }
    assert_eq!(visitor.entries()["cart"], "4 books");
    // Without our cookie, which browsers do not send from another site, it is a new visitor.
    server.ask(&form().field("Sec-Fetch-Site", "cross-site")).expect_text("ok");
}
