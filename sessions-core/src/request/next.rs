//! The page to return to after signing in, and whether a redirect to it is safe.

/// Longest path that a redirect to the login page passes on as `next`.
const LONGEST_NEXT: usize = 2048;

/// Returns a `next` that came back from the client if it is a path on this host.
///
/// A gate sends a visitor to the login page with the path that they asked for as `next`. What comes
/// back is not trustworthy: an attacker's link may contain a page of another site. Redirect only to
/// what this returns, or else to the front page:
///
/// ```
/// use sessions_core::local_path;
///
/// assert_eq!(local_path("/orders?page=2"), Some("/orders?page=2"));
/// for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "orders"] {
///     assert_eq!(local_path(elsewhere), None);
/// }
/// ```
///
/// The path begins with one `/`, and contains only visible ASCII without backslashes: browsers
/// read `\` as `/`, and skip tabs and line breaks. Browsers also encode `"`, `<` and `>` in a path,
/// so these are refused, for templates that forget to escape. Use it decoded, as form parsers
/// return it.
#[must_use]
pub fn local_path(next: &str) -> Option<&str> {
    let [b'/', rest @ ..] = next.as_bytes() else { return None };
    let is_allowed = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
    (rest.first() != Some(&b'/') && rest.iter().all(is_allowed)).then_some(next)
}

/// Returns a path if it may become a `next`.
pub(super) fn next_of(path: &str) -> Option<&str> {
    local_path(path).filter(|path| path.len() <= LONGEST_NEXT)
}

/// Returns the address of a page with `next` as its parameter.
pub(super) fn with_next(page: &str, next: &str) -> String {
    let separator = if page.contains('?') { '&' } else { '?' };
    let mut url = format!("{page}{separator}next=");
    for byte in next.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_host_are_local() {
        for path in [
            "/",
            "/a",
            "/a/b?c=d&e=f#g",
            "/a//b",
            "/a?next=//evil.example",
            "/a?b=https://evil.example",
            "/%2F%2Fevil.example",
            "/%5Cevil.example",
            "/..//evil.example",
            "/.//evil.example",
            "/@evil.example",
            "/:80/",
            "/https://evil.example",
            "/?//evil.example",
            "/caf%C3%A9",
        ] {
            assert_eq!(local_path(path), Some(path));
        }
        for path in [
            "",
            "a",
            ".",
            "?a",
            "#a",
            "//",
            "//evil.example",
            "///evil.example",
            "//evil.example/..",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/a\\..\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r/evil.example",
            "\t//evil.example",
            " //evil.example",
            " /a",
            "/a b",
            "/ /evil.example",
            "/\0/evil.example",
            "/\u{7f}",
            "/\u{2028}/evil.example",
            "/\u{ff0f}evil.example",
            "/caf\u{e9}",
            "/\"><script>alert(1)</script>",
            "/a?b=<",
            "/a?b=>",
            "/a?b=\"",
            "http:/evil.example",
            "https://evil.example",
            "HTTPS:evil.example",
            "javascript:alert(1)",
            "data:text/html,a",
            "evil.example/",
            "@evil.example",
        ] {
            assert_eq!(local_path(path), None, "{path:?}");
        }
    }

    #[test]
    fn next_is_percent_encoded() {
        for (page, next, url) in [
            ("/login", "/", "/login?next=/"),
            ("/login", "/a/b-c_d.e~f", "/login?next=/a/b-c_d.e~f"),
            ("/login", "/a?b=c&d=e#f", "/login?next=/a%3Fb%3Dc%26d%3De%23f"),
            ("/login?lang=de", "/a%20b+c", "/login?lang=de&next=/a%2520b%2Bc"),
        ] {
            assert_eq!(with_next(page, next), url);
        }
    }

    #[test]
    fn long_path_is_not_passed_on() {
        let longest = format!("/{}", "a".repeat(LONGEST_NEXT - 1));
        assert_eq!(next_of(&longest), Some(&*longest));
        assert_eq!(next_of(&(longest + "a")), None);
        assert_eq!(next_of("//evil.example"), None);
    }
}
