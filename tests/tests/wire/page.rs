//! The page: its forms, and what it shows of a session.

use sessions_tests::{Framework, Request, Response, Server, Visitor, in_every_framework};

in_every_framework! {
    page_of_a_stranger_begins_no_session,
    forms_and_links_lead_to_routes,
    posted_form_redirects_to_its_next_page,
    next_page_is_never_on_another_site,
    whatever_is_shown_is_escaped,
    page_shows_a_flash_once,
}

/// Posts a form of the page, and returns the page after it.
#[track_caller]
fn post(visitor: &mut Visitor<'_>, target: &str, fields: &[(&str, &str)]) -> String {
    let answer = visitor.ask(Request::post_form(target, &[fields, &[("next", "/")]].concat()));
    expect_redirect(&answer, "/");
    visitor.get("/").expect_ok().text()
}

#[track_caller]
fn expect_redirect(answer: &Response, path: &str) {
    assert_eq!((answer.status(), answer.field("Location")), (303, Some(path)), "{answer}");
}

/// Returns the values of an attribute in the order of the page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn page_of_a_stranger_begins_no_session(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    let page = visitor.get("/").expect_ok().expect_no_cookie();
    assert!(page.field("Content-Type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
    assert!(page.text().contains("nobody"), "{page}");
    visitor.login("ann");
    let page = visitor.get("/").expect_ok().expect_no_cookie();
    assert_eq!(page.list("Cache-Control"), ["no-store"], "{page}");
    for shown in ["<td>ann</td>", &visitor.id()] {
        assert!(page.text().contains(shown), "{shown} in {page}");
    }
}

fn forms_and_links_lead_to_routes(framework: Framework) {
    let server = Server::start(framework);
    let page = server.signed_in("ann").get("/").expect_ok().text();
    let actions = attributes(&page, "action");
    for route in ["/login", "/logout", "/confirm", "/put", "/incr", "/clear", "/flash/set", "/logout_others"] {
        assert!(actions.contains(&route), "no form for {route} among {actions:?}");
    }
    assert_eq!(page.matches("<form method=\"post\"").count(), actions.len(), "every form posts");
    for action in actions {
        let answer = server.ask(&Request::post_form(action, &[]));
        assert!(!matches!(answer.status(), 404 | 405), "{answer}");
    }
    let links = attributes(&page, "href");
    assert!(links.contains(&"/private") && links.contains(&"/whoami"), "{links:?}");
    for link in links {
        let answer = server.ask(&Request::get(link)).expect_no_cookie();
        assert_ne!(answer.status(), 404, "{answer}");
    }
}

fn posted_form_redirects_to_its_next_page(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    let page = post(&mut visitor, "/put", &[("k", "city"), ("v", "Athens")]);
    assert!(page.contains(">city</th><td>Athens</td>"), "{page}");
    let next = "/fresh?within=1h";
    let answer = visitor.ask(Request::post_form("/login", &[("user", "ann"), ("next", next)]));
    expect_redirect(&answer, next);
    visitor.get(next).expect_text("ann");
    // A refused form does not redirect, and neither does one without a next page.
    visitor.ask(Request::post_form("/login", &[("user", ""), ("next", "/")])).expect_status(400);
    visitor.ask(Request::post_form("/put", &[("k", "city"), ("v", "Patras")])).expect_text("ok");
    let answer = visitor.ask(Request::post_form("/logout", &[("next", "/")]));
    expect_redirect(&answer, "/");
    assert_eq!(visitor.cookie(), None, "a farewell would begin a new session");
}

fn next_page_is_never_on_another_site(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    for next in ["//evil.example", "https://evil.example/", "/\\evil.example", "/\r\nSet-Cookie: a=b", ""] {
        let answer = visitor.ask(Request::post_form("/login", &[("user", "ann"), ("next", next)]));
        expect_redirect(&answer, "/");
    }
    assert!(!visitor.get("/?next=//evil.example").expect_ok().text().contains("evil"));
    let page = visitor.get("/?next=/private%3Fa%3Db").expect_ok().text();
    assert!(attributes(&page, "value").contains(&"/private?a=b"), "{page}");
}

fn whatever_is_shown_is_escaped(framework: Framework) {
    const SCRIPT: &str = "\"'><script>alert('&')</script>";
    const SHOWN: &str = "&quot;&#39;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;";
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    let login = Request::post_form("/login", &[("user", SCRIPT)]).field("User-Agent", SCRIPT);
    visitor.ask(login).expect_text("ok");
    visitor.put(SCRIPT, SCRIPT);
    post(&mut visitor, "/flash/set", &[("k", "message"), ("v", "")]);
    visitor.ask(Request::post_form("/flash/set", &[("k", "message"), ("v", SCRIPT)])).expect_text("ok");
    let page = visitor.get("/").expect_ok().text();
    assert!(!page.contains(SCRIPT), "{page}");
    // The user, the user agent, the key, the value and the flash.
    assert_eq!(page.matches(SHOWN).count(), 5, "{page}");
}

fn page_shows_a_flash_once(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    let page = post(&mut visitor, "/flash/set", &[("k", "message"), ("v", "saved, and kept")]);
    assert_eq!(page.matches("saved, and kept").count(), 1, "{page}");
    assert!(!visitor.get("/").expect_ok().text().contains("saved, and kept"));
    let page = post(&mut visitor, "/login", &[("user", "ann")]);
    assert!(page.contains("You are signed in."), "{page}");
    assert!(!visitor.get("/").expect_ok().text().contains("You are signed in."));
}
