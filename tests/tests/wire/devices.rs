//! The devices page, and what it shows of each login.

use serde_json::{Value, json};
use sessions_tests::scenarios::devices;
use sessions_tests::{Framework, Options, Request, Server, in_every_framework};

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

fn one_device_is_signed_out_from_another(framework: Framework) {
    devices::one_device_is_signed_out_from_another(&[&Server::start(framework)]);
}

fn device_of_another_user_is_not_signed_out(framework: Framework) {
    devices::device_of_another_user_is_not_signed_out(&[&Server::start(framework)]);
}
