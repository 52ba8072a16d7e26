//! What is in the table, and how commits and sweeps treat it.

use crate::support::{IDLE, NOW, SECRET, migrated, postgres, record, table};
use pollster::block_on;
use sessions_store::{Changes, Created, Lifetime, Store};
use test_servers::Postgres;

#[test]
fn a_touch_leaves_the_body_alone() {
    if !Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let value = vec![b'1'; 64 * 1024];
    let record = record().entry("large", &value).build().unwrap();
    assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
    let toast = server.sql(&format!("SELECT reltoastrelid::regclass FROM pg_class WHERE relname = '{table}'"));
    let chunks = || server.sql(&format!("SELECT count(*), string_agg(DISTINCT xmin::text, ' ') FROM {toast}"));
    let before = chunks();
    assert!(before.split('|').next().unwrap().parse::<u32>().unwrap() > 30, "{before}");

    let later = |secret| Changes::new(NOW.after(IDLE / 2), secret);
    let touched = block_on(store.commit(&record, &later(SECRET))).unwrap().unwrap();
    assert_eq!((chunks(), touched.last_seen()), (before.clone(), NOW.after(IDLE / 2)));
    let renewed = sessions_store::SecretHash::from_bytes([8; 32]);
    let renewed = block_on(store.commit(&touched, &later(SECRET).renew(renewed))).unwrap().unwrap();
    assert_eq!(chunks(), before, "the secret's hash is in the head");
    let written = later(renewed.secret_hash()).set("small", b"1");
    assert!(block_on(store.commit(&renewed, &written)).unwrap().is_ok());
    assert_ne!(chunks(), before);
    let loaded = block_on(store.load(record.id(), NOW)).unwrap().unwrap();
    assert_eq!(loaded.entry("large").unwrap().value(), value);
}

#[test]
fn a_touch_moves_no_index() {
    if !Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let mut record = record().principal(Some("ann")).entry("a", b"1").build().unwrap();
    assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
    for seconds in 1..=20 {
        let touch = Changes::new(NOW.after(std::time::Duration::from_secs(seconds)), SECRET);
        record = block_on(store.commit(&record, &touch)).unwrap().unwrap();
    }
    // The server's own process counts a little later, and at once when it ends.
    drop(store);
    let counts =
        || server.sql(&format!("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '{table}'"));
    while !counts().starts_with("20|") {
        std::thread::yield_now();
    }
    assert_eq!(counts(), "20|20");
}

#[test]
fn a_sweep_moves_on_what_was_seen() {
    if !Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let distance = || server.sql(&format!("SELECT expires_at - sweep_from FROM {table}"));
    let record = record().build().unwrap();
    assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
    assert_eq!(distance(), "0");
    let touched = block_on(store.commit(&record, &Changes::new(NOW.after(IDLE / 2), SECRET))).unwrap().unwrap();
    assert_eq!(distance(), (IDLE / 2).as_millis().to_string());
    assert!(block_on(store.sweep(1, NOW.after(IDLE))).unwrap().is_empty());
    assert_eq!(distance(), "0");
    // A shorter timeout is due earlier.
    let shorter = Changes::new(NOW.after(IDLE / 2), SECRET).lifetime(Lifetime::ENDLESS.with_idle(IDLE / 10));
    assert!(block_on(store.commit(&touched, &shorter)).unwrap().is_ok());
    assert_eq!(distance(), "0");
    assert_eq!(block_on(store.sweep(1, NOW.after(IDLE))).unwrap(), [record.id()]);
}

#[test]
fn many_that_live_on_do_not_hide_one_that_has_expired() {
    if !Postgres::is_installed() {
        return;
    }
    let table = table();
    let store = migrated::<sessions_sql::Postgres>(&postgres().url(), &table);
    for _ in 0..10 {
        let record = record().build().unwrap();
        assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
        assert!(block_on(store.commit(&record, &Changes::new(NOW.after(IDLE / 2), SECRET))).unwrap().is_ok());
    }
    let expired = record().idle(Some(IDLE + IDLE / 10)).build().unwrap();
    assert_eq!(block_on(store.create(&expired)).unwrap(), Created::STORED);
    assert_eq!(block_on(store.sweep(2, NOW.after(IDLE + IDLE / 5))).unwrap(), [expired.id()]);
    assert_eq!(block_on(store.count()).unwrap(), 10);
}

/// Regression: a sweep that removed some left those behind that it would have moved on next.
#[test]
fn a_sweep_leaves_nothing_that_is_due() {
    if !Postgres::is_installed() {
        return;
    }
    let (server, table) = (postgres(), table());
    let store = migrated::<sessions_sql::Postgres>(&server.url(), &table);
    let expired = record().idle(Some(IDLE / 2)).build().unwrap();
    assert_eq!(block_on(store.create(&expired)).unwrap(), Created::STORED);
    for _ in 0..10 {
        let record = record().build().unwrap();
        assert_eq!(block_on(store.create(&record)).unwrap(), Created::STORED);
        assert!(block_on(store.commit(&record, &Changes::new(NOW.after(IDLE / 2), SECRET))).unwrap().is_ok());
    }
    let now = NOW.after(IDLE);
    assert_eq!(block_on(store.sweep(2, now)).unwrap(), [expired.id()]);
    let due = format!("SELECT count(*) FROM {table} WHERE sweep_from <= {}", now.as_millis());
    assert_eq!(server.sql(&due), "0");
}
