//! Messages that are shown once.

use crate::{Server, Visitor, query};

/// Gets a flash.
///
/// # Panics
///
/// Where it is not as the name says.
#[track_caller]
pub fn a_flash_is_got_once(server: &Server) {
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
/// Where it is not as the name says.
#[track_caller]
pub fn a_peek_leaves_the_flash(server: &Server) {
    let mut visitor = server.visitor();
    set(&mut visitor, "notice", "saved");
    visitor.get("/flash/peek?k=notice").expect_text("saved");
    visitor.get("/flash/peek?k=notice").expect_text("saved");
    visitor.get("/flash/get?k=notice").expect_text("saved");
    visitor.get("/flash/peek?k=notice").expect_text("");
}

/// Does other things before getting a flash.
///
/// # Panics
///
/// Where it is not as the name says.
#[track_caller]
pub fn a_flash_that_was_not_got_waits(server: &Server) {
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
/// Where the answer is not 200.
#[track_caller]
pub fn set(visitor: &mut Visitor<'_>, key: &str, value: &str) {
    visitor.get(&query("/flash/set", &[("k", key), ("v", value)])).expect_ok();
}
