//! The value of a `Set-Cookie` header.

use crate::cookie::find::trim;

/// The value of a `Set-Cookie` header. It contains a token, so its `Debug` output is redacted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SetCookie(pub(crate) String);

/// Returns whether two `Set-Cookie` headers set a cookie with the same name.
pub(crate) fn have_same_name(one: &[u8], other: &[u8]) -> bool {
    name_of(one) == name_of(other)
}

/// Returns the cookie name of a `Set-Cookie` header as browsers parse it (RFC 6265bis section 5.6).
///
/// Surrounding spaces and tabs are stripped. Without a `=` before the first `;`, the name is empty.
fn name_of(header: &[u8]) -> &[u8] {
    match memchr::memchr2(b'=', b';', header) {
        Some(at) if header[at] == b'=' => trim(&header[..at]),
        _ => &[],
    }
}

redacted!(SetCookie);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_browsers_parse_them() {
        let ours = "__Host-id=; Path=/; Max-Age=0";
        let cases = [
            ("__Host-id=x; Secure; Path=/", true),
            ("__Host-id =x", true),
            (" \t__Host-id\t =x", true),
            ("__Host-id==", true),
            ("__Host-id", false),
            ("__Host-id; a=b", false),
            ("__Host-id2=x", false),
            ("__Host-i=x", false),
            ("__host-id=x", false),
            ("a=__Host-id=x", false),
            ("=__Host-id=x", false),
            ("", false),
        ];
        for (header, expected) in cases {
            assert_eq!(have_same_name(header.as_bytes(), ours.as_bytes()), expected, "{header:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", SetCookie("id=TOKEN".to_owned())), "SetCookie { .. }");
    }
}
