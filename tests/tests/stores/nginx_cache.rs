//! A real cache between visitors and a demo: an nginx that keeps every response that does not
//! forbid it.

use sessions_tests::{Framework, Nginx, Response, Server, in_every_framework};

in_every_framework! {
    a_page_without_a_session_is_cached,
    the_cache_hands_out_no_foreign_cookie,
    the_cache_shows_no_foreign_page,
    an_ended_cookie_gets_no_cached_page,
}

/// Returns whether the response came from the cache.
fn is_hit(answer: &Response) -> bool {
    answer.field("X-Cache") == Some("HIT")
}

/// Returns the Cookie header that a browser sends after this response.
#[track_caller]
fn cookie_of(server: &Server, answer: &Response) -> String {
    match answer.set_cookies().as_slice() {
        [cookie] => server.cookie(cookie.value()),
        _ => panic!("expected one Set-Cookie, but\n{answer}"),
    }
}

fn a_page_without_a_session_is_cached(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    let ann = cookie_of(&server, &nginx.ask("/login?user=ann", None));
    for page in ["/plain", "/plain?page=2"] {
        assert!(!is_hit(&nginx.ask(page, None).expect_ok()));
        for cookie in [None, Some(ann.as_str()), Some("other=1")] {
            let answer = nginx.ask(page, cookie).expect_ok().expect_no_cookie();
            assert!(is_hit(&answer), "expected an answer from the cache, but\n{answer}");
        }
    }
}

fn the_cache_hands_out_no_foreign_cookie(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    for target in ["/set", "/put?k=a&v=1", "/incr?k=n", "/login?user=ann", "/flash/set?k=a&v=1"] {
        let mut cookies: Vec<String> = (0..3).map(|_| cookie_of(&server, &nginx.ask(target, None))).collect();
        cookies.sort_unstable();
        cookies.dedup();
        assert_eq!(cookies.len(), 3, "{target} gave the same cookie to two visitors");
    }
    // A cached removal would sign out every visitor who receives it.
    let ann = cookie_of(&server, &nginx.ask("/login?user=ann", None));
    let removal = nginx.ask("/logout", Some(&ann)).expect_text("ok");
    assert_eq!(removal.set_cookies().len(), 1, "{removal}");
    nginx.ask("/logout", None).expect_text("ok").expect_no_cookie();
}

fn the_cache_shows_no_foreign_page(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    let users = ["ann", "bob"].map(|user| {
        let cookie = cookie_of(&server, &nginx.ask(&format!("/login?user={user}"), None));
        nginx.ask(&format!("/put?k=name&v={user}"), Some(&cookie)).expect_text("ok").expect_no_cookie();
        (user, cookie)
    });
    // Twice: the second time, the cache has every response that it may store.
    for _ in 0..2 {
        for (user, cookie) in &users {
            nginx.ask("/get", Some(cookie)).expect_name(user);
            assert_eq!(nginx.ask("/whoami", Some(cookie)).json()["user"], *user);
            assert_eq!(nginx.ask("/get/", Some(cookie)).entries()["name"], *user);
            let sessions = nginx.ask("/sessions", Some(cookie)).json();
            assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
        }
        nginx.ask("/get", None).expect_name("");
        assert!(nginx.ask("/whoami", None).json()["user"].is_null());
        nginx.ask("/get/", None).expect_text("{}").expect_no_cookie();
        nginx.ask("/sessions", None).expect_text("[]");
        let forged = server.cookie(&sessions_tests::random_token());
        nginx.ask("/get", Some(&forged)).expect_name("");
    }
}

fn an_ended_cookie_gets_no_cached_page(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    let before = cookie_of(&server, &nginx.ask("/put?k=cart&v=3", None));
    let after = cookie_of(&server, &nginx.ask("/login?user=ann", Some(&before)));
    assert_ne!(before, after);
    assert_eq!(nginx.ask("/whoami", Some(&after)).json()["user"], "ann");
    assert!(nginx.ask("/whoami", Some(&before)).json()["user"].is_null());
    nginx.ask("/get/", Some(&before)).expect_text("{}");
}
