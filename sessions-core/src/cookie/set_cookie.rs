//! The value of a `Set-Cookie` header.

use std::fmt;

use crate::cookie::find::trim;

/// The value of a `Set-Cookie` header. It holds a token, so its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SetCookie(pub(super) String);

impl SetCookie {
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Returns whether two `Set-Cookie` headers set the cookie of the same name.
pub(crate) fn are_namesakes(one: &[u8], other: &[u8]) -> bool {
    name_of(one) == name_of(other)
}

/// Returns the name that browsers read in a `Set-Cookie` header, by RFC 6265bis section 5.6: without
/// the spaces and tabs around it, and empty where no `=` comes before the first `;`.
fn name_of(field: &[u8]) -> &[u8] {
    match memchr::memchr2(b'=', b';', field) {
        Some(at) if field[at] == b'=' => trim(&field[..at]),
        _ => &[],
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetCookie(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namesakes_are_told_as_browsers_read_names() {
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
        for (field, are) in cases {
            assert_eq!(are_namesakes(field.as_bytes(), ours.as_bytes()), are, "{field:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", SetCookie("id=TOKEN".to_owned())), "SetCookie(..)");
    }
}
