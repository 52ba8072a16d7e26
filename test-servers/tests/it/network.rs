//! Connections on which nothing arrives, and the proxy in front of databases.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use test_servers::{MariaDb, PgBouncer, Postgres, Proxy};

/// A connection to a port, with a part of Postgres' protocol.
struct Connection(TcpStream);

impl Connection {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// Signs in to Postgres.
    fn sign_in(port: u16) -> Self {
        let mut connection = Self::open(port);
        connection.send(None, b"\0\x03\0\0user\0postgres\0database\0postgres\0\0");
        // Ready for a query, outside of a transaction.
        while !connection.receive().unwrap().ends_with(b"Z\0\0\0\x05I") {}
        connection
    }

    fn query(&mut self, statement: &str) {
        self.send(Some(b'Q'), format!("{statement}\0").as_bytes());
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let message: Vec<u8> = kind.into_iter().chain(length).chain(body.iter().copied()).collect();
        self.0.write_all(&message).unwrap();
    }

    fn receive(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = [0; 16_384];
        let length = self.0.read(&mut bytes)?;
        Ok(bytes[..length].to_vec())
    }

    /// Returns whether nothing arrives for a while.
    fn is_silent(&mut self) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let received = self.receive();
        self.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        received.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Returns whether the other end has closed the connection.
    fn is_closed(&mut self) -> bool {
        self.receive().is_ok_and(|received| received.is_empty())
    }
}

#[test]
fn connections_to_a_frozen_postgres_are_silent() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start();
    let mut old = Connection::sign_in(server.port());
    server.freeze();
    old.query("SELECT 1");
    assert!(old.is_silent());
    server.thaw();
    assert!(!old.receive().unwrap().is_empty());
    assert_eq!(server.sql("SELECT 1"), "1");
}

#[test]
fn connections_to_a_frozen_mariadb_are_silent() {
    if !MariaDb::is_installed() {
        return;
    }
    let server = MariaDb::start();
    server.freeze();
    let mut new = Connection::open(server.port());
    assert!(new.is_silent());
    server.thaw();
    assert!(!new.receive().unwrap().is_empty(), "the server speaks first");
}

#[test]
fn connections_to_a_frozen_pooler_are_silent() {
    if !PgBouncer::is_installed() {
        return;
    }
    let postgres = Postgres::start();
    let pooler = PgBouncer::start(&postgres);
    let mut old = Connection::sign_in(pooler.port());
    pooler.freeze();
    old.query("SELECT 1");
    assert!(old.is_silent());
    pooler.thaw();
    assert!(!old.receive().unwrap().is_empty());
}

#[test]
fn a_lost_reply_of_postgres_leaves_the_row() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start();
    let _ = server.sql("CREATE TABLE t (value int)");
    let proxy = Proxy::to(server.port());
    assert_eq!(server.url_through(&proxy), format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port()));
    let mut connection = Connection::sign_in(proxy.port());
    proxy.lose_next_reply();
    connection.query("INSERT INTO t VALUES (42)");
    assert!(connection.is_closed());
    assert_eq!((server.sql("SELECT value FROM t").as_str(), proxy.losses()), ("42", 1));
}

#[test]
fn a_held_reply_of_postgres_arrives_later() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start();
    let _ = server.sql("CREATE TABLE t (value int)");
    let proxy = Proxy::to(server.port());
    let mut connection = Connection::sign_in(proxy.port());
    proxy.hold_replies();
    connection.query("INSERT INTO t VALUES (42)");
    proxy.wait_for_held_reply();
    assert_eq!(server.sql("SELECT value FROM t"), "42");
    assert!(connection.is_silent());
    proxy.release_replies();
    assert!(connection.receive().unwrap().starts_with(b"C\0\0\0\x0fINSERT 0 1\0"));
}

#[test]
fn a_held_request_reaches_postgres_after_its_client_left() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start();
    let _ = server.sql("CREATE TABLE t (value int)");
    let proxy = Proxy::to(server.port());
    let mut connection = Connection::sign_in(proxy.port());
    proxy.hold_next_request();
    connection.query("INSERT INTO t VALUES (42)");
    assert!(connection.is_closed());
    assert_eq!(server.sql("SELECT count(*) FROM t"), "0");
    proxy.release_request();
    let begun = Instant::now();
    while server.sql("SELECT count(*) FROM t") == "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "the request does not arrive");
    }
}

#[test]
fn a_proxy_directs_new_connections_to_another_server() {
    if !Postgres::is_installed() {
        return;
    }
    let (first, second) = (Postgres::start(), Postgres::start());
    let count = |server: &Postgres| server.sql("SELECT count(*) FROM t");
    let _ = (first.sql("CREATE TABLE t (value int)"), second.sql("CREATE TABLE t (value int)"));
    let proxy = Proxy::to(first.port());
    let mut old = Connection::sign_in(proxy.port());
    proxy.retarget(second.port());
    old.query("INSERT INTO t VALUES (1)");
    assert!(!old.receive().unwrap().is_empty());
    assert_eq!((count(&first).as_str(), count(&second).as_str()), ("1", "0"), "the old one stays where it is");
    let mut new = Connection::sign_in(proxy.port());
    new.query("INSERT INTO t VALUES (2)");
    assert!(!new.receive().unwrap().is_empty());
    assert_eq!((count(&first).as_str(), count(&second).as_str()), ("1", "1"));
}

#[test]
fn a_proxy_loses_a_reply_of_mariadb() {
    if !MariaDb::is_installed() {
        return;
    }
    let server = MariaDb::start();
    let proxy = Proxy::to(server.port());
    assert_eq!(server.url_through(&proxy), format!("mysql://root@127.0.0.1:{}/test", proxy.port()));
    let ask = || {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--host=127.0.0.1", "--user=root", "-e", "SELECT @@port"]);
        client.arg(format!("--port={}", proxy.port())).output().unwrap()
    };
    let answer = ask();
    assert!(String::from_utf8_lossy(&answer.stdout).contains(&server.port().to_string()), "{answer:?}");
    // The server's greeting is the first reply.
    proxy.lose_reply(2);
    assert!(!ask().status.success());
    assert_eq!(proxy.losses(), 1);
}
