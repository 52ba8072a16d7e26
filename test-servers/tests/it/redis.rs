//! Redis and Valkey servers.

use test_servers::{Options, Server, installed, valkey_is_installed};

fn keeps_its_data(options: Options) -> Server {
    let mut server = options.durable().start();
    assert_eq!(server.cli(&["SET", "key", "value"]), "OK");
    server.kill();
    server.restart();
    assert_eq!(server.cli(&["GET", "key"]), "value");
    server
}

#[test]
fn a_key_survives_a_killed_durable_redis() {
    if !installed() {
        return;
    }
    let _ = keeps_its_data(Options::new());
}

#[test]
fn a_key_survives_a_killed_durable_valkey() {
    if !valkey_is_installed() {
        return;
    }
    let server = keeps_its_data(Options::new().valkey());
    let info = server.cli(&["INFO", "server"]);
    assert!(info.contains("valkey_version:"), "{info}");
}

#[test]
fn a_valkey_compares_values_as_it_sets_them() {
    if !valkey_is_installed() {
        return;
    }
    let server = Options::new().valkey().start();
    let _ = server.cli(&["SET", "key", "one"]);
    assert_eq!(server.cli(&["SET", "key", "two", "IFEQ", "one"]), "OK", "Valkey has this since 8.1");
}
