//! The store contract, on one server and on a cluster.

use std::sync::OnceLock;

use crate::support::patient;
use sessions_conformance::{Damage, Setup};
use sessions_core::SessionId;
use sessions_core::store::MemoryStore;

/// Sets a test up.
///
/// If no server is installed, it prints a notice, and the memory store takes its place: the macro
/// needs some store.
fn setup(url: fn() -> String, damage: fn(&str, &[&str]), namespace: &str) -> Setup {
    if !test_servers::installed() {
        return Setup::new(MemoryStore::default()).damaged_by(|_, _| {});
    }
    let prefix = format!("{namespace}:");
    let open = || patient().prefix(prefix.as_str()).open(&url()).unwrap();
    let (store, other) = (open(), open());
    let spoil = move |id: SessionId, kind| {
        let key = format!("{prefix}{id}");
        match kind {
            Damage::NewerFormat => damage(&key, &["HSET", &key, "h", "2"]),
            _ => damage(&key, &["HDEL", &key, "s"]),
        }
    };
    Setup::new(store).with_second_handle(other).expiring_by_itself().damaged_by(spoil)
}

mod one_server {
    use super::*;

    fn setup(namespace: &str) -> Setup {
        super::setup(
            || crate::support::server().url(),
            |_, command| drop(crate::support::server().cli(command)),
            namespace,
        )
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
        super::setup(|| crate::support::cluster().url(), at_its_primary, namespace)
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
        super::setup(url, |_, command| drop(crate::support::server().cli(command)), namespace)
    }

    sessions_conformance::store_conformance!(pollster::block_on, |namespace| setup(namespace));
}
