//! Instructions to caches between visitors and the server.

use sessions_tests::{Framework, Response, Server, in_every_framework};

in_every_framework! {
    a_response_with_a_cookie_change_is_not_cached,
    a_response_that_reads_the_session_varies_by_cookie,
    a_signed_in_response_is_not_cached,
}

fn varies(answer: &Response) -> usize {
    answer.list("Vary").iter().filter(|member| *member == "cookie").count()
}

fn a_response_with_a_cookie_change_is_not_cached(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    for route in ["/set", "/login?user=ann", "/login?user=bob", "/logout", "/put?k=a&v=1", "/destroy/"] {
        let answer = visitor.get(route).expect_ok();
        assert_eq!(answer.set_cookies().len(), 1, "{answer}");
        let control = answer.list("Cache-Control");
        assert!(control.contains(&"no-store".to_owned()), "{answer}");
        assert!(!control.iter().any(|member| member == "public" || member.starts_with("s-maxage")), "{answer}");
        assert_eq!(varies(&answer), 1, "{answer}");
    }
}

fn a_response_that_reads_the_session_varies_by_cookie(framework: Framework) {
    let server = Server::start(framework);
    let (mut stranger, mut visitor) = (server.visitor(), server.signed_in("ann"));
    for route in [
        "/get",
        "/get/",
        "/get_immutable",
        "/whoami",
        "/sessions",
        "/flash/get?k=a",
        "/flash/peek?k=a",
        "/flash/all",
        "/clear",
        "/delete",
        "/fail",
    ] {
        for answer in [stranger.get(route), visitor.get(route)] {
            assert_eq!(varies(&answer), 1, "expected Vary: Cookie once, but\n{answer}");
        }
    }
    for route in ["/set", "/put?k=a&v=1", "/incr?k=n", "/flash/set?k=a&v=1"] {
        let answer = visitor.get(route).expect_ok().expect_no_cookie();
        assert_eq!(varies(&answer), 1, "expected Vary: Cookie once, but\n{answer}");
    }
}

/// Regression: the back button showed a signed-in visitor's page again after the logout, when the
/// page was sent with `Vary` alone.
fn a_signed_in_response_is_not_cached(framework: Framework) {
    let server = Server::start(framework);
    let mut signed_in = server.signed_in("ann");
    for route in ["/whoami", "/get", "/get/", "/sessions", "/put?k=a&v=1"] {
        let answer = signed_in.get(route).expect_ok().expect_no_cookie();
        assert_eq!(answer.list("Cache-Control"), ["no-store"], "{answer}");
    }
    let mut anonymous = server.visitor();
    anonymous.put("cart", "3 books");
    signed_in.get("/logout").expect_ok();
    for visitor in [&mut server.visitor(), &mut anonymous, &mut signed_in] {
        let answer = visitor.get("/whoami").expect_ok().expect_no_cookie();
        assert!(answer.list("Cache-Control").is_empty(), "{answer}");
    }
    // A response that ignores the session is the same for everybody.
    let answer = server.signed_in("ann").get("/plain").expect_ok();
    assert!(answer.list("Cache-Control").is_empty() && varies(&answer) == 0, "{answer}");
}
