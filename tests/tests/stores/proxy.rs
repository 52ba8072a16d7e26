//! A real cache between visitors and a demo: nginx, told to keep every answer that does not forbid
//! it.

use sessions_tests::{Framework, Nginx, Response, Server, in_every_framework};

in_every_framework! {
    what_leaves_the_session_alone_is_cached,
    nobody_is_given_the_cookie_of_another,
    nobody_is_shown_the_page_of_another,
    a_cookie_that_was_ended_is_not_answered_from_the_cache_of_a_new_one,
}

/// Whether the answer came from the cache.
fn is_hit(answer: &Response) -> bool {
    answer.field("X-Cache") == Some("HIT")
}

/// The Cookie field that a browser sends after this answer.
#[track_caller]
fn cookie_of(server: &Server, answer: &Response) -> String {
    match answer.set_cookies().as_slice() {
        [cookie] => server.cookie(cookie.value()),
        _ => panic!("expected one Set-Cookie, but\n{answer}"),
    }
}

fn what_leaves_the_session_alone_is_cached(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    let ann = cookie_of(&server, &nginx.ask("/login?user=ann", None));
    for page in ["/", "/plain"] {
        assert!(!is_hit(&nginx.ask(page, None).expect_ok()));
        for cookie in [None, Some(ann.as_str()), Some("other=1")] {
            let answer = nginx.ask(page, cookie).expect_ok().expect_no_cookie();
            assert!(is_hit(&answer), "expected an answer from the cache, but\n{answer}");
        }
    }
}

fn nobody_is_given_the_cookie_of_another(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    for target in ["/set", "/put?k=a&v=1", "/incr?k=n", "/login?user=ann", "/flash/set?k=a&v=1"] {
        let mut cookies: Vec<String> = (0..3).map(|_| cookie_of(&server, &nginx.ask(target, None))).collect();
        cookies.sort_unstable();
        cookies.dedup();
        assert_eq!(cookies.len(), 3, "{target} gave the same cookie to two visitors");
    }
    // A removal would sign out whoever gets it from the cache.
    let ann = cookie_of(&server, &nginx.ask("/login?user=ann", None));
    let removal = nginx.ask("/logout", Some(&ann)).expect_text("ok");
    assert_eq!(removal.set_cookies().len(), 1, "{removal}");
    nginx.ask("/logout", None).expect_text("ok").expect_no_cookie();
}

fn nobody_is_shown_the_page_of_another(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    let users = ["ann", "bob"].map(|user| {
        let cookie = cookie_of(&server, &nginx.ask(&format!("/login?user={user}"), None));
        nginx.ask(&format!("/put?k=name&v={user}"), Some(&cookie)).expect_text("ok").expect_no_cookie();
        (user, cookie)
    });
    // Twice, so that the second time the cache has what it was willing to keep.
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

fn a_cookie_that_was_ended_is_not_answered_from_the_cache_of_a_new_one(framework: Framework) {
    let server = Server::start(framework);
    let Some(nginx) = Nginx::caching(&server) else { return };
    let before = cookie_of(&server, &nginx.ask("/put?k=cart&v=3", None));
    let after = cookie_of(&server, &nginx.ask("/login?user=ann", Some(&before)));
    assert_ne!(before, after);
    assert_eq!(nginx.ask("/whoami", Some(&after)).json()["user"], "ann");
    assert!(nginx.ask("/whoami", Some(&before)).json()["user"].is_null());
    nginx.ask("/get/", Some(&before)).expect_text("{}");
}
