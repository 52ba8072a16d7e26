//! The process-wide default manager, for programs that need only one.

use std::sync::OnceLock;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::manager::sessions::Sessions;

static GLOBAL: OnceLock<Sessions> = OnceLock::new();

impl Sessions {
    /// Returns the process-wide manager.
    ///
    /// It is built with the defaults at its first use, unless [`set_global`](Self::set_global) was
    /// called before.
    ///
    /// # Example
    ///
    /// ```
    /// use sessions_core::Sessions;
    ///
    /// let sessions = Sessions::builder().cookie_name("__Host-app").build()?.set_global()?;
    /// assert!(Sessions::global().ptr_eq(sessions));
    /// # Ok::<(), sessions_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn global() -> &'static Self {
        GLOBAL.get_or_init(|| Self::builder().build().expect("the defaults are sound"))
    }

    /// Makes this the process-wide manager; call it once, before the first use.
    ///
    /// # Errors
    ///
    /// Returns [`GlobalAlreadySet`](ConfigErrorKind::GlobalAlreadySet) if there already is one.
    pub fn set_global(self) -> Result<&'static Self, ConfigError> {
        GLOBAL.set(self).map_err(|_| ConfigError::new(ConfigErrorKind::GlobalAlreadySet))?;
        Ok(Self::global())
    }
}
