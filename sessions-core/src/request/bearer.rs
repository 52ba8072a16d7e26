//! Bearer tokens: the session's token in the `Authorization` header (RFC 6750).

/// Returns the token of an `Authorization` header of the scheme `Bearer`.
pub(crate) fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    // RFC 9110 section 11.1: the name of a scheme is case-insensitive.
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_follows_its_scheme() {
        let table: [(&str, Option<&str>); 11] = [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER   abc ", Some("abc")),
            ("Bearer a b", Some("a b")),
            ("Bearer ", Some("")),
            ("Bearer", None),
            ("Bearerabc", None),
            ("Basic abc", None),
            ("Bearer\tabc", None),
            (" Bearer abc", None),
            ("", None),
        ];
        for (value, token) in table {
            assert_eq!(bearer_token(value.as_bytes()), token.map(str::as_bytes), "{value:?}");
        }
    }
}
