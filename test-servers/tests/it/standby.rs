//! A standby that takes over from its primary.

use test_servers::Postgres;

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
    assert_eq!(standby.sql("SELECT value FROM t"), "42", "the commit waited until the standby showed it");
    primary.kill();
    standby.promote();
    assert_eq!(standby.sql("INSERT INTO t VALUES (43); SELECT count(*) FROM t"), "2", "it waits for no other");
}
