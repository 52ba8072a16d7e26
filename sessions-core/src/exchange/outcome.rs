//! The store operation at the end of a request. Pure, so that a table can test it.

use crate::error::{Error, ErrorKind};

/// Why a request's tokens could not be checked.
///
/// The request reads an empty session, and can neither write to a session nor end one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// The store could not be reached.
    Outage,
    /// A record has a format that only a newer build can read. The session stays live there.
    NewerFormat,
    /// The request carries too many tokens to look up.
    TooManyTokens,
    /// The request's token was replaced a moment ago. It may sign in, which begins a new session.
    Superseded,
    /// The request's tokens open several sessions. It may sign in or out, which ends all of them.
    Ambiguous,
    /// The request's bearer token opens no session.
    NoSuchBearer,
}

impl Blocked {
    /// Returns the error for whoever needs the session.
    pub(crate) fn error(self) -> Error {
        let gone = |why: &'static str| Error::with_source(ErrorKind::Gone, why);
        match self {
            Self::Outage => Error::new(ErrorKind::StoreUnavailable),
            Self::NewerFormat => Error::new(ErrorKind::NewerFormat),
            Self::TooManyTokens => Error::new(ErrorKind::TooManyTokens),
            Self::Superseded => gone("a login or renewal has just replaced the token"),
            Self::Ambiguous => gone("the request has the tokens of several live sessions"),
            Self::NoSuchBearer => gone("the bearer token opens no session"),
        }
    }
}

/// The facts about a session when its request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// A live record was loaded, and still belongs to the request.
    pub(crate) live: bool,
    /// The request destroyed the record that it had.
    pub(crate) destroyed: bool,
    /// The session was found to have ended or been renewed during the request.
    pub(crate) lost: bool,
    /// The request's tokens could not be checked, and it continued without a session.
    pub(crate) blocked: Option<Blocked>,
    /// The request must not begin a session: it is an `OPTIONS` request.
    pub(crate) creates_nothing: bool,
    /// The request carries a bearer token, so no cookie can carry the token of a new session.
    pub(crate) by_bearer: bool,
    /// The request wrote entries, flashes, a principal or an idle timeout.
    pub(crate) wrote: bool,
    /// There is any edit, even if only the removal of a flash that was read.
    pub(crate) edited: bool,
    /// The request asked for a new secret, by `renew` or `login`.
    pub(crate) renewed: bool,
    /// The time of last use is due to be written.
    pub(crate) touch_due: bool,
    /// A new record would not be empty. Not set for a live session.
    pub(crate) storable: bool,
    /// The response headers were sent: no cookie can be set.
    pub(crate) headers_sent: bool,
}

/// What a commit does: one store operation at most, unless it ends several sessions or replaces
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to write.
    Keep,
    /// Write the time of last use. A failure is not reported to the client.
    Touch,
    /// Apply the request's changes to the live record.
    Commit,
    /// Store a new session.
    Create,
    /// End the session.
    Destroy,
    /// End the session, then store its successor.
    Replace,
    /// End the session. The writes that followed would begin another, which the request must not.
    DestroyOnly,
    /// The writes cannot be applied: the session is gone.
    Interrupted,
    /// The writes cannot be applied: the request's tokens could not be checked.
    Blocked(Blocked),
    /// The writes cannot be applied: the request must not begin a session.
    NotCreated,
    /// The writes need a cookie, but the response headers were sent.
    TooLate,
}

/// Returns whether a response with this status drops its request's writes, except a destroy and a
/// renewal.
///
/// A 5xx means that the request failed, 408 that a timeout layer cut its handler off, and 413 that
/// its writes were too large.
pub(crate) const fn drops_writes(status: u16) -> bool {
    matches!(status, 408 | 413 | 500..)
}

pub(crate) const fn decide(facts: Facts) -> Outcome {
    let writes = facts.wrote || facts.renewed;
    if facts.destroyed {
        // After the headers too: the session ends, even if what followed comes too late.
        return match facts {
            Facts { wrote: false, .. } | Facts { storable: false, .. } | Facts { headers_sent: true, .. } => {
                Outcome::Destroy
            }
            Facts { by_bearer: true, .. } | Facts { creates_nothing: true, .. } => Outcome::DestroyOnly,
            _ => Outcome::Replace,
        };
    }
    if let Some(blocked) = facts.blocked {
        let is_refused =
            facts.wrote || (facts.renewed && matches!(blocked, Blocked::Superseded | Blocked::NoSuchBearer));
        return if is_refused { Outcome::Blocked(blocked) } else { Outcome::Keep };
    }
    if facts.lost {
        return if writes { Outcome::Interrupted } else { Outcome::Keep };
    }
    if facts.live {
        return match facts {
            Facts { renewed: true, headers_sent: true, .. } => Outcome::TooLate,
            Facts { edited: true, .. } => Outcome::Commit,
            Facts { touch_due: true, .. } if !writes => Outcome::Touch,
            _ if writes => Outcome::Commit,
            _ => Outcome::Keep,
        };
    }
    match facts {
        Facts { wrote: false, .. } | Facts { storable: false, .. } => Outcome::Keep,
        Facts { headers_sent: true, .. } => Outcome::TooLate,
        Facts { by_bearer: true, .. } => Outcome::Blocked(Blocked::NoSuchBearer),
        Facts { creates_nothing: true, .. } => Outcome::NotCreated,
        _ => Outcome::Create,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Facts = Facts {
        live: false,
        destroyed: false,
        lost: false,
        blocked: None,
        creates_nothing: false,
        by_bearer: false,
        wrote: false,
        edited: false,
        renewed: false,
        touch_due: false,
        storable: false,
        headers_sent: false,
    };
    const LIVE: Facts = Facts { live: true, storable: true, ..NONE };
    const WRITTEN: Facts = Facts { wrote: true, storable: true, ..NONE };

    #[test]
    fn failure_statuses_keep_nothing() {
        for (status, nothing) in [
            (200, false),
            (303, false),
            (400, false),
            (401, false),
            (404, false),
            (407, false),
            (408, true),
            (409, false),
            (413, true),
            (414, false),
            (499, false),
            (500, true),
            (503, true),
            (599, true),
        ] {
            assert_eq!(drops_writes(status), nothing, "{status}");
        }
    }

    #[test]
    fn facts_decide_the_outcome() {
        let table = [
            ("an anonymous visitor who reads", NONE, Outcome::Keep),
            ("a first write", WRITTEN, Outcome::Create),
            ("a first write, taken back", Facts { storable: false, ..WRITTEN }, Outcome::Keep),
            ("a renewal of nothing", Facts { renewed: true, ..NONE }, Outcome::Keep),
            ("a first write after the headers", Facts { headers_sent: true, ..WRITTEN }, Outcome::TooLate),
            ("a read", LIVE, Outcome::Keep),
            ("a read after a minute", Facts { touch_due: true, ..LIVE }, Outcome::Touch),
            ("a write", Facts { wrote: true, ..LIVE }, Outcome::Commit),
            ("a write after a minute", Facts { wrote: true, touch_due: true, ..LIVE }, Outcome::Commit),
            ("a write that empties the session", Facts { wrote: true, storable: false, ..LIVE }, Outcome::Commit),
            ("a flash was read", Facts { edited: true, ..LIVE }, Outcome::Commit),
            ("a flash was read after a minute", Facts { edited: true, touch_due: true, ..LIVE }, Outcome::Commit),
            ("a renewal", Facts { renewed: true, ..LIVE }, Outcome::Commit),
            ("a renewal after the headers", Facts { renewed: true, headers_sent: true, ..LIVE }, Outcome::TooLate),
            ("a write after the headers", Facts { wrote: true, headers_sent: true, ..LIVE }, Outcome::Commit),
            ("a logout", Facts { destroyed: true, ..NONE }, Outcome::Destroy),
            ("a logout after the headers", Facts { destroyed: true, headers_sent: true, ..NONE }, Outcome::Destroy),
            ("a logout with a farewell", Facts { destroyed: true, ..WRITTEN }, Outcome::Replace),
            (
                "a farewell after the headers",
                Facts { destroyed: true, headers_sent: true, ..WRITTEN },
                Outcome::Destroy,
            ),
            ("a read, and the store is down", Facts { blocked: Some(Blocked::Outage), ..NONE }, Outcome::Keep),
            (
                "a write, and the store is down",
                Facts { blocked: Some(Blocked::Outage), ..WRITTEN },
                Outcome::Blocked(Blocked::Outage),
            ),
            (
                "a write, and there are too many tokens",
                Facts { blocked: Some(Blocked::TooManyTokens), ..WRITTEN },
                Outcome::Blocked(Blocked::TooManyTokens),
            ),
            ("a read with two tokens", Facts { blocked: Some(Blocked::Ambiguous), ..NONE }, Outcome::Keep),
            (
                "a write with two tokens",
                Facts { blocked: Some(Blocked::Ambiguous), ..WRITTEN },
                Outcome::Blocked(Blocked::Ambiguous),
            ),
            (
                "a login with two tokens",
                Facts { blocked: Some(Blocked::Ambiguous), destroyed: true, ..WRITTEN },
                Outcome::Replace,
            ),
            ("a read with a superseded token", Facts { blocked: Some(Blocked::Superseded), ..NONE }, Outcome::Keep),
            (
                "a write with a superseded token",
                Facts { blocked: Some(Blocked::Superseded), ..WRITTEN },
                Outcome::Blocked(Blocked::Superseded),
            ),
            (
                "a renewal of a superseded token",
                Facts { blocked: Some(Blocked::Superseded), renewed: true, ..NONE },
                Outcome::Blocked(Blocked::Superseded),
            ),
            ("a preflight that reads", Facts { creates_nothing: true, ..NONE }, Outcome::Keep),
            ("a preflight that writes", Facts { creates_nothing: true, ..WRITTEN }, Outcome::NotCreated),
            (
                "a preflight that writes to a session",
                Facts { creates_nothing: true, wrote: true, ..LIVE },
                Outcome::Commit,
            ),
            (
                "a preflight that signs out with a farewell",
                Facts { creates_nothing: true, destroyed: true, ..WRITTEN },
                Outcome::DestroyOnly,
            ),
            ("a bearer's logout", Facts { by_bearer: true, destroyed: true, ..NONE }, Outcome::Destroy),
            (
                "a bearer's logout with a farewell",
                Facts { by_bearer: true, destroyed: true, ..WRITTEN },
                Outcome::DestroyOnly,
            ),
            (
                "a bearer's farewell after a saved logout",
                Facts { by_bearer: true, ..WRITTEN },
                Outcome::Blocked(Blocked::NoSuchBearer),
            ),
            ("a bearer's write", Facts { by_bearer: true, wrote: true, ..LIVE }, Outcome::Commit),
            ("a read of a lost session", Facts { lost: true, ..NONE }, Outcome::Keep),
            ("a write to a lost session", Facts { lost: true, ..WRITTEN }, Outcome::Interrupted),
            ("a renewal of a lost session", Facts { lost: true, renewed: true, ..NONE }, Outcome::Interrupted),
        ];
        for (name, facts, outcome) in table {
            assert_eq!(decide(facts), outcome, "{name}");
        }
    }
}
