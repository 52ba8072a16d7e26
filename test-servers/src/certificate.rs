//! Certificates of servers that use TLS.

use std::fs;
use std::path::{Path, PathBuf};

/// A self-signed certificate and its key, as files.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    pem: String,
}

impl Certificate {
    /// Writes a new certificate for `localhost` and its key into a directory.
    ///
    /// # Panics
    ///
    /// Panics if the directory is not writable.
    #[must_use]
    pub fn new_in(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("the name is valid");
        let certificate = Self { folder: folder.to_owned(), pem: made.cert.pem() };
        fs::write(certificate.path(), &certificate.pem).expect("the directory is ours");
        fs::write(certificate.key(), made.signing_key.serialize_pem()).expect("the directory is ours");
        certificate
    }

    /// Returns the certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns the path of the certificate.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// Returns the path of its key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }
}
