//! A Postgres server that is stopped in every way.

use test_servers::Postgres;

const WRITE: &str = "CREATE TABLE t (value int); INSERT INTO t VALUES (42)";
const READ: &str = "SELECT value FROM t";

#[test]
fn a_row_survives_a_killed_server() {
    if !Postgres::is_installed() {
        return;
    }
    for settings in [Postgres::DURABLE, &[]] {
        let mut server = Postgres::start_with(settings);
        let _ = server.sql(WRITE);
        let url = server.url();
        server.kill();
        server.restart();
        assert_eq!((server.sql(READ).as_str(), server.url()), ("42", url));
    }
}

#[test]
fn a_row_survives_a_shutdown() {
    if !Postgres::is_installed() {
        return;
    }
    let mut server = Postgres::start();
    let _ = server.sql(WRITE);
    server.stop();
    let log = "SELECT pg_read_file('../log') LIKE '%database system is shut down%'";
    server.restart();
    assert_eq!((server.sql(READ).as_str(), server.sql(log).as_str()), ("42", "t"));
}

#[test]
fn commits_wait_for_the_disk_only_if_durable() {
    if !Postgres::is_installed() {
        return;
    }
    let fsync = |server: &Postgres| server.sql("SHOW fsync");
    assert_eq!(fsync(&Postgres::start_with(Postgres::DURABLE)), "on");
    assert_eq!(fsync(&Postgres::start()), "off");
}

#[test]
fn settings_replace_those_of_the_crate() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start_with(&[("shared_buffers", "8MB"), ("max_connections", "7")]);
    assert_eq!(server.sql("SHOW shared_buffers; SHOW max_connections"), "8MB\n7");
}

#[test]
fn servers_share_nothing() {
    if !Postgres::is_installed() {
        return;
    }
    let (one, other) = (Postgres::start(), Postgres::start());
    let _ = one.sql(WRITE);
    assert_eq!(other.sql("SELECT to_regclass('t') IS NULL"), "t");
    assert_ne!(one.url(), other.url());
}

#[test]
#[should_panic(expected = "relation \"absent\" does not exist")]
fn a_statement_that_fails_panics() {
    assert!(Postgres::is_installed(), "relation \"absent\" does not exist: nor does Postgres");
    let _ = Postgres::start().sql("SELECT * FROM absent");
}
