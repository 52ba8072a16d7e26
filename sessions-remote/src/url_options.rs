//! What errors may show of a URL.

/// Returns whether an error may show the name of an option in a URL with this query.
///
/// A password with a `?` of its own ends the URL early, and the rest of it looks like an option.
///
/// ```
/// use sessions_remote::may_show_option;
///
/// assert!(may_show_option("load_deadline", "load_deadline=200"));
/// assert!(!may_show_option("word@host/app", "word@host/app")); // postgres://app:pass?word@host/app
/// ```
#[must_use]
pub fn may_show_option(name: &str, query: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !name.is_empty() && name.len() <= 32 && name.bytes().all(is_name) && !query.contains('@')
}
