use tower_sessions::cookie::{Cookie, CookieJar, Key};
use tower_sessions::session::Id;

/// Opens the cookie of a layer with `with_signed`.
fn signed_id(cookie: Cookie<'static>, key: &Key) -> Option<Id> {
    let (mut jar, name) = (CookieJar::new(), cookie.name().to_owned());
    jar.add_original(cookie);
    jar.signed(key).get(&name)?.value().parse().ok()
}

/// Opens the cookie of a layer with `with_private`.
fn private_id(cookie: Cookie<'static>, key: &Key) -> Option<Id> {
    let (mut jar, name) = (CookieJar::new(), cookie.name().to_owned());
    jar.add_original(cookie);
    jar.private(key).get(&name)?.value().parse().ok()
}
