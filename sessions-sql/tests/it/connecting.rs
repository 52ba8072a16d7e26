//! Connections over TLS and over Unix sockets, to servers whose ports accept TLS only.

use std::path::Path;

use crate::support::{assert_usable, chain, migrated, patient, table};
use pollster::block_on;
use sessions_sql::Database;
use sessions_store::StoreErrorKind;

/// Checks that a store is of use.
fn assert_reached<D: Database>(url: &str) {
    assert_usable(&migrated::<D>(url, &table()));
}

/// Checks that a store cannot connect, and that its error contains some text.
#[cfg(feature = "tls")]
#[track_caller]
fn assert_refused<D: Database>(url: &str, text: &str) {
    let store = patient::<D>("sessions").open(url).unwrap();
    let error = block_on(store.ping()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let told = chain(&error);
    assert!(told.contains(text), "{url}: {told}");
}

/// What an error says of a certificate that is not accepted.
#[cfg(feature = "tls")]
const CERTIFICATE: &str = "name that of its authority in the URL";

/// Returns the path of a certificate that no server has.
#[cfg(feature = "tls")]
fn foreign(folder: &Path) -> String {
    test_servers::Certificate::new_in(folder).path().display().to_string()
}

#[cfg(feature = "postgres")]
mod postgres {
    use sessions_sql::Postgres;

    use super::*;

    #[test]
    #[cfg(feature = "tls")]
    fn tls_is_spoken_and_the_certificate_is_checked() {
        if !test_servers::Postgres::is_installed() {
            return;
        }
        let (server, folder) = (test_servers::Postgres::start_with_tls(), tempfile::tempdir().unwrap());
        let own = server.certificate().unwrap().path();
        let url =
            |host: &str, options: &str| format!("postgres://postgres@{host}:{}/postgres?{options}", server.port());
        let by = |mode: &str, certificate: &Path| format!("sslmode={mode}&sslrootcert={}", certificate.display());
        assert_reached::<Postgres>(&url("localhost", &by("verify-full", &own)));
        assert_reached::<Postgres>(&url("localhost", &by("verify-ca", &own)));
        assert_reached::<Postgres>(&url("localhost", "sslmode=require"));
        let foreign = foreign(folder.path());
        for mode in ["verify-full", "verify-ca"] {
            assert_refused::<Postgres>(&url("localhost", &by(mode, Path::new(&foreign))), CERTIFICATE);
            // Nor is it one of the system's.
            assert_refused::<Postgres>(&url("localhost", &format!("sslmode={mode}")), CERTIFICATE);
        }
        assert_refused::<Postgres>(&url("127.0.0.1", &by("verify-full", &own)), CERTIFICATE);
        assert_refused::<Postgres>(&url("localhost", "sslmode=disable"), "no encryption");
    }

    #[test]
    fn a_unix_socket_is_reached() {
        if !test_servers::Postgres::is_installed() {
            return;
        }
        let server = test_servers::Postgres::start_with_tls();
        let folder = server.folder().display();
        let url = format!("postgres://postgres@localhost:{}/postgres?host={folder}&sslmode=disable", server.port());
        assert_reached::<Postgres>(&url);
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use sessions_sql::MySql;

    use super::*;

    #[test]
    #[cfg(feature = "tls")]
    fn tls_is_spoken_and_the_certificate_is_checked() {
        if !test_servers::MariaDb::is_installed() {
            return;
        }
        let (server, folder) = (test_servers::MariaDb::start_with_tls(), tempfile::tempdir().unwrap());
        let own = server.certificate().unwrap().path();
        let url = |host: &str, options: &str| format!("mysql://root@{host}:{}/test?{options}", server.port());
        let by = |mode: &str, certificate: &Path| format!("ssl-mode={mode}&ssl-ca={}", certificate.display());
        assert_reached::<MySql>(&url("localhost", &by("verify_identity", &own)));
        assert_reached::<MySql>(&url("localhost", &by("verify_ca", &own)));
        assert_reached::<MySql>(&url("localhost", "ssl-mode=required"));
        let foreign = foreign(folder.path());
        for mode in ["verify_identity", "verify_ca"] {
            assert_refused::<MySql>(&url("localhost", &by(mode, Path::new(&foreign))), CERTIFICATE);
            // Nor is it one of the system's.
            assert_refused::<MySql>(&url("localhost", &format!("ssl-mode={mode}")), CERTIFICATE);
        }
        assert_refused::<MySql>(&url("127.0.0.1", &by("verify_identity", &own)), CERTIFICATE);
        // MariaDB does not say what is missing.
        assert_refused::<MySql>(&url("localhost", "ssl-mode=disabled"), "Access denied");
    }

    #[test]
    fn a_unix_socket_is_reached() {
        if !test_servers::MariaDb::is_installed() {
            return;
        }
        let server = test_servers::MariaDb::start_with_tls();
        assert_reached::<MySql>(&format!("mysql://root@localhost/test?socket={}&ssl-mode=disabled", server.socket()));
    }
}
