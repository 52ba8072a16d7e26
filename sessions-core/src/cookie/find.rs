//! Finding our cookie in what a client sends, which may be anything.
//!
//! Names are compared byte for byte: decoding or folding them would let `__%48ost-id` pass for
//! `__Host-id`, which a browser protects and the other it does not. Fields are bytes, so that a
//! neighbour which is not text hides nothing. RFC 6265bis asks servers to take several fields
//! (HTTP/2 splits them) and to rely on no order.

use crate::cookie::token::Token;

/// How many different tokens of one request are looked up.
pub(crate) const MOST_CANDIDATES: usize = 8;

/// How many values of our name are examined, which bounds the work on a sealed cookie.
const MOST_VALUES: usize = 256;

/// How many bytes of cookies are read; servers allow less.
const MOST_BYTES: usize = 64 * 1024;

/// A token that the client sent.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) token: Token,
    /// Its cookie was sealed with a key that is not the first any more.
    pub(crate) is_stale: bool,
}

/// What was found under our name.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// What nearly every request has, without an allocation.
    first: Option<Candidate>,
    others: Vec<Candidate>,
    /// How many bytes of cookies were read.
    bytes: usize,
    /// How many values of our name were examined.
    examined: usize,
    /// The client sent something under our name, so there is a cookie to remove.
    pub(crate) carried: bool,
    /// Something under our name was not a token.
    pub(crate) malformed: bool,
    /// There may be more tokens than were read.
    pub(crate) exceeded: bool,
    /// There were cookies of other names.
    pub(crate) has_foreign: bool,
    /// A `Secure` cookie would be dropped by the client's browser.
    pub(crate) by_plain_http: bool,
}

impl Candidates {
    /// Adds a token, unless it is there or there are too many.
    fn add(&mut self, candidate: Candidate) {
        match self.first {
            None => self.first = Some(candidate),
            Some(_) => self.add_other(candidate),
        }
    }

    #[cold]
    fn add_other(&mut self, candidate: Candidate) {
        let is_known = self.first.iter().chain(&self.others).any(|known| known.token.is(&candidate.token));
        if is_known {
            return;
        }
        if self.others.len() + 1 < MOST_CANDIDATES {
            self.others.push(candidate);
        } else {
            self.exceeded = true;
        }
    }

    /// Takes the next token out.
    pub(crate) fn next(&mut self) -> Option<Candidate> {
        self.first.take().or_else(|| self.others.pop())
    }

    /// Takes the tokens from the values of the cookies called `name` in a field, each once, and
    /// takes note if there are more than are looked up. Returns whether there is any point in
    /// reading another field.
    pub(crate) fn read(&mut self, name: &str, field: &[u8], open: impl Fn(&[u8]) -> Option<Candidate>) -> bool {
        let mut rest = &field[..field.len().min(MOST_BYTES - self.bytes)];
        self.exceeded |= rest.len() < field.len();
        self.bytes += rest.len();
        while !rest.is_empty() {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let (pair, others) = rest.split_at(end);
            rest = others.get(1..).unwrap_or_default();
            let pair = trim(pair);
            let Some(value) = value_of(name, pair) else {
                self.has_foreign = true;
                continue;
            };
            self.carried = true;
            self.examined += 1;
            self.exceeded |= self.examined > MOST_VALUES;
            if self.exceeded {
                return false;
            }
            match open(value) {
                None => self.malformed = true,
                Some(candidate) => self.add(candidate),
            }
        }
        !self.exceeded
    }
}

fn value_of<'a>(name: &str, pair: &'a [u8]) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// Removes the spaces and tabs around a pair, or a name.
pub(super) fn trim(mut pair: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = pair {
        pair = inner;
    }
    pair
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookie::token::Secret;
    use crate::id::SessionId;

    fn text(seed: u8) -> String {
        let mut text = String::new();
        Token::new(SessionId::from_bytes([seed; 16]), Secret::from_bytes([seed; 16])).write_text(&mut text);
        text
    }

    fn open(value: &[u8]) -> Option<Candidate> {
        Token::parse(value).map(|token| Candidate { token, is_stale: false })
    }

    fn find(fields: &[&[u8]], open: impl Fn(&[u8]) -> Option<Candidate>) -> Candidates {
        let mut found = Candidates::default();
        for field in fields {
            if !found.read("__Host-id", field, &open) {
                break;
            }
        }
        found
    }

    /// Returns the first byte of each token's id that is found.
    fn ids(fields: &[&[u8]]) -> Vec<u8> {
        sorted_ids(find(fields, open))
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
    fn neighbours_hide_nothing() {
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
    fn every_field_is_read() {
        let crumbs: Vec<Vec<u8>> = (0..50).map(|n| format!("crumb{n}={n}").into_bytes()).collect();
        let ours = format!("__Host-id={}", text(1)).into_bytes();
        for place in 0..50 {
            let mut fields: Vec<&[u8]> = crumbs.iter().map(Vec::as_slice).collect();
            fields[place] = &ours;
            assert_eq!(ids(&fields), [1], "in field {place}");
        }
    }

    #[test]
    fn at_most_eight_different_tokens_are_candidates() {
        let pairs: Vec<String> = (1..=9).map(|seed| format!("__Host-id={}", text(seed))).collect();
        let eight = pairs[..8].join("; ");
        assert_eq!(ids(&[eight.as_bytes()]), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(!find(&[eight.as_bytes(), eight.as_bytes()], open).exceeded, "each counts once");
        assert_eq!(ids(&[pairs.join("; ").as_bytes()]), [1, 2, 3, 4, 5, 6, 7, 8]);
        for fields in [[pairs.join(";"), String::new()], [eight, pairs[8].clone()]] {
            assert!(find(&[fields[0].as_bytes(), fields[1].as_bytes()], open).exceeded);
        }
        let same = [pairs[0].as_str(); 40].join("; ") + "; " + &pairs[1];
        assert_eq!(ids(&[same.as_bytes()]), [1, 2]);
    }

    #[test]
    fn what_is_no_token_takes_no_place_and_bounded_work() {
        let ours = format!("__Host-id={}", text(1));
        let bad = |count| "__Host-id=bad; ".repeat(count);
        assert_eq!(ids(&[(bad(4) + &ours).as_bytes()]), [1]);
        let most = find(&[(bad(MOST_VALUES - 1) + &ours).as_bytes()], open);
        assert!(!most.exceeded && most.malformed);
        assert_eq!(sorted_ids(most), [1]);
        let opened = std::cell::Cell::new(0);
        let count = |value: &[u8]| {
            opened.set(opened.get() + 1);
            open(value)
        };
        let mut found = find(&[(bad(1000) + &ours).as_bytes()], count);
        assert!(found.carried && found.malformed && found.exceeded && found.next().is_none());
        assert_eq!(opened.get(), MOST_VALUES);
    }

    #[test]
    fn an_endless_field_is_read_to_a_limit() {
        let long = "a=b; ".repeat(100_000) + "__Host-id=" + &text(1);
        let found = find(&[long.as_bytes()], open);
        assert!(!found.carried && found.exceeded);
        assert!(!find(&[&long.as_bytes()[..MOST_BYTES]], open).exceeded);
        let (half, ours) = ("a".repeat(MOST_BYTES / 2), format!("__Host-id={}", text(1)));
        assert!(!find(&[half.as_bytes(), half.as_bytes()], open).exceeded, "all fields count");
        let found = find(&[half.as_bytes(), half.as_bytes(), ours.as_bytes()], open);
        assert!(found.exceeded && !found.carried);
    }
}
