//! A pooler in front of a Postgres server.

use test_servers::{PgBouncer, Postgres};

#[test]
fn transactions_go_through_the_pooler() {
    if !PgBouncer::is_installed() {
        return;
    }
    let postgres = Postgres::start();
    let pooler = PgBouncer::start(&postgres);
    let _ = pooler.sql("CREATE TABLE t (value int); INSERT INTO t VALUES (42)");
    assert_eq!(postgres.sql("SELECT value FROM t"), "42");
    assert_eq!(pooler.sql("SHOW port"), postgres.port().to_string());
    assert!(pooler.admin("SHOW CONFIG").contains("pool_mode|transaction|"));
}

#[test]
fn settings_replace_those_of_the_crate() {
    if !PgBouncer::is_installed() {
        return;
    }
    let postgres = Postgres::start();
    let pooler = PgBouncer::start_with(&postgres, &[("pool_mode", "statement"), ("default_pool_size", "2")]);
    let settings = pooler.admin("SHOW CONFIG");
    assert!(settings.contains("pool_mode|statement|") && settings.contains("default_pool_size|2|"), "{settings}");
}

#[test]
fn a_pooler_starts_again_on_its_port() {
    if !PgBouncer::is_installed() {
        return;
    }
    let postgres = Postgres::start();
    let mut pooler = PgBouncer::start(&postgres);
    let url = pooler.url();
    pooler.kill();
    pooler.restart();
    assert_eq!(pooler.sql("SELECT 1"), "1");
    pooler.stop();
    pooler.restart();
    assert_eq!((pooler.sql("SELECT 1").as_str(), pooler.url()), ("1", url));
}
