//! The data shared by the handles of one request.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::exchange::state::{Loaded, State};
use crate::manager::{Event, Sessions};

/// The manager and the state of the session, shared by an exchange and its handles.
pub(crate) struct Shared {
    pub(crate) sessions: Sessions,
    /// The request must not begin a session, for example because it is a preflight.
    pub(crate) creates_nothing: bool,
    /// The handler has asked for the session. Read without the lock.
    is_asked: AtomicBool,
    state: Mutex<State>,
}

impl Shared {
    pub(super) const fn new(sessions: Sessions, creates_nothing: bool, state: State) -> Self {
        Self { sessions, creates_nothing, is_asked: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Locks the state.
    ///
    /// The lock is never held while the code of a store or a value runs, so a panic there cannot
    /// leave a change half made.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Returns whether the handler has asked for the session.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Acquire)
    }

    /// Returns whether the handler has got the session.
    pub(super) fn is_loaded(&self) -> bool {
        self.is_asked() && self.lock().is_loaded
    }

    /// Records that the handler asks for the session and may not get it.
    ///
    /// The handler may then answer as for a stranger, which caches must not show to everybody.
    #[cold]
    pub(super) fn ask(&self) {
        self.is_asked.store(true, Ordering::Release);
    }

    /// Stores the result of a lookup, unless the session was already loaded.
    pub(super) fn load(&self, loaded: Loaded) {
        let mut state = self.lock();
        if !state.is_loaded {
            state.load(loaded);
            self.is_asked.store(true, Ordering::Release);
        }
    }

    pub(crate) fn raise(&self, event: &Event) {
        self.sessions.raise(event);
    }
}

impl Drop for Shared {
    /// Reports writes that were never saved: those after the response headers were sent, and those
    /// of a request that was never ended.
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if !state.is_over && *self.is_asked.get_mut() && state.has_unsaved() {
            self.sessions.raise_unsaved(state.written_id());
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Session")
            .field("id", &state.id())
            .field("is_loaded", &state.is_loaded)
            .field("headers_sent", &state.headers_sent)
            .finish_non_exhaustive()
    }
}
