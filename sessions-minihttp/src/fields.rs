//! The header fields of a response.

use std::borrow::Cow;

use memchr::{memchr, memchr3};
use sessions_core::{Field, ResponseHead};

/// Is how much room a response's fields may keep for the next response.
const LARGEST_KEPT: usize = 16 * 1024;

/// Holds the lines of a response's header fields in one text, as they are sent.
///
/// may_minihttp has 16 places for header fields and panics at the 17th. This takes one place, whatever is in it.
#[derive(Default)]
pub(crate) struct Fields(String);

impl Fields {
    /// Returns the lines, with a line break between each two.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(LARGEST_KEPT);
    }

    /// Adds a line that somebody else wrote.
    pub(crate) fn push_line(&mut self, line: &str) {
        let end = line.bytes().position(|byte| !IS_TOKEN[usize::from(byte)]);
        let is_named = end.is_some_and(|end| end > 0 && line.as_bytes()[end] == b':');
        assert!(is_named, "a header line begins with a field's name and a colon");
        self.begin_line();
        if memchr3(b'\r', b'\n', 0, line.as_bytes()).is_some() {
            // What RFC 9110 section 5.5 asks for.
            self.0.push_str(&line.replace(['\r', '\n', '\0'], " "));
        } else {
            self.0.push_str(line);
        }
    }

    fn begin_line(&mut self) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
    }

    /// Goes through the lines, which hold no line break of their own.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let mut rest = Some(self.0.as_str()).filter(|text| !text.is_empty());
        std::iter::from_fn(move || {
            let text = rest?;
            let (line, after) = match memchr(b'\n', text.as_bytes()) {
                Some(at) => (&text[..at - 1], Some(&text[at + 1..])),
                None => (text, None),
            };
            rest = after;
            Some(line)
        })
    }
}

impl ResponseHead for Fields {
    fn add(&mut self, field: Field, value: Cow<'static, str>) -> bool {
        let has_others = self.lines().any(|line| value_of(line, field).is_some());
        self.begin_line();
        self.0.push_str(name_of(field));
        self.0.push_str(": ");
        self.0.push_str(&value);
        has_others
    }

    fn retain(&mut self, field: Field, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        let lines = self.lines().filter(|line| value_of(line, field).is_none_or(|value| keeps(value.as_bytes())));
        self.0 = lines.collect::<Vec<_>>().join("\r\n");
    }

    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
        let name = |line: &str| line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        let lines = self.lines().filter(|line| !gives_way(&name(line)));
        self.0 = lines.collect::<Vec<_>>().join("\r\n");
    }
}

/// Returns the value of a line, if it is of this field.
fn value_of(line: &str, field: Field) -> Option<&str> {
    let (name, rest) = line.split_at_checked(field.name().len())?;
    let value = rest.strip_prefix(':')?;
    name.eq_ignore_ascii_case(field.name()).then(|| value.trim_matches([' ', '\t']))
}

/// Writes a field's name as HTTP/1 is used to.
const fn name_of(field: Field) -> &'static str {
    match field {
        Field::SetCookie => "Set-Cookie",
        Field::Vary => "Vary",
        Field::CacheControl => "Cache-Control",
        other => other.name(),
    }
}

/// Says which bytes RFC 9110 allows in a field's name.
const IS_TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let others = b"!#$%&'*+-.^_`|~";
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[&str]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|line| fields.push_line(line));
        fields
    }

    fn values(fields: &Fields, field: Field) -> Vec<&str> {
        fields.lines().filter_map(|line| value_of(line, field)).collect()
    }

    #[test]
    fn fields_are_found_whatever_their_case() {
        let fields = fields(&["SET-COOKIE: a=1", "X: set-cookie: b=2", "set-cookie:c=3\t", "Vary: Accept"]);
        assert_eq!(values(&fields, Field::SetCookie), ["a=1", "c=3"]);
        assert_eq!(values(&fields, Field::Vary), ["Accept"]);
        assert_eq!(values(&fields, Field::CacheControl), [""; 0]);
    }

    #[test]
    fn a_new_field_comes_after_those_that_stay() {
        let mut fields = fields(&["A: 1", "Set-Cookie: id=1", "B: 2", "set-cookie: other=2"]);
        assert!(fields.add(Field::SetCookie, Cow::Borrowed("id=3")));
        let mut seen = Vec::new();
        fields.retain(Field::SetCookie, &mut |value| {
            seen.push(value.to_vec());
            value != b"id=1"
        });
        assert_eq!(seen, [&b"id=1"[..], b"other=2", b"id=3"]);
        assert_eq!(fields.as_str(), "A: 1\r\nB: 2\r\nset-cookie: other=2\r\nSet-Cookie: id=3");
        fields.retain(Field::SetCookie, &mut |_| false);
        assert!(!fields.add(Field::SetCookie, Cow::Borrowed("c=4")));
        assert_eq!(fields.as_str(), "A: 1\r\nB: 2\r\nSet-Cookie: c=4");
    }

    #[test]
    fn a_line_cannot_become_two() {
        let fields = fields(&["Location: /é\r\nSet-Cookie: id=planted\n\0"]);
        assert_eq!(fields.as_str(), "Location: /é  Set-Cookie: id=planted  ");
        assert_eq!(values(&fields, Field::SetCookie), [""; 0]);
    }

    #[test]
    fn a_line_without_a_name_is_refused() {
        for line in ["", ":", "no colon", "a b: 1", "\r\nSet-Cookie: a=1", " X: 1", "é: 1"] {
            assert!(std::panic::catch_unwind(|| fields(&[line])).is_err(), "{line:?}");
        }
    }
}
