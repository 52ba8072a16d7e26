//! Finding our cookies in the `Cookie` headers of a client, which may contain anything.
//!
//! Names are compared byte for byte. Decoding them or ignoring case would let `__%48ost-id` pass
//! for `__Host-id`, and browsers protect only the latter. Headers are bytes, so that a neighbouring
//! cookie that is not UTF-8 hides nothing. RFC 6265bis asks servers to accept several headers
//! (HTTP/2 splits them) and not to rely on their order.

use crate::cookie::token::Token;

/// Maximum number of different tokens to look up per request.
pub(crate) const MAX_CANDIDATES: usize = 8;

/// Maximum number of values to examine per request, which bounds the cost of opening seals.
const MAX_VALUES: usize = 256;

/// Maximum number of cookie bytes to read per request. Servers usually allow less.
const MAX_BYTES: usize = 64 * 1024;

/// A token that the client sent.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) token: Token,
    /// Whether its cookie was sealed with an older key.
    pub(crate) is_stale: bool,
}

/// The place of a token in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    #[default]
    None,
    /// No token, over plain HTTP: the browser would drop a `Secure` cookie.
    NoneByPlainHttp,
    /// In a cookie with our name.
    Cookie,
    /// In the `Authorization` header.
    Bearer,
}

/// The tokens in the cookies with our name.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// The first token. Nearly every request has only one, which needs no allocation.
    first: Option<Candidate>,
    others: Vec<Candidate>,
    /// Number of cookie bytes read.
    bytes: usize,
    /// Number of values of our name that were examined.
    examined: usize,
    pub(crate) transport: Transport,
    /// Whether a cookie with our name was not a token.
    pub(crate) malformed: bool,
    /// Whether there may be more tokens than were read.
    pub(crate) exceeded: bool,
    /// Whether the client sent cookies with other names.
    pub(crate) has_foreign: bool,
}

impl Candidates {
    /// Adds a token after the first, unless it is already there or there are too many.
    #[cold]
    fn add_other(&mut self, candidate: Candidate) {
        let is_known = self.first.iter().chain(&self.others).any(|known| known.token.is(&candidate.token));
        if is_known {
            return;
        }
        if self.others.len() + 1 < MAX_CANDIDATES {
            self.others.push(candidate);
        } else {
            self.exceeded = true;
        }
    }

    /// Sets the bearer token of a request without our cookie; `None` if it is malformed.
    pub(crate) fn set_bearer(&mut self, candidate: Option<Candidate>) {
        self.transport = Transport::Bearer;
        self.malformed = candidate.is_none();
        // There is no cookie to seal again.
        self.first = candidate.map(|candidate| Candidate { is_stale: false, ..candidate });
    }

    /// Removes and returns the next token.
    pub(crate) fn next(&mut self) -> Option<Candidate> {
        self.first.take().or_else(|| self.others.pop())
    }

    /// Adds the tokens of the cookies called `name` in a header, each once.
    ///
    /// Returns whether to read another header: `false` once a limit is exceeded.
    pub(crate) fn read(&mut self, name: &str, header: &[u8], open: impl Fn(&[u8]) -> Option<Candidate>) -> bool {
        let mut rest = &header[..header.len().min(MAX_BYTES - self.bytes)];
        self.exceeded |= rest.len() < header.len();
        self.bytes += rest.len();
        while !rest.is_empty() {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let (pair, others) = rest.split_at(end);
            rest = others.get(1..).unwrap_or_default();
            let Some(value) = value_of(name, trim(pair)) else {
                self.has_foreign = true;
                continue;
            };
            self.transport = Transport::Cookie;
            self.examined += 1;
            self.exceeded |= self.examined > MAX_VALUES;
            if self.exceeded {
                return false;
            }
            match open(value) {
                None => self.malformed = true,
                Some(candidate) if self.first.is_none() => self.first = Some(candidate),
                Some(candidate) => self.add_other(candidate),
            }
        }
        !self.exceeded
    }
}

fn value_of<'a>(name: &str, pair: &'a [u8]) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// Strips spaces and tabs from both ends.
pub(super) fn trim(mut pair: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = pair {
        pair = inner;
    }
    pair
}

#[cfg(test)]
mod tests {
    use sessions_store::SessionId;

    use super::*;
    use crate::cookie::token::Secret;

    fn text(seed: u8) -> String {
        Token::new(SessionId::from_bytes([seed; 16]), Secret::from_bytes([seed; 16])).text().as_str().to_owned()
    }

    fn open(value: &[u8]) -> Option<Candidate> {
        Token::parse(value).map(|token| Candidate { token, is_stale: false })
    }

    fn find(headers: &[&[u8]], open: impl Fn(&[u8]) -> Option<Candidate>) -> Candidates {
        let mut found = Candidates::default();
        for header in headers {
            if !found.read("__Host-id", header, &open) {
                break;
            }
        }
        found
    }

    /// Returns the first byte of the id of each token found.
    fn ids(headers: &[&[u8]]) -> Vec<u8> {
        sorted_ids(find(headers, open))
    }

    fn sorted_ids(mut found: Candidates) -> Vec<u8> {
        let mut ids: Vec<u8> =
            std::iter::from_fn(|| found.next()).map(|found| found.token.id().as_bytes()[0]).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn only_the_exact_name_is_ours() {
        let value = text(1);
        let foreign = [
            "__%48ost-id",
            "%5F%5FHost-id",
            "__host-id",
            "__HOST-ID",
            "__Host.id",
            "__Host-id ",
            "\"__Host-id\"",
            "",
            "=__Host-id",
            "x__Host-id",
            "__Host-id2",
            "__Host-id\0",
            "__Host",
            "+__Host-id",
        ];
        for name in foreign {
            assert_eq!(ids(&[format!("{name}={value}").as_bytes()]), [0; 0], "{name:?}");
        }
        assert_eq!(ids(&[format!(" \t__Host-id={value} ;").as_bytes()]), [1]);
    }

    #[test]
    fn other_cookies_hide_nothing() {
        let ours = format!("__Host-id={}", text(1)).into_bytes();
        let cases: [Vec<u8>; 5] = [
            [b"a; \xff=1; ", &ours[..], b"; ;;="].concat(),
            [b"a=b; ", &ours[..]].concat(),
            [&ours[..], b";a=b"].concat(),
            [b"=; ==; x=\"; \"; ", &ours[..]].concat(),
            [b"__Host-id=; __Host-id=\xff; ", &ours[..]].concat(),
        ];
        for case in cases {
            assert_eq!(ids(&[&case]), [1], "{}", String::from_utf8_lossy(&case));
        }
    }

    #[test]
    fn every_header_is_read() {
        let crumbs: Vec<Vec<u8>> = (0..50).map(|n| format!("crumb{n}={n}").into_bytes()).collect();
        let ours = format!("__Host-id={}", text(1)).into_bytes();
        for place in 0..50 {
            let mut headers: Vec<&[u8]> = crumbs.iter().map(Vec::as_slice).collect();
            headers[place] = &ours;
            assert_eq!(ids(&headers), [1], "in header {place}");
        }
    }

    #[test]
    fn at_most_eight_tokens_are_candidates() {
        let pairs: Vec<String> = (1..=9).map(|seed| format!("__Host-id={}", text(seed))).collect();
        let eight = pairs[..8].join("; ");
        assert_eq!(ids(&[eight.as_bytes()]), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(!find(&[eight.as_bytes(), eight.as_bytes()], open).exceeded, "each token counts once");
        assert_eq!(ids(&[pairs.join("; ").as_bytes()]), [1, 2, 3, 4, 5, 6, 7, 8]);
        for headers in [[pairs.join(";"), String::new()], [eight, pairs[8].clone()]] {
            assert!(find(&[headers[0].as_bytes(), headers[1].as_bytes()], open).exceeded);
        }
        let same = [pairs[0].as_str(); 40].join("; ") + "; " + &pairs[1];
        assert_eq!(ids(&[same.as_bytes()]), [1, 2]);
    }

    #[test]
    fn invalid_values_are_skipped_up_to_a_limit() {
        let ours = format!("__Host-id={}", text(1));
        let bad = |count| "__Host-id=bad; ".repeat(count);
        assert_eq!(ids(&[(bad(4) + &ours).as_bytes()]), [1]);
        let most = find(&[(bad(MAX_VALUES - 1) + &ours).as_bytes()], open);
        assert!(!most.exceeded && most.malformed);
        assert_eq!(sorted_ids(most), [1]);
        let opened = std::cell::Cell::new(0);
        let count = |value: &[u8]| {
            opened.set(opened.get() + 1);
            open(value)
        };
        let mut found = find(&[(bad(1000) + &ours).as_bytes()], count);
        assert!(found.transport == Transport::Cookie && found.malformed && found.exceeded && found.next().is_none());
        assert_eq!(opened.get(), MAX_VALUES);
    }

    #[test]
    fn a_long_header_is_read_up_to_a_limit() {
        let long = "a=b; ".repeat(100_000) + "__Host-id=" + &text(1);
        let found = find(&[long.as_bytes()], open);
        assert!(found.transport != Transport::Cookie && found.exceeded);
        assert!(!find(&[&long.as_bytes()[..MAX_BYTES]], open).exceeded);
        let (half, ours) = ("a".repeat(MAX_BYTES / 2), format!("__Host-id={}", text(1)));
        assert!(!find(&[half.as_bytes(), half.as_bytes()], open).exceeded, "all headers count");
        let found = find(&[half.as_bytes(), half.as_bytes(), ours.as_bytes()], open);
        assert!(found.exceeded && found.transport != Transport::Cookie);
    }
}
