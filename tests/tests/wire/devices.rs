//! What a devices page shows of each login.

use serde_json::{Value, json};
use sessions_tests::{Framework, Options, Request, Server, Visitor, in_every_framework};

in_every_framework! {
    device_of_a_login_is_listed,
    only_a_trusted_proxy_reports_an_address,
    forwarded_of_a_trusted_proxy_may_count_instead,
    one_device_is_signed_out_from_another,
    device_of_another_user_is_not_signed_out,
}

/// Signs in with a user agent, and returns the device in the list.
fn device(server: &Server, headers: &[(&str, &str)]) -> Value {
    let mut visitor = server.visitor();
    let mut request = Request::get("/login?user=ann");
    for (name, value) in headers {
        request = request.field(name, value);
    }
    visitor.ask(request).expect_text("ok");
    let devices = visitor.get("/sessions").json();
    visitor.get("/logout").expect_ok();
    devices[0]["device"].clone()
}

fn device_of_a_login_is_listed(framework: Framework) {
    let server = Server::start(framework);
    let firefox = device(&server, &[("User-Agent", "Firefox\u{e9}")]);
    assert_eq!(firefox, json!({"address": "127.0.0.1", "user_agent": "Firefox??"}));
    assert_eq!(device(&server, &[]), Value::Null);
}

fn only_a_trusted_proxy_reports_an_address(framework: Framework) {
    let headers =
        [("User-Agent", "Firefox"), ("X-Forwarded-For", "203.0.113.9, 198.51.100.7"), ("Forwarded", "for=203.0.113.9")];
    let address = |server: &Server| device(server, &headers)["address"].clone();
    assert_eq!(address(&Server::start(framework)), "127.0.0.1");
    let behind_proxy = Options::new(framework).argument("--trust-proxy").argument("127.0.0.1").start();
    assert_eq!(address(&behind_proxy), "198.51.100.7");
    let behind_another = Options::new(framework).argument("--trust-proxy").argument("10.0.0.0/8").start();
    assert_eq!(address(&behind_another), "127.0.0.1");
}

fn forwarded_of_a_trusted_proxy_may_count_instead(framework: Framework) {
    let spoofed = ("X-Forwarded-For", "192.0.2.66");
    let address = |proxy: &str, headers: &[(&str, &str)]| {
        let server = Options::new(framework).argument("--trust-proxy").argument(proxy).argument("--forwarded").start();
        device(&server, &[&[("User-Agent", "Firefox")], headers].concat())["address"].clone()
    };
    let forwarded = ("Forwarded", "for=192.0.2.66, for=\"[2001:db8::7]:4711\";proto=https");
    assert_eq!(address("127.0.0.1", &[spoofed, forwarded]), "2001:db8::7");
    assert_eq!(address("127.0.0.1", &[spoofed]), "127.0.0.1");
    assert_eq!(address("10.0.0.0/8", &[spoofed, forwarded]), "127.0.0.1");
}

/// Posts the form that signs a device out, and expects a status.
#[track_caller]
fn sign_out(visitor: &mut Visitor<'_>, id: &str, status: u16) {
    visitor.ask(Request::post_form("/logout_device", &[("id", id)])).expect_status(status);
}

fn one_device_is_signed_out_from_another(framework: Framework) {
    let server = Server::start(framework);
    let [mut laptop, mut phone, mut tablet] = [(); 3].map(|()| server.signed_in("ann"));
    let (page, id) = (laptop.get("/").expect_ok().text(), phone.id());
    assert!(page.contains(&format!("name=\"id\" value=\"{id}\"")), "{page}");
    assert!(!page.contains(&format!("name=\"id\" value=\"{}\"", laptop.id())), "{page}");
    sign_out(&mut laptop, &id, 200);
    phone.expect_anonymous();
    tablet.expect_user("ann");
    sign_out(&mut laptop, &id, 404);
    // Its own session ends as by a logout.
    let own = laptop.id();
    sign_out(&mut laptop, &own, 200);
    assert_eq!(laptop.cookie(), None);
    tablet.expect_user("ann");
}

fn device_of_another_user_is_not_signed_out(framework: Framework) {
    let server = Server::start(framework);
    let (mut ann, mut stranger) = (server.signed_in("ann"), server.visitor());
    stranger.put("cart", "3 books");
    let ids = [ann.id(), stranger.id()];
    let mut bob = server.signed_in("bob");
    for id in &ids {
        sign_out(&mut bob, id, 404);
        sign_out(&mut server.visitor(), id, 401);
    }
    for id in ["", "x", "00000000-0000-0000-0000"] {
        sign_out(&mut bob, id, 400);
    }
    sign_out(&mut bob, "00000000-0000-0000-0000-000000000000", 404);
    ann.expect_user("ann");
    assert_eq!(stranger.entries()["cart"], "3 books");
}
