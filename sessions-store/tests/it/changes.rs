//! The changes of a request, as a store sees them.

use std::time::Duration;

use sessions_store::{Changes, Lifetime, SecretHash, Timestamp};

fn changes() -> Changes {
    Changes::new(Timestamp::from_millis(1), SecretHash::from_bytes([1; 32]))
}

#[test]
fn entries_and_flashes_are_cleared_apart() {
    let both = |changes: &Changes| (changes.clears_entries(), changes.clears_flashes());
    assert_eq!(both(&changes()), (false, false));
    assert_eq!(both(&changes().clear_entries()), (true, false));
    assert_eq!(both(&changes().clear_flashes()), (false, true));
    assert_eq!(both(&changes().clear_flashes().clear_entries()), (true, true));
}

#[test]
fn only_a_touch_changes_nothing_else() {
    assert!(changes().is_touch());
    let others = [
        changes().renew(SecretHash::from_bytes([1; 32])),
        changes().bind("ann"),
        changes().confirm(),
        changes().rotate(SecretHash::from_bytes([1; 32]), Timestamp::from_millis(0)),
        changes().lifetime(Lifetime::ENDLESS.with_idle(Duration::from_secs(1))),
        changes().clear_entries(),
        changes().clear_flashes(),
        changes().increment("n", 1),
        changes().require("n", None),
    ];
    for changes in others {
        assert!(!changes.is_touch(), "{changes:?}");
    }
}

#[test]
fn debug_shows_each_change_and_key_and_no_value() {
    let changes = changes()
        .require("k1", Some(b"sensitive"))
        .set("k2", b"sensitive")
        .set_immutable("k3", b"sensitive")
        .remove("k4")
        .increment("k5", 77_777)
        .set_flash("k6", b"sensitive")
        .remove_flash("k7")
        .consume_flash("k8", b"sensitive")
        .bind("sensitive");
    let mut shown: Vec<_> = changes.iter().map(|change| format!("{change:?}")).collect();
    shown.sort_unstable();
    let expected = [
        r#"ConsumeFlash { key: "k8", .. }"#,
        r#"Increment { key: "k5", .. }"#,
        r#"Remove { key: "k4", .. }"#,
        r#"RemoveFlash { key: "k7", .. }"#,
        r#"Require { key: "k1", .. }"#,
        r#"Set { key: "k2", .. }"#,
        r#"SetFlash { key: "k6", .. }"#,
        r#"SetImmutable { key: "k3", .. }"#,
    ];
    assert_eq!(shown, expected);
    let whole = format!("{changes:?}");
    assert!(whole.contains(&shown[7]), "{whole}");
    assert!(!whole.contains("sensitive") && !whole.contains("115, 101") && !whole.contains("77777"), "{whole}");
}
