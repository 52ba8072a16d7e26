//! A standby that takes over from its primary.

use std::thread;
use std::time::{Duration, Instant};

use test_servers::{Postgres, Proxy};

#[test]
fn a_promoted_standby_has_the_rows_of_its_dead_primary() {
    if !Postgres::is_installed() {
        return;
    }
    let mut primary = Postgres::start();
    let standby = Postgres::start_standby(&primary);
    assert_eq!(standby.sql("SELECT pg_is_in_recovery()"), "t");
    let _ = primary.sql("CREATE TABLE t (value int); INSERT INTO t VALUES (42)");
    primary.wait_for_standby();
    primary.kill();
    standby.promote();
    assert_eq!(standby.sql("INSERT INTO t VALUES (43); SELECT value FROM t ORDER BY value"), "42\n43");
}

#[test]
fn a_synchronous_primary_waits_for_its_standby() {
    if !Postgres::is_installed() {
        return;
    }
    let settings = [("synchronous_standby_names", "*"), ("synchronous_commit", "remote_apply")];
    let mut primary = Postgres::start_with(&settings);
    let standby = Postgres::start_standby(&primary);
    let _ = primary.sql("CREATE TABLE t (value int); INSERT INTO t VALUES (42)");
    assert_eq!(standby.sql("SELECT value FROM t"), "42", "the commit waited for the standby");
    primary.kill();
    standby.promote();
    assert_eq!(standby.sql("INSERT INTO t VALUES (43); SELECT count(*) FROM t"), "2", "it waits for no other");
}

/// Returns the number of commits that wait for a standby.
fn waiting(server: &Postgres) -> String {
    server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
}

#[test]
fn a_promoted_standby_waits_for_its_own_standby() {
    if !Postgres::is_installed() {
        return;
    }
    let mut primary = Postgres::start();
    primary.require_standby();
    let mut second = Postgres::start_standby(&primary);
    let _ = primary.sql("CREATE TABLE t (value int)");
    primary.kill();
    second.promote();
    let third = thread::scope(|scope| {
        let commit = scope.spawn(|| second.sql("INSERT INTO t VALUES (42)"));
        let begun = Instant::now();
        while waiting(&second) == "0" {
            assert!(begun.elapsed() < Duration::from_secs(60), "the commit does not wait");
        }
        assert_eq!(second.sql("SELECT count(*) FROM t"), "0");
        let third = Postgres::start_standby(&second);
        let _ = commit.join().unwrap();
        third
    });
    second.kill();
    third.promote();
    assert_eq!(third.sql("SELECT value FROM t"), "42");
}

#[test]
fn a_standby_that_is_cut_off_lacks_later_commits() {
    if !Postgres::is_installed() {
        return;
    }
    let mut primary = Postgres::start();
    let proxy = Proxy::to(primary.port());
    let standby = Postgres::start_standby_through(&primary, &proxy);
    let _ = primary.sql("CREATE TABLE t (value int); INSERT INTO t VALUES (42)");
    primary.wait_for_standby();
    proxy.swallow();
    let _ = primary.sql("INSERT INTO t VALUES (43)");
    primary.kill();
    standby.promote();
    assert_eq!(standby.sql("SELECT value FROM t"), "42");
}
