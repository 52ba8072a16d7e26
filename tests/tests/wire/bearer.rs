//! Clients without cookies, which send their token in an `Authorization` header.

use sessions_tests::scenarios::{devices, flashes, limits, logout, races};
use sessions_tests::{Framework, Options, Request, Response, Seal, Server, in_every_framework};

in_every_framework! {
    token_of_the_api_signs_a_client_in,
    token_and_cookie_in_one_request_are_refused,
    confirmation_gives_another_token,
    login_gives_another_token,
    bearer_tokens_are_an_option,
    login_by_the_api_is_checked_like_any_other,
    the_rules_of_cookies_hold_for_bearer_tokens,
}

/// Starts a demo that accepts bearer tokens.
fn start(framework: Framework, seal: Seal) -> Server {
    Options::new(framework).seal(seal).argument("--bearer").start()
}

/// Returns the token in the body of a response that no cache keeps.
#[track_caller]
fn token(answer: Response) -> String {
    assert_eq!(answer.list("Cache-Control"), ["no-store"], "{answer}");
    let token = answer.expect_no_cookie().json()["token"].as_str().map(str::to_owned);
    token.expect("the response has a token")
}

#[track_caller]
fn ask(server: &Server, target: &str, token: &str) -> Response {
    server.ask(&Request::get(target).field("Authorization", format!("Bearer {token}"))).expect_no_cookie()
}

fn token_of_the_api_signs_a_client_in(framework: Framework) {
    for seal in [Seal::Plain, Seal::Signed, Seal::Encrypted] {
        let server = start(framework, seal);
        let login = Request::get("/api/login?user=ann").field("User-Agent", "cli/1.0");
        let token = token(server.ask(&login));
        ask(&server, "/put?k=cart&v=7", &token).expect_text("ok");
        let whoami = ask(&server, "/whoami", &token);
        for header in ["cookie", "authorization"] {
            assert!(whoami.list("Vary").contains(&header.to_owned()), "{whoami}");
        }
        assert_eq!(whoami.json()["user"], "ann");
        assert_eq!(ask(&server, "/get/", &token).entries()["cart"], "7");
        ask(&server, "/private", &token).expect_text("ann");
        assert_eq!(ask(&server, "/sessions", &token).json()[0]["device"]["user_agent"], "cli/1.0");
        ask(&server, "/logout", &token).expect_text("ok");
        assert!(ask(&server, "/whoami", &token).json()["user"].is_null());
        ask(&server, "/private", &token).expect_status(401);
    }
}

fn token_and_cookie_in_one_request_are_refused(framework: Framework) {
    let server = start(framework, Seal::Plain);
    let bearer = format!("Bearer {}", token(server.ask(&Request::get("/api/login?user=ann"))));
    let mut bob = server.signed_in("bob");
    for target in ["/whoami", "/put?k=a&v=1", "/logout"] {
        bob.ask(Request::get(target).field("Authorization", &bearer)).expect_status(400).expect_no_cookie();
    }
    bob.expect_user("bob");
    assert!(bob.entries().is_empty());
}

fn confirmation_gives_another_token(framework: Framework) {
    let server = start(framework, Seal::Plain);
    let first = token(server.ask(&Request::get("/api/login?user=ann")));
    let second = token(ask(&server, "/confirm", &first));
    assert_ne!(first, second);
    assert_eq!(ask(&server, "/whoami", &second).json()["user"], "ann");
    assert!(ask(&server, "/whoami", &first).json()["user"].is_null());
}

fn login_gives_another_token(framework: Framework) {
    for seal in [Seal::Plain, Seal::Encrypted] {
        let server = start(framework, seal);
        let first = token(server.ask(&Request::get("/api/login?user=ann")));
        ask(&server, "/put?k=cart&v=7", &first).expect_text("ok");
        let second = token(ask(&server, "/login?user=ann", &first));
        assert_ne!(first, second);
        assert_eq!(ask(&server, "/whoami", &second).json()["user"], "ann");
        assert_eq!(ask(&server, "/get/", &second).entries()["cart"], "7");
        assert!(ask(&server, "/whoami", &first).json()["user"].is_null());
        // A refused login does not replace the token.
        ask(&server, "/login?user=", &second).expect_status(400);
        let third = token(ask(&server, "/login?user=bob", &second));
        assert_eq!(ask(&server, "/whoami", &third).json()["user"], "bob");
        assert!(ask(&server, "/whoami", &second).json()["user"].is_null());
    }
}

fn bearer_tokens_are_an_option(framework: Framework) {
    let server = Server::start(framework);
    let token = token(server.ask(&Request::get("/api/login?user=ann")));
    assert!(ask(&server, "/whoami", &token).json()["user"].is_null());
    // The cookie has the same token.
    server.visitor_with(&token).expect_user("ann");
}

fn login_by_the_api_is_checked_like_any_other(framework: Framework) {
    let server = start(framework, Seal::Plain);
    for target in ["/api/login", "/api/login?user=", "/api/login?user=ann&remember=soon"] {
        server.ask(&Request::get(target)).expect_status(400).expect_no_cookie();
    }
    let remembered = token(server.ask(&Request::post_form("/api/login", &[("user", "ann"), ("remember", "30d")])));
    let whoami = ask(&server, "/whoami", &remembered).json();
    let time = |name: &str| whoami[name].as_u64().expect("a signed-in session has times");
    let month = 30 * 24 * 60 * 60 * 1000;
    // On a busy machine, some time may pass between the two.
    assert!((time("ends_at") - time("signed_in_at")).abs_diff(month) < 60_000, "{whoami}");
}

fn the_rules_of_cookies_hold_for_bearer_tokens(framework: Framework) {
    for seal in [Seal::Plain, Seal::Encrypted] {
        let server = Options::new(framework).seal(seal).bearer().start();
        flashes::a_flash_is_read_once(&server);
        flashes::a_peek_leaves_the_flash(&server);
        races::parallel_writes_of_different_keys_all_stay(&server, 5);
        races::parallel_increments_add_up(&server, 8, 10);
        limits::parallel_large_writes_respect_the_size_limit(&server);
        limits::parallel_small_writes_respect_the_key_limit(&server);
        devices::a_user_lists_all_sessions_and_the_current_one(&server);
        devices::logout_others_ends_only_the_users_other_sessions(&server);
        devices::a_login_after_logout_others_stays(&server);
        logout::racing_requests_never_revive_a_session(&server, 5);
        logout::a_request_in_flight_cannot_undo_a_logout(&server, 2);
    }
}
