//! The users in Redis: a hash for each, beside the sessions.

use std::fmt;

use redis::aio::ConnectionManager;
use redis::{AsyncCommands, RedisResult, pipe};

/// The name of a user in lower case, which never changes. It is the principal of their sessions.
///
/// Whoever deletes a user ends their sessions too: the name is free again, for somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserId(String);

impl UserId {
    pub(crate) fn of_principal(principal: &str) -> Self {
        Self(principal.to_owned())
    }

    pub(crate) fn as_principal(&self) -> &str {
        &self.0
    }

    /// Returns the key of the user's hash.
    fn key(&self) -> String {
        format!("members:user:{}", self.0)
    }
}

/// A name that a user may have: 2 to 32 letters, digits, hyphens and underscores of ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserName(String);

impl UserName {
    const LONGEST: usize = 32;

    /// Returns the name if it is allowed.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = (2..=Self::LONGEST).contains(&name.len()) && name.bytes().all(is_allowed);
        is_name.then(|| Self(name.to_owned()))
    }

    /// Returns the id of the user with this name, whatever its case.
    pub(crate) fn id(&self) -> UserId {
        UserId(self.0.to_ascii_lowercase())
    }
}

/// A user.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// The name in the case that the user chose.
    pub(crate) name: String,
    pub(crate) password_hash: String,
}

/// Shows no password hash.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Fields of a user's hash.
const NAME: &str = "name";
const PASSWORD_HASH: &str = "password_hash";

/// The users.
#[derive(Clone, Debug)]
pub(crate) struct Users(ConnectionManager);

impl Users {
    pub(crate) const fn new(database: ConnectionManager) -> Self {
        Self(database)
    }

    pub(crate) async fn find(&self, id: &UserId) -> RedisResult<Option<User>> {
        let fields = self.0.clone().hmget(id.key(), &[NAME, PASSWORD_HASH]).await?;
        let (Some(name), Some(password_hash)) = fields else { return Ok(None) };
        Ok(Some(User { id: id.clone(), name, password_hash }))
    }

    /// Creates a user, unless the name is taken.
    pub(crate) async fn create(&self, name: &UserName, password_hash: &str) -> RedisResult<Option<UserId>> {
        let id = name.id();
        let key = id.key();
        // In one transaction, which writes both fields or none.
        let mut create = pipe();
        create.atomic().hset_nx(&key, NAME, &name.0).hset_nx(&key, PASSWORD_HASH, password_hash).ignore();
        let (is_free,): (bool,) = create.query_async(&mut self.0.clone()).await?;
        Ok(is_free.then_some(id))
    }

    pub(crate) async fn set_password(&self, id: &UserId, password_hash: &str) -> RedisResult<()> {
        self.0.clone().hset(id.key(), PASSWORD_HASH, password_hash).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["al", "ann", "Ann-Marie_2", &"a".repeat(32)] {
            assert_eq!(UserName::new(name).unwrap().0, name);
        }
        for name in ["", "a", "a b", "ann\0", "ann:", "änne", "<ann>", &"a".repeat(33)] {
            assert_eq!(UserName::new(name), None, "{name:?}");
        }
    }
}
