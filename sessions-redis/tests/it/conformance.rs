//! The store contract, on one server and on a cluster.

use std::sync::OnceLock;

use crate::support::patient;
use sessions_conformance::{Damage, Setup};
use sessions_store::SessionId;

const HALVE: &str = "local value = redis.call('GET', KEYS[1])
    return redis.call('SET', KEYS[1], value:sub(1, #value / 2), 'KEEPTTL')";

/// Sets a test up.
///
/// If no server is installed, the test is skipped with a notice.
fn setup(installed: fn() -> bool, url: fn() -> String, damage: fn(&str, &[&str]), namespace: &str) -> Setup {
    if !installed() {
        return Setup::missing("the server");
    }
    let prefix = format!("{namespace}:");
    let open = || patient().prefix(prefix.as_str()).open(&url()).unwrap();
    let (store, other) = (open(), open());
    let spoil = move |id: SessionId, kind| {
        let key = format!("{prefix}{id}");
        match kind {
            // The first byte is the format.
            Damage::NewerFormat => damage(&key, &["SETRANGE", &key, "0", "c"]),
            _ => damage(&key, &["EVAL", HALVE, "1", &key]),
        }
    };
    Setup::new(store).with_second_handle(other).expiring_by_itself().damaged_by(spoil)
}

mod one_server {
    use super::*;

    fn setup(namespace: &str) -> Setup {
        super::setup(
            test_servers::installed,
            || crate::support::server().url(),
            |_, command| drop(crate::support::server().cli(command)),
            namespace,
        )
    }

    sessions_conformance::store_conformance!(pollster::block_on, |namespace| setup(namespace));
    sessions_conformance::damage_conformance!(pollster::block_on, |namespace| setup(namespace));
}

/// Its SET compares and swaps by itself.
mod valkey {
    use super::*;

    fn setup(namespace: &str) -> Setup {
        let damage = |_: &str, command: &[&str]| drop(crate::support::valkey().cli(command));
        super::setup(test_servers::valkey_is_installed, || crate::support::valkey().url(), damage, namespace)
    }

    sessions_conformance::store_conformance!(pollster::block_on, |namespace| setup(namespace));
    sessions_conformance::damage_conformance!(pollster::block_on, |namespace| setup(namespace));
}

mod cluster {
    use super::*;

    fn at_its_primary(key: &str, command: &[&str]) {
        let cluster = crate::support::cluster();
        let _ = cluster.servers()[cluster.primary_of(key)].cli(command);
    }

    fn setup(namespace: &str) -> Setup {
        super::setup(test_servers::installed, || crate::support::cluster().url(), at_its_primary, namespace)
    }

    sessions_conformance::store_conformance!(pollster::block_on, |namespace| setup(namespace));
    sessions_conformance::damage_conformance!(pollster::block_on, |namespace| setup(namespace));
}

mod a_unix_socket_and_the_newer_protocol {
    use super::*;

    /// Returns the URL of a server whose tests use the newer protocol.
    fn url() -> String {
        static URL: OnceLock<String> = OnceLock::new();
        URL.get_or_init(|| format!("redis+unix://{}?protocol=resp3", crate::support::server().socket())).clone()
    }

    fn setup(namespace: &str) -> Setup {
        let damage = |_: &str, command: &[&str]| drop(crate::support::server().cli(command));
        super::setup(test_servers::installed, url, damage, namespace)
    }

    sessions_conformance::store_conformance!(pollster::block_on, |namespace| setup(namespace));
}
