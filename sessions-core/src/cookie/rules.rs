//! Which cookies may be: the grammar of RFC 6265bis, and the combinations that browsers refuse.

use std::net::IpAddr;

use crate::cookie::form::{CookieOptions, LARGEST_PAIR, SameSite};
use crate::cookie::token::Token;
use crate::error::{ConfigError, ConfigErrorKind};

/// Is how long an attribute may be, by RFC 6265bis section 5.6.
const LONGEST_ATTRIBUTE: usize = 1024;

pub(crate) fn check(options: &CookieOptions, name: &str) -> Result<(), ConfigError> {
    find_fault(options, name).map_err(|kind| advise(options, name, ConfigError::new(kind)))
}

/// Adds to an error what was given, and what to write instead.
fn advise(options: &CookieOptions, name: &str, error: ConfigError) -> ConfigError {
    match (error.kind(), &options.domain) {
        (ConfigErrorKind::CookieDomain, Some(domain)) => {
            match domain.strip_prefix('.').filter(|rest| is_domain(rest)) {
                Some(rest) => {
                    error.with_advice(format!("instead of {domain:?} write {rest:?}, which covers its subdomains too"))
                }
                None => error.with_advice(format!("{domain:?}")),
            }
        }
        (ConfigErrorKind::CookiePrefix, _) => error.with_advice(match required_by_prefix(name) {
            Some(required) => format!("{name:?} needs {required}"),
            None => format!("browsers compare prefixes without regard to case, so {name:?} is spelled wrongly"),
        }),
        (ConfigErrorKind::CookieName, _) => error.with_advice(format!("{name:?}")),
        (ConfigErrorKind::CookiePath, _) => error.with_advice(format!("{:?}", options.path)),
        _ => error,
    }
}

fn find_fault(options: &CookieOptions, name: &str) -> Result<(), ConfigErrorKind> {
    require(is_name(name), ConfigErrorKind::CookieName)?;
    require(prefix_allows(options, name), ConfigErrorKind::CookiePrefix)?;
    require(is_path(&options.path), ConfigErrorKind::CookiePath)?;
    require(options.domain.as_deref().is_none_or(is_domain), ConfigErrorKind::CookieDomain)?;
    require(options.secure || options.same_site != SameSite::None, ConfigErrorKind::SameSiteNoneNeedsSecure)?;
    require(options.secure || !options.partitioned, ConfigErrorKind::PartitionedNeedsSecure)
}

fn require(holds: bool, otherwise: ConfigErrorKind) -> Result<(), ConfigErrorKind> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Says whether a name is a token of RFC 9110, short enough to leave room for a value.
fn is_name(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() + Token::TEXT_LENGTH <= LARGEST_PAIR && name.bytes().all(is_token_byte)
}

/// A prefix that browsers know (RFC 6265bis section 4.1.3), and what a name with it promises.
struct Prefix {
    text: &'static str,
    required: &'static str,
    is_kept: fn(&CookieOptions) -> bool,
}

/// The prefixes, each before one that it begins with.
const PREFIXES: [Prefix; 4] = [
    Prefix {
        text: "__Host-Http-",
        required: "Secure, HttpOnly, no domain and the path /",
        is_kept: |options| is_of_one_host(options) && options.http_only,
    },
    Prefix { text: "__Host-", required: "Secure, no domain and the path /", is_kept: is_of_one_host },
    Prefix { text: "__Http-", required: "Secure and HttpOnly", is_kept: |options| options.secure && options.http_only },
    Prefix { text: "__Secure-", required: "Secure", is_kept: |options| options.secure },
];

fn is_of_one_host(options: &CookieOptions) -> bool {
    options.secure && options.domain.is_none() && options.path == "/"
}

/// Returns whether the options keep what a name's prefix promises. Browsers match prefixes without
/// regard to case, so a near miss is refused too.
fn prefix_allows(options: &CookieOptions, name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let prefix = PREFIXES.iter().find(|prefix| begins(prefix.text));
    prefix.is_none_or(|prefix| name.starts_with(prefix.text) && (prefix.is_kept)(options))
}

/// Returns what a name's prefix needs, `None` for one that is not spelled as browsers do.
fn required_by_prefix(name: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|prefix| name.starts_with(prefix.text)).map(|prefix| prefix.required)
}

/// Returns whether RFC 6265bis allows a byte in an unquoted cookie value.
pub(super) const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= LONGEST_ATTRIBUTE
        && path.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b';')
}

/// Says whether a domain is one that a browser may accept: lower-case labels of letters, digits and
/// inner hyphens, two or more, no address. Whether it is a public suffix is not checked, since that
/// list changes by the week; browsers refuse those.
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

    #[test]
    fn names_are_tokens() {
        for good in ["id", "sid", "__Host-id", "__Secure-id", "a.b", "x!#$%&'*+-.^_`|~"] {
            assert_eq!(check(&options(), good), Ok(()), "{good}");
        }
        let long = "n".repeat(4096);
        for bad in ["", " ", "a b", "a=b", "a;b", "a,b", "a\"b", "a\\b", "a\nb", "a\0b", "é", "a(b", "a/b", &long] {
            assert_eq!(find_fault(&options(), bad), Err(ConfigErrorKind::CookieName), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_is_kept_or_refused() {
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
    fn domains_are_names_of_two_labels_or_more() {
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
    fn paths_begin_with_a_slash_and_hold_no_separator() {
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
    fn an_error_says_what_was_given_and_what_to_write_instead() {
        let domain = |domain: &str| CookieOptions { domain: Some(domain.to_owned()), ..options() };
        let readable = CookieOptions { http_only: false, ..options() };
        for (options, name, text) in [
            (domain(".example.com"), "id", r#"instead of ".example.com" write "example.com""#),
            (domain("Example.com"), "id", r#": "Example.com""#),
            (readable, "__Http-id", r#""__Http-id" needs Secure and HttpOnly"#),
            (options(), "__host-id", r#""__host-id" is spelled wrongly"#),
            (options(), "a b", r#": "a b""#),
            (CookieOptions { path: "a".to_owned(), ..options() }, "id", r#": "a""#),
        ] {
            let told = check(&options, name).unwrap_err().to_string();
            assert!(told.contains(text), "{told}");
        }
    }

    #[test]
    fn what_browsers_accept_only_over_tls_needs_secure() {
        let none = CookieOptions { same_site: SameSite::None, secure: false, ..options() };
        let partitioned = CookieOptions { partitioned: true, secure: false, ..options() };
        assert_eq!(find_fault(&none, "id"), Err(ConfigErrorKind::SameSiteNoneNeedsSecure));
        assert_eq!(find_fault(&partitioned, "id"), Err(ConfigErrorKind::PartitionedNeedsSecure));
        assert_eq!(check(&CookieOptions { secure: true, ..none }, "id"), Ok(()));
    }
}
