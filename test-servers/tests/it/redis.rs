//! A Redis server.

use test_servers::{Options, Server, installed};

fn keeps_its_data(options: Options) -> Server {
    let mut server = options.durable().start();
    assert_eq!(server.cli(&["SET", "key", "value"]), "OK");
    server.kill();
    server.restart();
    assert_eq!(server.cli(&["GET", "key"]), "value");
    server
}

#[test]
fn a_key_survives_the_death_of_a_durable_redis() {
    if !installed() {
        return;
    }
    let _ = keeps_its_data(Options::new());
}
