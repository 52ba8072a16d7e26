//! Messages for the next page.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sessions_axum::Key;
use sessions_axum::{Error, sessions_core::Session};

/// A message that is shown once.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) text: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    Notice,
    Problem,
}

const MESSAGE: Key<Message> = Key::new("message");

/// Leaves good news for the next page.
pub(crate) fn notice(session: &Session, text: impl Into<Cow<'static, str>>) -> Result<(), Error> {
    MESSAGE.set_flash(session, &Message { kind: Kind::Notice, text: text.into() })
}

/// Leaves bad news for the next page.
pub(crate) fn problem(session: &Session, text: impl Into<Cow<'static, str>>) -> Result<(), Error> {
    MESSAGE.set_flash(session, &Message { kind: Kind::Problem, text: text.into() })
}

/// Returns the message for this page, which no later one shows.
pub(crate) fn take(session: &Session) -> Result<Option<Message>, Error> {
    MESSAGE.flash(session)
}
