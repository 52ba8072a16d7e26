//! Requests that a page of another site, or of another origin, made the browser send.

use sessions_tests::{Framework, Options, Request, Response, Server, Visitor, in_every_framework};

in_every_framework! {
    foreign_post_with_our_cookie_is_refused,
    own_pages_links_and_other_clients_pass,
    other_origins_of_the_site_are_refused_if_asked_for,
    own_pages_and_other_clients_pass_the_strict_check,
    strict_check_needs_no_cookie,
    every_unsafe_method_is_checked,
    only_a_get_that_opens_a_websocket_is_checked,
    trusted_origin_passes_either_check,
    lookalike_of_a_trusted_origin_is_refused,
    host_that_a_proxy_reports_does_not_count,
    everything_passes_without_a_check,
}

const EVIL: &str = "https://evil.example";

/// Starts a demo with a check, such as `cross-origin`, and trusted origins.
fn start(framework: Framework, check: &str, trusted: &[&str]) -> Server {
    let options = Options::new(framework).argument("--cross-origin").argument(check);
    trusted.iter().fold(options, |options, origin| options.argument("--trust-origin").argument(origin)).start()
}

/// Returns a form that changes the cart, as a browser posts it from a page of `origin`. Empty texts
/// stand for headers that are not sent.
fn form(site: &str, origin: &str) -> Request {
    let form = Request::post_form("/put", &[("k", "cart"), ("v", "4 books")]);
    let headers = [("Sec-Fetch-Site", site), ("Origin", origin)].into_iter().filter(|(_, value)| !value.is_empty());
    headers.fold(form, |form, (name, value)| form.field(name, value))
}

/// Returns a visitor whose cart has 3 books.
fn shopper(server: &Server) -> Visitor<'_> {
    let mut visitor = server.visitor();
    visitor.put("cart", "3 books");
    visitor
}

/// Expects that a request is refused and changes nothing.
#[track_caller]
fn expect_refused(shopper: &mut Visitor<'_>, request: Request) {
    expect_refusal(&shopper.ask(request));
    assert_eq!(shopper.entries()["cart"], "3 books");
}

#[track_caller]
fn expect_refusal(answer: &Response) {
    assert!(answer.status() == 403 && answer.set_cookies().is_empty() && answer.body().is_empty(), "{answer}");
    assert_eq!(answer.list("Cache-Control"), ["no-store"], "{answer}");
}

/// Expects that a request is carried out, and undoes its effect.
#[track_caller]
fn expect_passed(shopper: &mut Visitor<'_>, request: Request) {
    shopper.ask(request).expect_text("ok");
    assert_eq!(shopper.entries()["cart"], "4 books");
    shopper.put("cart", "3 books");
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

fn other_origins_of_the_site_are_refused_if_asked_for(framework: Framework) {
    let server = start(framework, "cross-origin", &[]);
    let mut shopper = shopper(&server);
    for request in [
        form("same-site", "http://app.localhost"),
        form("same-site", "http://localhost:3000"),
        form("same-site", ""),
        form("cross-site", EVIL),
        form("cross-site", ""),
        // An older browser, or a page over plain HTTP.
        form("", "http://localhost:3000"),
        form("", "http://localhost:443"),
        form("", "http://localhost:8080").host("localhost:8081"),
        form("", "http://app.localhost"),
        form("", EVIL),
        form("", "null"),
        // The value of a later standard.
        form("same-party", "http://localhost"),
    ] {
        expect_refused(&mut shopper, request);
    }
}

fn own_pages_and_other_clients_pass_the_strict_check(framework: Framework) {
    let server = start(framework, "cross-origin", &[]);
    let mut shopper = shopper(&server);
    for request in [
        form("", ""),
        form("none", ""),
        form("same-origin", "http://localhost"),
        // A proxy may have replaced the Host, which does not matter here.
        form("same-origin", "https://shop.example"),
        form("", "http://localhost"),
        form("", "https://localhost"),
        form("", "https://LOCALHOST:443"),
        form("", "http://localhost:8080").host("localhost:8080"),
    ] {
        expect_passed(&mut shopper, request);
    }
}

fn strict_check_needs_no_cookie(framework: Framework) {
    let mild = start(framework, "cross-site", &[]);
    let strict = start(framework, "cross-origin", &[]);
    // A foreign page that signs its visitor in to the attacker's account.
    let login = |site| Request::post_form("/login", &[("user", "mallory")]).field("Sec-Fetch-Site", site);
    for site in ["cross-site", "same-site"] {
        mild.ask(&login(site)).expect_text("ok");
        expect_refusal(&strict.ask(&login(site)));
        // Browsers store `Basic` passwords and send them by themselves.
        expect_refusal(&strict.ask(&login(site).field("Authorization", "Basic YTpi")));
        // No page can make a browser send this.
        strict.ask(&login(site).field("Authorization", "Bearer x")).expect_text("ok");
        // A route that does not ask for the session is not checked.
        strict.ask(&Request::new("OPTIONS", "/plain").field("Sec-Fetch-Site", site)).expect_status(204);
        strict.ask(&Request::post_form("/plain", &[]).field("Sec-Fetch-Site", site)).expect_status(405);
    }
    strict.ask(&login("same-origin")).expect_text("ok");
}

fn every_unsafe_method_is_checked(framework: Framework) {
    for check in ["cross-site", "cross-origin"] {
        let server = start(framework, check, &[]);
        let mut shopper = shopper(&server);
        for method in ["PUT", "PATCH", "DELETE", "PROPFIND"] {
            let ask = |site| Request::new(method, "/put?k=cart&v=4+books").field("Sec-Fetch-Site", site);
            expect_refusal(&shopper.ask(ask("cross-site")));
            shopper.ask(ask("same-origin")).expect_status(405);
        }
        for method in ["HEAD", "OPTIONS"] {
            let answer = shopper.ask(Request::new(method, "/get/").field("Sec-Fetch-Site", "cross-site"));
            assert!(matches!(answer.status(), 200 | 204), "{answer}");
        }
        assert_eq!(shopper.entries()["cart"], "3 books");
    }
}

fn only_a_get_that_opens_a_websocket_is_checked(framework: Framework) {
    let server = start(framework, "cross-origin", &[]);
    let mut ann = server.signed_in("ann");
    let foreign = || Request::get("/private").field("Sec-Fetch-Site", "cross-site").field("Origin", EVIL);
    let handshake = |request: Request| {
        let request = request.field("Connection", "Upgrade").field("Upgrade", "websocket");
        request.field("Sec-WebSocket-Version", "13").field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    ann.twin().ask(foreign()).expect_text("ann");
    // After a handshake that is not accepted, some frameworks read no further request.
    expect_refusal(&ann.twin().ask(handshake(foreign())));
    let own = Request::get("/private").field("Origin", "http://localhost");
    ann.twin().ask(handshake(own)).expect_text("ann");
    let link = Request::get("/put?k=cart&v=4+books").field("Sec-Fetch-Site", "cross-site");
    ann.ask(link).expect_text("ok");
    assert_eq!(ann.entries()["cart"], "4 books");
}

fn trusted_origin_passes_either_check(framework: Framework) {
    for check in ["cross-site", "cross-origin"] {
        let trusted = ["https://app.example", "HTTPS://Login.Example:443", "http://localhost:3000"];
        let server = start(framework, check, &trusted);
        let mut shopper = shopper(&server);
        for origin in [
            "https://app.example",
            "https://login.example",
            "http://localhost:3000",
            // Scheme and host are case-insensitive (RFC 3986 section 6.2.2.1).
            "HTTPS://APP.example",
        ] {
            for site in ["cross-site", "same-site", ""] {
                expect_passed(&mut shopper, form(site, origin));
            }
            let login = Request::post_form("/login", &[("user", "ann")]).field("Sec-Fetch-Site", "cross-site");
            server.ask(&login.field("Origin", origin)).expect_text("ok");
        }
        expect_refused(&mut shopper, form("cross-site", EVIL));
        expect_refused(&mut shopper, form("cross-site", ""));
    }
}

fn lookalike_of_a_trusted_origin_is_refused(framework: Framework) {
    for check in ["cross-site", "cross-origin"] {
        let server = start(framework, check, &["https://app.example", "https://shop.example:8443"]);
        let mut shopper = shopper(&server);
        for origin in [
            "https://app.example.evil.example",
            "https://evilapp.example",
            "https://www.app.example",
            "https://app.example@evil.example",
            "http://app.example",
            "wss://app.example",
            "https://app.example:8443",
            "https://app.example:443",
            "https://app.example.",
            "https://app.example/",
            "https://app.example https://evil.example",
            "https://shop.example",
            "https://shop.example:84430",
            "app.example",
            "null",
        ] {
            for site in ["cross-site", ""] {
                expect_refused(&mut shopper, form(site, origin));
            }
        }
        // Only the first of two counts, and no browser sends two.
        expect_refused(&mut shopper, form("cross-site", EVIL).field("Origin", "https://app.example"));
    }
}

fn host_that_a_proxy_reports_does_not_count(framework: Framework) {
    for check in ["cross-site", "cross-origin"] {
        let options = Options::new(framework).argument("--cross-origin").argument(check);
        let server = options.argument("--trust-proxy").argument("127.0.0.1").argument("--forwarded").start();
        let mut shopper = shopper(&server);
        let reported = |request: Request| {
            let request = request.field("X-Forwarded-Host", "shop.example").field("X-Forwarded-Proto", "https");
            request.field("Forwarded", "for=192.0.2.1;host=shop.example;proto=https")
        };
        expect_refused(&mut shopper, reported(form("", "https://shop.example")));
        // With the browser's Host, which the proxy passes on.
        let passed_on = |site| reported(form(site, "https://shop.example")).host("shop.example");
        expect_passed(&mut shopper, passed_on(""));
        expect_passed(&mut shopper, passed_on("same-origin"));
        expect_refused(&mut shopper, reported(form("", EVIL)).host("shop.example"));
    }
}

fn everything_passes_without_a_check(framework: Framework) {
    let server = start(framework, "off", &[]);
    let mut shopper = shopper(&server);
    for site in ["cross-site", "same-site", "same-origin", "none", ""] {
        for origin in [EVIL, "http://app.localhost", "http://localhost", "null", ""] {
            expect_passed(&mut shopper, form(site, origin));
        }
    }
    server.ask(&form("cross-site", EVIL)).expect_text("ok");
}
