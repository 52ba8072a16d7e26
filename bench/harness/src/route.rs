//! The measured routes.

use std::hint::black_box;
use std::str::FromStr;

/// A route, and whether its request carries a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The request has a session, but does not use it.
    Plain,
    /// The same route without a cookie.
    PlainNoCookie,
    /// A new session with three values.
    Login,
    /// Two values are read.
    Read,
    /// A number is incremented.
    Write,
}

impl Route {
    /// All routes.
    pub const ALL: [Self; 5] = [Self::Plain, Self::PlainNoCookie, Self::Login, Self::Read, Self::Write];

    /// Returns the route's name in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlainNoCookie => "/plain-no-cookie",
            _ => self.path(),
        }
    }

    /// Returns the path of the request.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Plain | Self::PlainNoCookie => "/plain",
            Self::Login => "/login",
            Self::Read => "/read",
            Self::Write => "/write",
        }
    }

    /// Returns the cookie, if the request carries it.
    #[must_use]
    pub const fn cookie(self, cookie: &str) -> Option<&str> {
        match self {
            Self::PlainNoCookie | Self::Login => None,
            Self::Plain | Self::Read | Self::Write => Some(cookie),
        }
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|route| route.name() == name).ok_or_else(|| format!("there is no route {name}"))
    }
}

/// Returns the body of `/read` without a session.
///
/// It is built at run time, as with a session: the compiler would fold constants into one text.
#[must_use]
pub fn read_without_session() -> String {
    let (user, n) = black_box(("ann", 1_i64));
    format!("{user} {n}")
}
