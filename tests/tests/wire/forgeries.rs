//! Cookies that the server did not issue: they open nothing, create nothing and disturb nobody.

use sessions_tests::{
    BASE64URL, Framework, Request, Server, decoded, encoded, in_every_framework, query, random_token,
};

in_every_framework! {
    a_forged_cookie_is_ignored,
    an_illegal_cookie_is_refused_or_ignored,
    an_unknown_token_is_never_adopted,
    half_a_token_opens_nothing,
    the_public_id_opens_nothing,
    a_glob_pattern_as_cookie_matches_no_session,
    a_token_outside_the_cookie_is_ignored,
}

fn a_forged_cookie_is_ignored(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    let live = owner.token();
    for (what, value) in forgeries(&live) {
        assert_ne!(value, live.as_bytes(), "{what} is not a forgery");
        let field = [server.cookie("").as_bytes(), &value].concat();
        for route in ["/whoami", "/get/", "/sessions"] {
            let answer = server.ask(&Request::get(route).cookie(&field)).expect_no_cookie();
            let known = answer.text().contains("ann") || !answer.text().contains("null") && route == "/whoami";
            assert!(!known && answer.status() < 500, "{what} was taken for a session:\n{answer}");
        }
    }
    owner.expect_user("ann");
}

/// Returns values that resemble a live token, or that some parsers would take for one.
fn forgeries(live: &str) -> Vec<(&'static str, Vec<u8>)> {
    let (first, last) = (&live[..1], &live[42..]);
    let digit = BASE64URL.iter().position(|digit| last.as_bytes()[0] == *digit).expect("a token is base64url");
    let unused_bits = [&live.as_bytes()[..42], &[BASE64URL[digit ^ 1]]].concat();
    let percent = format!("%{:02X}", first.as_bytes()[0]);
    let mut all: Vec<(&'static str, Vec<u8>)> = vec![
        ("the last digit with other unused bits", unused_bits),
        ("one byte of UTF-8 too many", format!("{live}é").into()),
        ("only UTF-8", "é".repeat(21).into()),
        ("bytes that are not UTF-8", vec![0xff; 43]),
        ("a first digit with its eighth bit set", [&[first.as_bytes()[0] | 0x80], &live.as_bytes()[1..]].concat()),
    ];
    let texts = [
        ("nothing", String::new()),
        ("one digit", first.to_owned()),
        ("a digit too few", live[..42].to_owned()),
        ("a digit too many", format!("{live}A")),
        ("4096 digits", "A".repeat(4096)),
        ("the token a hundred times", live.repeat(100)),
        ("padding", format!("{live}=")),
        ("more padding", format!("{live}==")),
        ("quotes", format!("\"{live}\"")),
        ("single quotes", format!("'{live}'")),
        ("a percent-encoded first digit", format!("{percent}{}", &live[1..])),
        ("an encoded NUL after", format!("{live}%00")),
        ("an encoded NUL before", format!("%00{live}")),
        ("a space after", format!("{live} x")),
        ("a space before", format!(" {live}")),
        ("a comma", format!("{live},{live}")),
        ("an equals sign", format!("={live}")),
        ("a path", "/../".to_owned()),
        ("a longer path", "../../../../../../etc/passwd".to_owned()),
        ("a path around the token", format!("./{live}")),
        ("an asterisk", "*".to_owned()),
        ("a question mark for each digit", "?".repeat(43)),
        ("a class of characters", "[A-Za-z0-9_-]*".to_owned()),
        ("the first digit and an asterisk", format!("{first}*")),
        ("a statement", "' OR '1'='1".to_owned()),
        ("an object", "{\"$ne\":null}".to_owned()),
        ("null", "null".to_owned()),
        ("all zero bits", "A".repeat(43)),
        ("all one bits", format!("{}8", "_".repeat(42))),
        ("the token in small letters", live.to_ascii_lowercase()),
        ("the token in capitals", live.to_ascii_uppercase()),
        ("the token backwards", live.chars().rev().collect()),
        ("a token never issued", random_token()),
    ];
    all.extend(texts.map(|(what, text)| (what, text.into_bytes())));
    all
}

fn an_illegal_cookie_is_refused_or_ignored(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    let live = owner.token();
    for value in [
        format!("{live}\0"),
        format!("\0{live}"),
        format!("{live}\x01"),
        format!("{live}\x7f"),
        format!("{live}\r\n {live}"),
        "A".repeat(100 << 10),
        "A".repeat(1 << 20),
    ] {
        let request = Request::get("/whoami").cookie(server.cookie(&value));
        // A server that closes the connection has refused the request.
        if let Ok(answer) = server.try_ask(&request) {
            let answer = answer.expect_no_cookie();
            let is_refused = (400..500).contains(&answer.status());
            let is_ignored = answer.status() == 200 && answer.text().contains("\"user\":null");
            assert!(is_refused || is_ignored, "{} bytes:\n{answer}", value.len());
        }
        owner.expect_user("ann");
    }
}

fn an_unknown_token_is_never_adopted(framework: Framework) {
    let server = Server::start(framework);
    for route in ["/login?user=ann", "/set", "/put?k=a&v=1", "/incr?k=n", "/flash/set?k=a&v=1", "/set_immutable"] {
        let planted = random_token();
        let mut victim = server.visitor_with(&planted);
        victim.get(route).expect_ok();
        assert_ne!(victim.token(), planted, "{route} adopted the token");
        assert!(victim.whoami().id.is_some(), "{route} stored a session");
        server.visitor_with(&planted).expect_anonymous();
    }
}

fn half_a_token_opens_nothing(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    let token = decoded(&owner.token()).expect("a token is base64url");
    assert_eq!(token.len(), 32);
    for position in 0..32 {
        for flip in [0x01, 0x80, 0xff] {
            let mut forged = token.clone();
            forged[position] ^= flip;
            server.visitor_with(&encoded(&forged)).expect_anonymous();
        }
    }
    let mut other = server.signed_in("bob");
    let other_token = decoded(&other.token()).expect("a token is base64url");
    for (front, back) in [(&token, &other_token), (&other_token, &token)] {
        server.visitor_with(&encoded(&[&front[..16], &back[16..]].concat())).expect_anonymous();
    }
    owner.expect_user("ann");
    other.expect_user("bob");
}

fn the_public_id_opens_nothing(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    let id = owner.id();
    let digits = id.replace('-', "");
    for value in [id.clone(), digits.clone(), encoded(id.as_bytes()), format!("{digits}{}", "A".repeat(11))] {
        server.visitor_with(&value).expect_anonymous();
    }
    owner.expect_user("ann");
}

fn a_glob_pattern_as_cookie_matches_no_session(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    owner.put("secret", "of ann");
    let start = owner.token()[..8].to_owned();
    for pattern in ["*".to_owned(), "?".repeat(43), format!("{start}*"), "[^x]*".to_owned(), "%".to_owned()] {
        let mut visitor = server.visitor_with(&pattern);
        visitor.expect_anonymous();
        for route in ["/logout", "/destroy", "/destroy/", "/clear/", "/logout_others"] {
            let mut visitor = server.visitor_with(&pattern);
            let answer = visitor.get(route);
            assert!(answer.status() < 500 && !answer.text().contains("of ann"), "{pattern}:\n{answer}");
        }
    }
    owner.expect_user("ann");
    assert_eq!(owner.entries()["secret"], "of ann");
}

fn a_token_outside_the_cookie_is_ignored(framework: Framework) {
    let server = Server::start(framework);
    let owner = server.signed_in("ann");
    let (token, name) = (owner.token(), server.cookie_name());
    let pair = server.cookie(&token);
    let in_query = |name: &str| Request::get(&query("/whoami", &[(name, &token)]));
    let in_field = |name: &str, value: &str| Request::get("/whoami").field(name, value);
    let requests = [
        in_query(name),
        in_query("id"),
        in_query("token"),
        in_query("session"),
        in_field("Authorization", &format!("Bearer {token}")),
        in_field("X-Session", &token),
        in_field("X-Session-Id", &token),
        in_field(name, &token),
        in_field("Set-Cookie", &pair),
        in_field("Cookie2", &pair),
        in_field("X-Cookie", &pair),
    ];
    for request in requests {
        let answer = server.ask(&request).expect_no_cookie();
        assert!(answer.clone().json()["user"].is_null(), "{answer}");
    }
    let body = serde_json::json!({ name: token, "id": token }).to_string();
    let mut visitor = server.visitor();
    visitor.post("/set/", &body).expect_ok();
    assert_ne!(visitor.token(), token, "the body opened the session");
    assert_eq!(visitor.whoami().user, None);
}
