//! The cookie that the server sets and removes.

use sessions_tests::{Browser, Framework, Options, Request, Server, SetCookie, decoded, in_every_framework};

in_every_framework! {
    the_cookie_is_as_safe_as_a_browser_can_make_it,
    the_removal_names_the_same_cookie,
    without_a_cookie_none_is_removed,
    the_cookie_is_independent_of_the_host_header,
    plain_http_uses_another_cookie,
    every_route_sets_our_cookie_at_most_once,
    the_cookie_is_set_once_and_not_again,
    other_cookies_of_the_request_are_left_alone,
}

const ATTRIBUTES: [&str; 4] = ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"];

#[track_caller]
fn first_cookie(server: &Server) -> SetCookie {
    let answer = server.ask(&Request::get("/set")).expect_ok();
    match answer.set_cookies().as_slice() {
        [cookie] => cookie.clone(),
        _ => panic!("expected one Set-Cookie, but\n{answer}"),
    }
}

fn the_cookie_is_as_safe_as_a_browser_can_make_it(framework: Framework) {
    let server = Server::start(framework);
    let cookie = first_cookie(&server);
    assert_eq!(cookie.name(), "__Host-id");
    assert_eq!(cookie.attributes(), ATTRIBUTES, "{cookie}");
    assert_eq!(cookie.value().len(), 43, "{cookie}");
    assert!(decoded(cookie.value()).is_some(), "{cookie}");
}

fn the_removal_names_the_same_cookie(framework: Framework) {
    let server = Server::start(framework);
    for route in ["/logout", "/destroy", "/destroy/"] {
        let mut visitor = server.signed_in("ann");
        let answer = visitor.get(route).expect_ok();
        let cookies = answer.set_cookies();
        let [removal] = cookies.as_slice() else { panic!("expected one Set-Cookie, but\n{answer}") };
        assert_eq!((removal.name(), removal.value()), ("__Host-id", ""), "{removal}");
        assert_eq!(removal.attribute("Max-Age"), Some("0"), "{removal}");
        let lives = |attribute: &&str| !attribute.starts_with("Max-Age=") && !attribute.starts_with("Expires=");
        let rest: Vec<&str> = removal.attributes().into_iter().filter(lives).collect();
        assert_eq!(rest, ATTRIBUTES, "{removal}");
        let mut browser = Browser::new(&server);
        browser.get("/set").expect_ok();
        assert_eq!(browser.jar().len(), 1);
        browser.get(route).expect_ok();
        assert!(browser.jar().is_empty(), "{route} left {:?}", browser.jar());
    }
}

fn without_a_cookie_none_is_removed(framework: Framework) {
    let server = Server::start(framework);
    for route in ["/logout", "/destroy", "/destroy/", "/clear", "/clear/", "/delete", "/destroyall/", "/logout_others"]
    {
        server.visitor().get(route).expect_no_cookie();
        server.ask(&Request::get(route).cookie("theme=dark; lang=el")).expect_no_cookie();
    }
}

fn the_cookie_is_independent_of_the_host_header(framework: Framework) {
    let server = Server::start(framework);
    for host in
        ["www.example.co.uk", "example.com:8443", "127.0.0.1", "[::1]:80", "a.b.c.d.example", "co.uk", "..", "x"]
    {
        let request = Request::get("/set").host(host).field("X-Forwarded-Proto", "http");
        let request =
            request.field("X-Forwarded-Host", "evil.example").field("Forwarded", "proto=http;host=evil.example");
        // An invalid host may be refused.
        let Ok(answer) = server.try_ask(&request) else { continue };
        for cookie in answer.set_cookies() {
            assert_eq!(cookie.attributes(), ATTRIBUTES, "Host: {host}: {cookie}");
        }
        assert!(answer.status() == 400 || answer.set_cookies().len() == 1, "Host: {host}:\n{answer}");
    }
}

fn plain_http_uses_another_cookie(framework: Framework) {
    let server = Options::new(framework).insecure_http().start();
    let cookie = first_cookie(&server);
    assert_eq!(cookie.name(), "id");
    assert_eq!(cookie.attributes(), ["HttpOnly", "Path=/", "SameSite=Lax"], "{cookie}");
    server.ask(&Request::get("/get").cookie(format!("id={}", cookie.value()))).expect_name("iris");
    server.ask(&Request::get("/get").cookie(format!("__Host-id={}", cookie.value()))).expect_name("");
    let mut browser = Browser::new(&server);
    browser.get("/set").expect_ok();
    browser.get("/get").expect_name("iris");
    browser.get("/logout").expect_ok();
    assert!(browser.jar().is_empty(), "{:?}", browser.jar());
}

/// All routes that respond to GET, except the one that panics.
const ROUTES: [&str; 29] = [
    "/",
    "/plain",
    "/set",
    "/get",
    "/delete",
    "/clear",
    "/update",
    "/destroy",
    "/set_immutable",
    "/get_immutable",
    "/get/",
    "/clear/",
    "/destroy/",
    "/destroyall/",
    "/put?k=a&v=1&ms=1",
    "/put?k=a&v=1",
    "/incr?k=n&by=2",
    "/incr?k=n",
    "/flash/set?k=f&v=1",
    "/flash/get?k=f",
    "/flash/peek?k=f",
    "/flash/all",
    "/flash/clear",
    "/login?user=ann",
    "/whoami",
    "/sessions",
    "/logout_others",
    "/logout",
    "/fail",
];

fn every_route_sets_our_cookie_at_most_once(framework: Framework) {
    let server = Server::start(framework);
    let mut walker = server.visitor();
    for route in ROUTES {
        let fresh = server.visitor().get(route);
        let signed_in = server.signed_in("ann").get(route);
        let walked = walker.get(route);
        assert_ne!(signed_in.status(), 404, "{signed_in}");
        for answer in [fresh, signed_in, walked] {
            assert!(answer.status() < 501, "{answer}");
            let cookies = answer.set_cookies();
            assert!(cookies.len() <= 1 && cookies.iter().all(|cookie| cookie.name() == "__Host-id"), "{answer}");
        }
    }
}

fn the_cookie_is_set_once_and_not_again(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    for route in ["/set", "/get", "/put?k=a&v=1", "/incr?k=n", "/get/", "/whoami", "/flash/set?k=a&v=1", "/clear"] {
        visitor.get(route).expect_ok().expect_no_cookie();
    }
}

fn other_cookies_of_the_request_are_left_alone(framework: Framework) {
    let server = Server::start(framework);
    let visitor = server.signed_in("ann");
    let field = format!("theme=dark; {}; lang=el", server.cookie(&visitor.token()));
    let answer = server.ask(&Request::get("/destroy").cookie(field)).expect_ok();
    let cookies = answer.set_cookies();
    assert!(cookies.len() == 1 && cookies[0].name() == "__Host-id" && cookies[0].is_removal(), "{answer}");
}
