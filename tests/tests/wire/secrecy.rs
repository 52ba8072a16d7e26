//! Log lines and bodies never contain a token or a part of it.

use sessions_tests::{
    Framework, Options, Request, Response, Seal, Server, Visitor, each_together, in_every_framework_and_seal,
    random_token, secret_texts,
};

in_every_framework_and_seal! {
    no_token_is_in_any_log_or_body,
}

fn no_token_is_in_any_log_or_body(framework: Framework, seal: Seal) {
    let server = Options::new(framework).seal(seal).argument("--bearer").environment("RUST_LOG", "trace").start();
    let mut bodies = Vec::new();
    let mut tokens = traffic(&server, &mut bodies);
    tokens.extend(failures(&server, &mut bodies));
    let issued = bearer_tokens(&server);
    let output = server.stop();
    assert!(output.lines().count() > 20, "expected trace logs, but the demo printed only:\n{output}");
    assert!(tokens.len() > 20, "{} tokens", tokens.len());
    for form in tokens.iter().chain(&issued).flat_map(|token| secret_texts(token)) {
        let line = output.lines().find(|line| line.contains(&form));
        assert!(line.is_none(), "{form} is in the log: {line:?}");
    }
    for token in &tokens {
        for form in secret_texts(token) {
            let body = bodies.iter().find(|body| body.text().contains(&form));
            assert!(body.is_none(), "{form} is in a body: {body:?}");
        }
    }
}

/// Sends the requests of ordinary visitors and returns all tokens that they were given.
fn traffic(server: &Server, bodies: &mut Vec<Response>) -> Vec<String> {
    let mut tokens = Vec::new();
    for user in ["ann", "bob"] {
        let mut visitor = server.visitor();
        for route in ["/", "/set", "/get", "/login?user=u", "/whoami", "/sessions", "/get/", "/update", "/confirm", "/"]
        {
            bodies.push(visitor.get(route));
        }
        for route in ["/incr?k=n", "/flash/set?k=a&v=1", "/flash/all", "/set_immutable", "/get_immutable", "/fail"] {
            bodies.push(visitor.get(route));
        }
        visitor.login(user);
        visitor.login("another");
        let rival = server.signed_in("another");
        bodies.push(visitor.get("/logout_others"));
        bodies.push(visitor.get("/nowhere"));
        bodies.push(visitor.get("/logout"));
        tokens.extend(visitor.issued().iter().chain(rival.issued()).cloned());
    }
    let raced = server.signed_in("raced");
    let mut tabs = raced.tabs(8);
    bodies.extend(each_together(&mut tabs, |index, tab| {
        tab.get(["/login?user=raced", "/put?k=a&v=1&ms=5", "/logout", "/incr?k=n"][index % 4])
    }));
    tokens.extend_from_slice(raced.issued());
    tokens.extend(tabs.iter().flat_map(Visitor::issued).cloned());
    tokens
}

/// Uses bearer tokens, which clients get in a response body, and returns them.
fn bearer_tokens(server: &Server) -> Vec<String> {
    let mut tokens = Vec::new();
    for user in ["ann", "bob"] {
        let mut request = Request::get(&format!("/api/login?user={user}"));
        for target in ["/confirm", "/logout"] {
            let token = server.ask(&request).json()["token"].as_str().expect("a login gives a token").to_owned();
            request = Request::get(target).field("Authorization", format!("Bearer {token}"));
            tokens.push(token);
        }
        server.ask(&request).expect_text("ok");
    }
    tokens
}

/// Sends failing requests with live tokens and returns these tokens.
fn failures(server: &Server, bodies: &mut Vec<Response>) -> Vec<String> {
    let mut tokens = Vec::new();
    let large = "x".repeat(70_000);
    for round in 0..8 {
        let visitor = server.signed_in("ann");
        let token = visitor.token();
        let pair = server.cookie(&token);
        let other = server.signed_in("bob");
        let requests = [
            Request::get("/panic").cookie(&pair),
            Request::get("/fail").cookie(&pair),
            Request::get("/whoami").cookie(format!("{pair}{}", "A".repeat(round))),
            Request::get("/whoami").cookie(format!("{pair}; {}", server.cookie(&other.token()))),
            Request::get("/whoami").cookie(format!("{}; {pair}", server.cookie(&random_token()))),
            Request::get("/put?k=a").cookie(&pair),
            Request::get("/incr?k=a&by=x").cookie(&pair),
            Request::post_json("/set/", "{").cookie(&pair),
            Request::post_json("/set/", &format!("{{\"a\":\"{large}\"}}")).cookie(&pair),
            Request::new("DELETE", "/set").cookie(&pair),
            Request::get("/get").cookie([pair.as_bytes(), b"\x01\xff"].concat()),
        ];
        // A request that is refused by closing the connection has no body.
        bodies.extend(requests.iter().filter_map(|request| server.try_ask(request).ok()));
        let mut cut = server.connect();
        cut.send(&Request::get("/put?k=a&v=1&ms=5").cookie(&pair).to_bytes()).expect("the server reads the request");
        cut.hang_up();
        tokens.extend(visitor.issued().iter().chain(other.issued()).cloned());
    }
    tokens
}
