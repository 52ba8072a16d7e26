//! Passwords, of which the database has argon2 hashes.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;

use actix_web::web::block;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Hashes passwords and compares them.
///
/// A hash takes tens of milliseconds of a core and 19 MiB. So no more are made at once than there
/// are cores, and none on the threads that serve requests.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    /// The hash of a password that nobody knows.
    decoy: Arc<str>,
    permits: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, PasswordError> {
        let mut unknown = [0; 32];
        getrandom::fill(&mut unknown).map_err(|_| PasswordError(HashError::RngFailure))?;
        let cores = available_parallelism().map_or(1, usize::from);
        Ok(Self { decoy: hash(&unknown)?.into(), permits: Arc::new(Semaphore::new(cores)) })
    }

    /// Returns the hash of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.work(move || hash(password.as_bytes())).await
    }

    /// Returns whether a password has this hash.
    ///
    /// Without one the answer is no, after the same work: otherwise the time of a login would tell
    /// whether the user exists.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| (*self.decoy).to_owned());
        let matches = self.work(move || verify(password.as_bytes(), &hash)).await?;
        Ok(matches && is_known)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let done = block(move || {
            // Kept until the work is done, even if the client has gone.
            let _permit = permit;
            work()
        });
        done.await.unwrap_or(Err(PasswordError(HashError::Internal)))
    }
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    Ok(Argon2::default().hash_password(password)?.to_string())
}

fn verify(password: &[u8], hash: &str) -> Result<bool, PasswordError> {
    let hash = PasswordHash::new(hash).map_err(|_| PasswordError(HashError::EncodingInvalid))?;
    match Argon2::default().verify_password(password, &hash) {
        Ok(()) => Ok(true),
        Err(HashError::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The reason why a password could not be hashed or compared.
#[derive(Debug)]
pub struct PasswordError(HashError);

impl From<HashError> for PasswordError {
    fn from(error: HashError) -> Self {
        Self(error)
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot hash a password")
    }
}

impl Error for PasswordError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
