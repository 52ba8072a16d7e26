//! A MariaDB server that is stopped in every way.

use test_servers::MariaDb;

const WRITE: &str = "CREATE TABLE t (value int); INSERT INTO t VALUES (42)";
const READ: &str = "SELECT value FROM t";

#[test]
fn a_row_survives_a_killed_server() {
    if !MariaDb::is_installed() {
        return;
    }
    for settings in [MariaDb::DURABLE, &[]] {
        let mut server = MariaDb::start_with(settings);
        let _ = server.sql(WRITE);
        let url = server.url();
        server.kill();
        server.restart();
        assert_eq!((server.sql(READ).as_str(), server.url()), ("42", url));
    }
}

#[test]
fn a_row_survives_a_shutdown() {
    if !MariaDb::is_installed() {
        return;
    }
    let mut server = MariaDb::start();
    let _ = server.sql(WRITE);
    server.stop();
    let log = "SELECT LOAD_FILE(CONCAT(@@tmpdir, '/log')) LIKE '%Shutdown complete%'";
    server.restart();
    assert_eq!((server.sql(READ).as_str(), server.sql(log).as_str()), ("42", "1"));
}

#[test]
fn commits_wait_for_the_disk_only_if_durable() {
    if !MariaDb::is_installed() {
        return;
    }
    let disk = |server: &MariaDb| server.sql("SELECT @@innodb_flush_log_at_trx_commit, @@innodb_flush_method");
    assert_eq!(disk(&MariaDb::start_with(MariaDb::DURABLE)), "1\tfsync");
    assert_eq!(disk(&MariaDb::start()), "2\tnosync");
}

#[test]
fn the_user_of_the_url_has_all_privileges() {
    if !MariaDb::is_installed() {
        return;
    }
    let server = MariaDb::start_with(&[("max-connections", "17")]);
    assert_eq!(server.url(), format!("mysql://root@127.0.0.1:{}/test", server.port()));
    let _ = server.sql("INSTALL SONAME 'auth_ed25519'; CREATE DATABASE other");
    let grants = server.sql("SHOW GRANTS FOR root@127.0.0.1");
    assert!(grants.contains("ALL PRIVILEGES ON *.* TO `root`@`127.0.0.1` WITH GRANT OPTION"), "{grants}");
    assert_eq!(server.sql("SELECT @@max_connections, @@character_set_database"), "17\tutf8mb4");
}
