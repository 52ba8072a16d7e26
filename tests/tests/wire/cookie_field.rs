//! Parsing of `Cookie` headers: several headers, any order, foreign cookies, and only the exact
//! name.

use sessions_tests::{Framework, Request, Response, Server, in_every_framework, random_token};

in_every_framework! {
    our_cookie_is_found_in_any_field,
    our_cookie_is_found_between_malformed_ones,
    our_cookie_is_found_among_ten_thousand,
    the_name_is_compared_byte_by_byte,
    unknown_tokens_do_not_hide_a_live_one,
    a_thousand_unknown_tokens_are_bounded_work,
    two_live_tokens_mean_no_session,
    a_live_token_is_used_despite_a_dead_one,
}

/// Expects that `/whoami` responds with this user and without a cookie.
#[track_caller]
fn expect_user(answer: Response, user: Option<&str>, what: &str) {
    let answer = answer.expect_no_cookie();
    let shown = answer.to_string();
    assert_eq!(answer.json()["user"].as_str(), user, "{what}:\n{shown}");
}

#[track_caller]
fn ask(server: &Server, field: &[u8]) -> Response {
    server.ask(&Request::get("/whoami").cookie(field))
}

fn our_cookie_is_found_in_any_field(framework: Framework) {
    const COUNT: usize = 50;
    let server = Server::start(framework);
    let pair = server.cookie(&server.signed_in("ann").token());
    for position in [0, 1, COUNT / 2, COUNT - 1] {
        for name in ["Cookie", "cookie", "COOKIE"] {
            let crumb = |request: Request, index| match index {
                _ if index == position => request.field(name, &pair),
                _ => request.field(name, format!("crumb{index}=v{index}")),
            };
            let request = (0..COUNT).fold(Request::get("/whoami"), crumb);
            expect_user(server.ask(&request), Some("ann"), &format!("{name} field {position} of {COUNT}"));
        }
    }
}

fn our_cookie_is_found_between_malformed_ones(framework: Framework) {
    let server = Server::start(framework);
    let pair = server.cookie(&server.signed_in("ann").token());
    let cases: [(&[u8], &[u8]); 16] = [
        (b"", b""),
        (b"a; \xff=1; ", b"; ;;="),
        (b";;;; ;", b";;;;"),
        (b"=; ", b"; ="),
        (b"=value; ", b"; =="),
        (b"a=%zz; b=%; ", b"; c=%0"),
        (b"\xc3\x28=\xf0\x28\x8c\x28; ", b"; \x80"),
        (b"caf\xe9=cr\xe8me; ", b"; \xe2\x82\xac=1"),
        (b"a=\"x; ", b"; b=y\""),
        (b"a=\"b\\\"; ", b"; c"),
        (b"{\"a\":1}; ", b"; [1,2]"),
        (b"$Version=1; ", b"; $Path=/"),
        (b"a b c; ", b"; d e=f g"),
        (b"a=b,c=d; ", b"; e=f,g"),
        (b"a=1;", b";b=2"),
        (b"  a=1  ;  \t ", b" \t ; b=2  "),
    ];
    for (before, after) in cases {
        let field = [before, pair.as_bytes(), after].concat();
        expect_user(ask(&server, &field), Some("ann"), &String::from_utf8_lossy(&field));
    }
}

fn our_cookie_is_found_among_ten_thousand(framework: Framework) {
    let server = Server::start(framework);
    let pair = server.cookie(&server.signed_in("ann").token());
    let foreign = "a=b;".repeat(5_000);
    for field in
        [format!("{foreign}{foreign}{pair}"), format!("{foreign}{pair};{foreign}"), format!("{pair};{foreign}")]
    {
        expect_user(ask(&server, field.as_bytes()), Some("ann"), "ten thousand pairs");
    }
}

fn the_name_is_compared_byte_by_byte(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    let token = owner.token();
    let names: [&[u8]; 27] = [
        b"__%48ost-id=",
        b"%5F%5FHost-id=",
        b"__Host%2Did=",
        b"__Host-id%20=",
        b"__Host-id%00=",
        b"__host-id=",
        b"__HOST-ID=",
        b"__Host-ID=",
        b"=__Host-id=",
        b"==__Host-id=",
        b"__Host.id=",
        b"__Host_id=",
        b"..Host-id=",
        b"__Host-id =",
        b"__Host-id\t=",
        b"__Host-id= ",
        b"__Host-id==",
        b"__Host-id[]=",
        b"\"__Host-id\"=",
        b"+__Host-id=",
        b"$__Host-id=",
        b"__Host-i=",
        b"__Host-idd=",
        b"x__Host-id=",
        b"\xff__Host-id=",
        b"__Host-id\xff=",
        b"id=",
    ];
    for name in names {
        let field = [name, token.as_bytes()].concat();
        expect_user(ask(&server, &field), None, &String::from_utf8_lossy(&field));
    }
    let pair = server.cookie(&token);
    for field in [format!("a=b,{pair}"), format!("a={pair}"), format!("a={pair}, {pair}"), token] {
        expect_user(ask(&server, field.as_bytes()), None, &field);
    }
    owner.expect_user("ann");
}

fn unknown_tokens_do_not_hide_a_live_one(framework: Framework) {
    let server = Server::start(framework);
    let pair = server.cookie(&server.signed_in("ann").token());
    let unknown = || server.cookie(&random_token());
    let malformed = || server.cookie("x");
    let orders = [
        vec![unknown(), pair.clone()],
        vec![pair.clone(), unknown()],
        vec![malformed(), pair.clone(), malformed()],
        vec![unknown(), unknown(), unknown(), pair.clone()],
        vec![pair.clone(), unknown(), unknown(), unknown()],
        vec![pair.clone(), pair.clone()],
        vec![server.cookie(""), pair],
    ];
    for pairs in orders {
        let field = pairs.join("; ");
        expect_user(ask(&server, field.as_bytes()), Some("ann"), &field);
        let request = pairs.iter().fold(Request::get("/whoami"), Request::cookie);
        expect_user(server.ask(&request), Some("ann"), &pairs.join(", each in its own field: "));
    }
}

fn a_thousand_unknown_tokens_are_bounded_work(framework: Framework) {
    let server = Server::start(framework);
    let mut owner = server.signed_in("ann");
    let bad: Vec<String> = (0..1_000).map(|_| server.cookie(&random_token())).collect();
    expect_user(ask(&server, bad.join("; ").as_bytes()), None, "a thousand unknown tokens");
    // The number of lookups is bounded, so our token after them may not be found. Its session stays
    // live.
    let field = format!("{}; {}", bad.join("; "), server.cookie(&owner.token()));
    ask(&server, field.as_bytes()).expect_ok().expect_no_cookie();
    owner.expect_user("ann");
}

fn two_live_tokens_mean_no_session(framework: Framework) {
    let server = Server::start(framework);
    let (mut ann, mut bob) = (server.signed_in("ann"), server.signed_in("bob"));
    let pairs = [server.cookie(&ann.token()), server.cookie(&bob.token())];
    for [one, other] in [pairs.clone(), [pairs[1].clone(), pairs[0].clone()]] {
        expect_user(ask(&server, format!("{one}; {other}").as_bytes()), None, "two sessions in one field");
        let request = Request::get("/whoami").cookie(&one).cookie("a=b").cookie(&other);
        expect_user(server.ask(&request), None, "two sessions in two fields");
    }
    ann.expect_user("ann");
    bob.expect_user("bob");
}

fn a_live_token_is_used_despite_a_dead_one(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    let dead = server.cookie(&visitor.token());
    visitor.login("ann");
    let live = server.cookie(&visitor.token());
    for field in [format!("{dead}; {live}"), format!("{live}; {dead}")] {
        expect_user(ask(&server, field.as_bytes()), Some("ann"), &field);
    }
}
