//! Flash messages, which are shown once.

use crate::{Server, Visitor, query};

/// Reads a flash.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_flash_is_read_once(server: &Server) {
    let mut visitor = server.visitor();
    set(&mut visitor, "notice", "saved & 100 % für dich");
    visitor.get("/flash/get?k=notice").expect_text("saved & 100 % für dich");
    visitor.get("/flash/get?k=notice").expect_text("");
    visitor.get("/flash/all").expect_text("{}");
}

/// Peeks at a flash.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_peek_leaves_the_flash(server: &Server) {
    let mut visitor = server.visitor();
    set(&mut visitor, "notice", "saved");
    visitor.get("/flash/peek?k=notice").expect_text("saved");
    visitor.get("/flash/peek?k=notice").expect_text("saved");
    visitor.get("/flash/get?k=notice").expect_text("saved");
    visitor.get("/flash/peek?k=notice").expect_text("");
}

/// Sends other requests before the flash is read.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn an_unread_flash_stays(server: &Server) {
    let mut visitor = server.visitor();
    set(&mut visitor, "notice", "saved");
    visitor.get("/get").expect_ok();
    visitor.get("/plain").expect_ok();
    visitor.put("city", "Thessaloniki");
    visitor.login("ann");
    visitor.get("/flash/get?k=notice").expect_text("saved");
}

/// Sets a flash.
///
/// # Panics
///
/// Panics if the status is not 200.
#[track_caller]
pub fn set(visitor: &mut Visitor<'_>, key: &str, value: &str) {
    visitor.get(&query("/flash/set", &[("k", key), ("v", value)])).expect_ok();
}
