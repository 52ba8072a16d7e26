//! The users in the database.

use std::fmt;
use std::str::FromStr;

use sqlx::{PgConnection, PgPool};

/// The number of a user, which never changes. As text it is the principal of their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = std::num::ParseIntError;

    fn from_str(principal: &str) -> Result<Self, Self::Err> {
        principal.parse().map(Self)
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

    /// Returns a name for somebody who has none yet.
    pub(crate) fn member() -> Self {
        Self("member".to_owned())
    }

    /// Returns the name with a number, in case it is taken.
    fn with_number(&self, number: u32) -> Self {
        let suffix = format!("-{number}");
        let kept = &self.0[..self.0.len().min(Self::LONGEST - suffix.len())];
        Self(format!("{kept}{suffix}"))
    }
}

/// A user.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: String,
    /// `None` for a user who signs in at a provider only.
    pub(crate) password_hash: Option<String>,
}

/// Columns of a [`User`].
type Row = (i64, String, Option<String>);

impl From<Row> for User {
    fn from((id, name, password_hash): Row) -> Self {
        Self { id: UserId(id), name, password_hash }
    }
}

/// Shows no password hash.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The table of users.
#[derive(Clone, Debug)]
pub(crate) struct Users(PgPool);

impl Users {
    pub(crate) const fn new(database: PgPool) -> Self {
        Self(database)
    }

    pub(crate) async fn find(&self, id: UserId) -> Result<Option<User>, sqlx::Error> {
        let query = sqlx::query_as("SELECT id, name, password_hash FROM users WHERE id = $1").bind(id.0);
        Ok(query.fetch_optional(&self.0).await?.map(|row: Row| row.into()))
    }

    /// Finds a user by name, whatever its case.
    pub(crate) async fn find_by_name(&self, name: &UserName) -> Result<Option<User>, sqlx::Error> {
        let query = sqlx::query_as("SELECT id, name, password_hash FROM users WHERE lower(name) = lower($1)");
        Ok(query.bind(&name.0).fetch_optional(&self.0).await?.map(|row: Row| row.into()))
    }

    /// Creates a user with a password, unless the name is taken.
    pub(crate) async fn create(&self, name: &UserName, password_hash: &str) -> Result<Option<UserId>, sqlx::Error> {
        insert(&mut *self.0.acquire().await?, name, Some(password_hash)).await
    }

    pub(crate) async fn set_password(&self, id: UserId, password_hash: &str) -> Result<(), sqlx::Error> {
        let query = sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1");
        query.bind(id.0).bind(password_hash).execute(&self.0).await?;
        Ok(())
    }

    /// Returns the user with an account at a provider, and creates them at their first visit.
    ///
    /// A user of the same name is somebody else: whoever may choose a name at the provider could
    /// otherwise take over an account here.
    pub(crate) async fn find_or_create_by_identity(
        &self,
        identity: &Identity<'_>,
        name: &UserName,
    ) -> Result<UserId, sqlx::Error> {
        let mut transaction = self.0.begin().await?;
        // Of two first visits at once, the second waits for the first.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))")
            .bind(identity.issuer)
            .bind(identity.subject)
            .execute(&mut *transaction)
            .await?;
        if let Some(id) = identity.find(&mut transaction).await? {
            return Ok(id);
        }
        let mut id = insert(&mut transaction, name, None).await?;
        let mut number = 2;
        let id = loop {
            if let Some(id) = id {
                break id;
            }
            id = insert(&mut transaction, &name.with_number(number), None).await?;
            // Doubling keeps the tries few for a name that many have.
            number *= 2;
        };
        identity.insert(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(id)
    }
}

/// An account at a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
}

impl Identity<'_> {
    async fn find(&self, database: &mut PgConnection) -> Result<Option<UserId>, sqlx::Error> {
        let query = sqlx::query_scalar("SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2");
        Ok(query.bind(self.issuer).bind(self.subject).fetch_optional(database).await?.map(UserId))
    }

    async fn insert(&self, database: &mut PgConnection, user: UserId) -> Result<(), sqlx::Error> {
        let query = sqlx::query("INSERT INTO identities (issuer, subject, user_id) VALUES ($1, $2, $3)");
        query.bind(self.issuer).bind(self.subject).bind(user.0).execute(database).await?;
        Ok(())
    }
}

/// Adds a user unless the name is taken.
async fn insert(
    database: &mut PgConnection,
    name: &UserName,
    password_hash: Option<&str>,
) -> Result<Option<UserId>, sqlx::Error> {
    let query = sqlx::query_scalar(
        "INSERT INTO users (name, password_hash) VALUES ($1, $2) ON CONFLICT ((lower(name))) DO NOTHING RETURNING id",
    );
    Ok(query.bind(&name.0).bind(password_hash).fetch_optional(database).await?.map(UserId))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["al", "ann", "Ann-Marie_2", &"a".repeat(32)] {
            assert_eq!(UserName::new(name).unwrap().0, name);
        }
        for name in ["", "a", "a b", "ann\0", "änne", "<ann>", &"a".repeat(33)] {
            assert_eq!(UserName::new(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_numbered_name_is_allowed_too() {
        let longest = UserName::new(&"a".repeat(32)).unwrap().with_number(1024);
        assert_eq!(longest.0, "a".repeat(27) + "-1024");
        assert_eq!(UserName::new(&longest.0), Some(longest));
    }
}
