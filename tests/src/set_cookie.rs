use std::fmt;

/// A Set-Cookie header, split at its semicolons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    line: String,
    name: String,
    value: String,
    attributes: Vec<String>,
}

impl SetCookie {
    /// Splits a header's value.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let mut parts = line.split(';').map(str::trim);
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Self {
            line: line.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            attributes: parts.map(str::to_owned).collect(),
        }
    }

    /// Returns the header's value as it was sent.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Returns the cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the cookie's value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the attributes as they were sent, sorted.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        let mut attributes: Vec<&str> = self.attributes.iter().map(String::as_str).collect();
        attributes.sort_unstable();
        attributes
    }

    /// Returns the value of an attribute, empty if it has none.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| {
            let (given, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            given.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Returns whether the header removes the cookie.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        self.attribute("Max-Age") == Some("0")
    }
}

impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_split() {
        let cookie = SetCookie::parse("id=a=b; Path=/; secure; Max-Age=0");
        assert_eq!((cookie.name(), cookie.value()), ("id", "a=b"));
        assert_eq!(cookie.attributes(), ["Max-Age=0", "Path=/", "secure"]);
        assert_eq!((cookie.attribute("Secure"), cookie.attribute("path")), (Some(""), Some("/")));
        assert_eq!(cookie.attribute("Domain"), None);
        assert!(cookie.is_removal());
    }
}
