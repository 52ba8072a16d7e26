//! Validation of the cookie options: RFC 6265bis grammar and combinations that browsers refuse.

use std::net::IpAddr;

use crate::cookie::form::{CookieOptions, MAX_PAIR_LENGTH, SameSite};
use crate::cookie::token::Token;
use crate::error::{ConfigError, ConfigErrorKind};

/// Maximum length of an attribute value (RFC 6265bis section 5.6).
const MAX_ATTRIBUTE_LENGTH: usize = 1024;

pub(crate) fn check(options: &CookieOptions, name: &str) -> Result<(), ConfigError> {
    require(is_name(name), ConfigErrorKind::CookieName, || format!("{name:?}"))?;
    if let Some(fault) = find_prefix_fault(options, name) {
        return Err(ConfigError::new(ConfigErrorKind::CookiePrefix).with_advice(fault));
    }
    require(is_path(&options.path), ConfigErrorKind::CookiePath, || format!("{:?}", options.path))?;
    if let Some(domain) = &options.domain {
        require(is_domain(domain), ConfigErrorKind::CookieDomain, || {
            match domain.strip_prefix('.').filter(|rest| is_domain(rest)) {
                Some(rest) => format!("write {rest:?} instead of {domain:?}; it covers subdomains too"),
                None => format!("{domain:?}"),
            }
        })?;
    }
    let needs_secure =
        |is_set: bool, kind| if is_set && !options.secure { Err(ConfigError::new(kind)) } else { Ok(()) };
    needs_secure(options.same_site == SameSite::None, ConfigErrorKind::SameSiteNoneNeedsSecure)?;
    needs_secure(options.partitioned, ConfigErrorKind::PartitionedNeedsSecure)
}

/// Refuses an option unless the condition holds, with the rejected value and what to write instead.
fn require(holds: bool, kind: ConfigErrorKind, advice: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(kind).with_advice(advice())) }
}

/// Returns whether a name is an RFC 9110 token that leaves room for a value.
fn is_name(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() + Token::TEXT_LENGTH <= MAX_PAIR_LENGTH && name.bytes().all(is_token_byte)
}

/// A name prefix that browsers enforce (RFC 6265bis section 4.1.3), with its requirements.
struct Prefix {
    text: &'static str,
    required: &'static str,
    is_met: fn(&CookieOptions) -> bool,
}

/// All prefixes. A longer prefix comes before a shorter one that it starts with.
const PREFIXES: [Prefix; 4] = [
    Prefix {
        text: "__Host-Http-",
        required: "Secure, HttpOnly, no domain and the path /",
        is_met: |options| is_host_only(options) && options.http_only,
    },
    Prefix { text: "__Host-", required: "Secure, no domain and the path /", is_met: is_host_only },
    Prefix { text: "__Http-", required: "Secure and HttpOnly", is_met: |options| options.secure && options.http_only },
    Prefix { text: "__Secure-", required: "Secure", is_met: |options| options.secure },
];

pub(super) fn is_host_only(options: &CookieOptions) -> bool {
    options.secure && options.domain.is_none() && options.path == "/"
}

/// Returns what is wrong with the name's prefix, if it has one.
fn find_prefix_fault(options: &CookieOptions, name: &str) -> Option<String> {
    let begins = |text: &str| name.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    let prefix = PREFIXES.iter().find(|prefix| begins(prefix.text))?;
    if !name.starts_with(prefix.text) {
        return Some(format!("browsers ignore case in prefixes, so {name:?} must spell its prefix exactly"));
    }
    (!(prefix.is_met)(options)).then(|| format!("{name:?} requires {}", prefix.required))
}

/// Returns whether RFC 6265bis allows a byte in an unquoted cookie value.
pub(super) const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= MAX_ATTRIBUTE_LENGTH
        && path.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b';')
}

/// Returns whether a browser may accept a domain: at least two lower-case labels, not an address.
///
/// Public suffixes are not checked, since their list changes weekly. Browsers refuse them.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x");
    domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && domain.parse::<IpAddr>().is_err()
        // The URL standard reads a host whose last label is a number as an IPv4 address.
        && !domain.rsplit('.').next().is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> CookieOptions {
        CookieOptions::default()
    }

    fn kind_of(options: &CookieOptions, name: &str) -> Option<ConfigErrorKind> {
        check(options, name).err().map(|error| error.kind())
    }

    #[test]
    fn names_are_tokens() {
        for good in ["id", "sid", "__Host-id", "__Secure-id", "a.b", "x!#$%&'*+-.^_`|~"] {
            assert_eq!(check(&options(), good), Ok(()), "{good}");
        }
        let longest = "n".repeat(MAX_PAIR_LENGTH - Token::TEXT_LENGTH);
        assert_eq!(check(&options(), &longest), Ok(()));
        let long = longest + "n";
        for bad in ["", " ", "a b", "a=b", "a;b", "a,b", "a\"b", "a\\b", "a\nb", "a\0b", "é", "a(b", "a/b", &long] {
            assert_eq!(kind_of(&options(), bad), Some(ConfigErrorKind::CookieName), "{bad:?}");
        }
    }

    #[test]
    fn options_must_meet_the_prefix() {
        let path = CookieOptions { path: "/a".to_owned(), ..options() };
        let domain = CookieOptions { domain: Some("example.com".to_owned()), ..options() };
        let plain = CookieOptions { secure: false, ..options() };
        let readable = CookieOptions { http_only: false, ..options() };
        let cases: [(&CookieOptions, &str, bool); 24] = [
            (&options(), "__Host-id", true),
            (&options(), "__host-id", false),
            (&options(), "__HOST-id", false),
            (&options(), "__secure-id", false),
            (&path, "__Host-id", false),
            (&domain, "__Host-id", false),
            (&plain, "__Host-id", false),
            (&path, "__Secure-id", true),
            (&domain, "__Secure-id", true),
            (&plain, "__Secure-id", false),
            (&plain, "id", true),
            (&readable, "__Host-id", true),
            (&readable, "__Secure-id", true),
            (&options(), "__Http-id", true),
            (&path, "__Http-id", true),
            (&domain, "__Http-id", true),
            (&plain, "__Http-id", false),
            (&readable, "__Http-id", false),
            (&options(), "__http-id", false),
            (&options(), "__Host-Http-id", true),
            (&readable, "__Host-Http-id", false),
            (&path, "__Host-Http-id", false),
            (&plain, "__Host-Http-id", false),
            (&options(), "__Host-http-id", false),
        ];
        for (options, name, allowed) in cases {
            assert_eq!(check(options, name).is_ok(), allowed, "{name} {options:?}");
        }
    }

    #[test]
    fn domains_have_two_lower_case_labels() {
        let good = ["example.com", "a.b.c.example.co.uk", "xn--bcher-kva.example", "1.example", "a-b.example", "x1.y2"];
        for domain in good {
            assert!(is_domain(domain), "{domain}");
        }
        let long = format!("{}.example", "a".repeat(64));
        let longer = "a.".repeat(200) + "example";
        let bad = [
            "",
            ".",
            "..",
            "example",
            "localhost",
            ".example.com",
            "example.com.",
            "a..b",
            "Example.com",
            "EXAMPLE.COM",
            "exa mple.com",
            "example.com;",
            "example.com; Secure",
            "example.com\n",
            "example.com\r\nX: y",
            "bücher.example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "127.0.0.1",
            "10.0.0.1",
            "[::1]",
            "::1",
            "2001:db8::1",
            "0x7f.1",
            "127.1",
            "1.2.3",
            "2130706433",
            "example.com:80",
            "https://example.com",
            "*.example.com",
            "example.com/",
            "a@example.com",
            "example.0x1",
            "example.1",
            "\u{feff}example.com",
            "%65xample.com",
            "a,b.example",
            &long,
            &longer,
        ];
        for domain in bad {
            assert!(!is_domain(domain), "{domain:?}");
        }
    }

    #[test]
    fn paths_begin_with_a_slash() {
        let long = "/".repeat(1025);
        for (path, good) in [
            ("/", true),
            ("/a/b", true),
            ("/a b", true),
            ("/%20", true),
            ("", false),
            ("a", false),
            ("/a;b", false),
            ("/a\nb", false),
            ("/\u{7f}", false),
            ("/é", false),
            (&long, false),
        ] {
            assert_eq!(is_path(path), good, "{path:?}");
        }
    }

    #[test]
    fn errors_quote_the_value_and_advise() {
        let domain = |domain: &str| CookieOptions { domain: Some(domain.to_owned()), ..options() };
        let readable = CookieOptions { http_only: false, ..options() };
        for (options, name, text) in [
            (domain(".example.com"), "id", r#"write "example.com" instead of ".example.com""#),
            (domain("Example.com"), "id", r#": "Example.com""#),
            (readable, "__Http-id", r#""__Http-id" requires Secure and HttpOnly"#),
            (options(), "__host-id", r#""__host-id" must spell its prefix exactly"#),
            (options(), "__Host-http-id", r#""__Host-http-id" must spell its prefix exactly"#),
            (options(), "a b", r#": "a b""#),
            (CookieOptions { path: "a".to_owned(), ..options() }, "id", r#": "a""#),
        ] {
            let message = check(&options, name).unwrap_err().to_string();
            assert!(message.contains(text), "{message}");
        }
    }

    #[test]
    fn same_site_none_and_partitioned_need_secure() {
        let none = CookieOptions { same_site: SameSite::None, secure: false, ..options() };
        let partitioned = CookieOptions { partitioned: true, secure: false, ..options() };
        assert_eq!(kind_of(&none, "id"), Some(ConfigErrorKind::SameSiteNoneNeedsSecure));
        assert_eq!(kind_of(&partitioned, "id"), Some(ConfigErrorKind::PartitionedNeedsSecure));
        assert_eq!(check(&CookieOptions { secure: true, ..none }, "id"), Ok(()));
    }

    #[test]
    fn a_sealed_value_has_only_cookie_octets() {
        let allowed: Vec<u8> = (0..=255).filter(|byte| is_cookie_octet(*byte)).collect();
        let expected: Vec<u8> = (b'!'..=b'~').filter(|byte| !b"\",;\\".contains(byte)).collect();
        assert_eq!(allowed, expected);
    }
}
