//! Pages for signed-in visitors, or only for those who signed in recently.

use sessions_tests::{Framework, Request, Response, Server, in_every_framework};

in_every_framework! {
    stranger_gets_a_redirect_or_a_bare_401,
    signed_in_visitor_passes,
    stale_login_must_be_confirmed,
    long_path_is_not_passed_on,
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A request for a page, as a browser sends it.
fn page(target: &str) -> Request {
    let request = Request::get(target).field("Sec-Fetch-Mode", "navigate").field("Sec-Fetch-Dest", "document");
    request.field("Accept", BROWSER)
}

/// Expects a bare response that no cache keeps.
#[track_caller]
fn expect_denial(answer: &Response, status: u16, header: &str, location: Option<&str>) {
    assert_eq!((answer.status(), answer.field(header), answer.body()), (status, location, &b""[..]), "{answer}");
    assert_eq!(answer.list("Cache-Control"), ["no-store"], "{answer}");
    assert!(answer.list("Vary").contains(&"cookie".to_owned()), "{answer}");
    assert!(answer.set_cookies().is_empty(), "{answer}");
}

fn stranger_gets_a_redirect_or_a_bare_401(framework: Framework) {
    let server = Server::start(framework);
    for (request, status, header, location) in [
        (page("/private?a=b"), 303, "Location", Some("/?next=/private%3Fa%3Db")),
        (Request::get("/private").field("Accept", BROWSER), 303, "Location", Some("/?next=/private")),
        (Request::get("/private"), 401, "Location", None),
        (Request::get("/private").field("Accept", "application/json"), 401, "Location", None),
        (Request::get("/private").field("Sec-Fetch-Mode", "cors").field("Accept", BROWSER), 401, "Location", None),
        (Request::get("/private").field("HX-Request", "true"), 401, "HX-Redirect", Some("/")),
        (page("/fresh?within=10s"), 303, "Location", Some("/?next=/fresh%3Fwithin%3D10s")),
    ] {
        let answer = server.ask(&request);
        expect_denial(&answer, status, header, location);
    }
    let htmx = Request::get("/private").field("HX-Request", "true").field("HX-Current-URL", "http://localhost/get?a=b");
    expect_denial(&server.ask(&htmx), 401, "HX-Redirect", Some("/?next=/get%3Fa%3Db"));
    let form = Request::post_form("/private", &[]).field("Referer", "http://localhost/get?a=b");
    expect_denial(&server.ask(&form.clone().field("Accept", BROWSER)), 303, "Location", Some("/?next=/get%3Fa%3Db"));
    expect_denial(&server.ask(&form), 401, "Location", None);
}

fn signed_in_visitor_passes(framework: Framework) {
    let server = Server::start(framework);
    let mut ann = server.signed_in("ann");
    ann.ask(page("/private")).expect_text("ann").expect_no_cookie();
    ann.get("/private").expect_text("ann");
    ann.get("/logout").expect_ok();
    expect_denial(&ann.ask(page("/private")), 303, "Location", Some("/?next=/private"));
}

fn stale_login_must_be_confirmed(framework: Framework) {
    let server = Server::start(framework);
    let mut ann = server.signed_in("ann");
    ann.ask(page("/fresh?within=1h")).expect_text("ann");
    expect_denial(&ann.ask(page("/fresh?within=0s")), 303, "Location", Some("/?next=/fresh%3Fwithin%3D0s"));
    expect_denial(&ann.get("/fresh?within=0s"), 401, "Location", None);
    ann.expect_user("ann");
}

fn long_path_is_not_passed_on(framework: Framework) {
    let server = Server::start(framework);
    let long = format!("/private?{}", "a".repeat(3000));
    expect_denial(&server.ask(&page(&long)), 303, "Location", Some("/"));
}
