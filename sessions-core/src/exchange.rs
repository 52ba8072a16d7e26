//! One request and its response, from the side of its session.

mod commit;
mod load;
mod outcome;
mod response;
mod state;
mod turn;
mod view;

pub use commit::Commit;
pub use load::Load;
pub use response::{Attach, Field, ResponseHead};

pub(crate) use commit::Mode;
pub(crate) use state::State;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::cookie::{Candidates, SetCookie, shows_plain_http};
use crate::exchange::outcome::keeps_nothing;
use crate::exchange::state::Loaded;
use crate::manager::Event;
use crate::manager::Sessions;

/// Is one request and its response, from the side of its session: what an adapter holds while a
/// handler runs.
///
/// It costs one allocation and loads nothing until the handler asks for its
/// [`Session`](crate::Session), with [`session`](Self::session). When the handler is done,
/// [`commit`](Self::commit) writes what the request changed and says what the response's head must
/// carry.
///
/// ```
/// use sessions_core::Sessions;
///
/// # pollster::block_on(async {
/// let sessions = Sessions::builder().build()?;
/// let exchange = sessions.open();
///
/// // The handler asks for its session, with the values of the request's Cookie fields.
/// let cookies: [&[u8]; 1] = [b"theme=dark"];
/// let session = exchange.session(cookies).await?;
/// session.set("name", "iris")?;
///
/// // The response is made, and its head is still here.
/// let mut attach = exchange.commit(200).await?;
/// assert!(attach.take_set_cookie().is_some_and(|cookie| cookie.starts_with("__Host-id=")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) sessions: Sessions,
    /// The request must not begin a session: a preflight, say.
    pub(crate) creates_nothing: bool,
    /// Is [`OPEN`], [`ENDED`] or [`LOADED`]. Read without the lock on the state, as every request
    /// does; made `LOADED` under it.
    stage: AtomicU8,
    state: Mutex<State>,
}

/// Is while nobody has asked for the session.
const OPEN: u8 = 0;
/// Is when the response's head left before anybody had asked.
const ENDED: u8 = 1;
/// Is once somebody has asked, and the session was loaded.
const LOADED: u8 = 2;

impl Exchange {
    #[inline]
    pub(crate) fn new(sessions: Sessions, creates_nothing: bool) -> Self {
        // Not by `Arc::new`, which would build the state elsewhere and copy it.
        let inner = |_: &_| Inner { sessions, creates_nothing, stage: AtomicU8::new(OPEN), state: Mutex::default() };
        Self { inner: Arc::new_cyclic(inner) }
    }

    pub(crate) const fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Returns the manager that the exchange belongs to.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Loads the request's session, unless that was done before, and returns it.
    ///
    /// `cookies` goes through the values of all `Cookie` fields, as they came; it is not looked at
    /// again after the call. No cookie, or none that opens a live session, gives an empty session,
    /// which is stored when something is written to it.
    ///
    /// # Errors
    ///
    /// Returns [`StoreUnavailable`](crate::ErrorKind::StoreUnavailable) if the store cannot be
    /// asked, unless the manager was built with
    /// [`OutagePolicy::Anonymous`](crate::OutagePolicy::Anonymous). The request must then not go on
    /// as if nobody were signed in.
    pub fn session<'a>(&self, cookies: impl IntoIterator<Item = &'a [u8]>) -> Load {
        self.session_from(cookies, || None)
    }

    /// Loads the request's session, as [`session`](Self::session) does, and warns if its cookie
    /// cannot reach the browser.
    ///
    /// `page` returns the values of the request's `Origin` field, or else of its `Referer`, and of
    /// its `Host`. It is called only for a request without a cookie of ours. Where they show that
    /// the request came over plain HTTP, from a host that is not local, and a `Secure` cookie is
    /// set in answer, the log gets a warning, once a minute at most: browsers drop that cookie
    /// without a word.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub fn session_from<'a>(
        &self,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        page: impl FnOnce() -> Option<(&'a [u8], &'a [u8])>,
    ) -> Load {
        let inner = Arc::clone(&self.inner);
        if inner.is_loaded() {
            return Load::done(inner);
        }
        let mut candidates = Candidates::default();
        for field in cookies {
            if !inner.sessions.read_field(field, &mut candidates) {
                break;
            }
        }
        if !candidates.carried && inner.sessions.cookie_is_secure() {
            candidates.by_plain_http = page().is_some_and(|(origin, host)| shows_plain_http(origin, host));
        }
        Load::begin(inner, &mut candidates)
    }

    /// Ends the exchange if that writes nothing and sets no cookie, as after most requests, and
    /// says what the response's head must carry. `None` if it takes a [`commit`](Self::commit),
    /// which costs more.
    ///
    /// Whoever asks for the session afterwards, through a clone, gets one that knows that the
    /// response's head is gone.
    #[inline]
    #[must_use]
    pub fn end_if_unchanged(&self) -> Option<Attach> {
        if self.inner.end_unless_loaded() {
            return Some(Attach::default());
        }
        let mut state = self.inner.lock();
        state.end_if_unchanged().then(|| self.inner.attach(&state, None))
    }

    /// Ends the exchange of a request that got no response: its client hung up, or a timeout
    /// dropped it. What the request wrote is forgotten, but a [`destroy`](crate::Session::destroy)
    /// is carried out by the commit that this returns, which the adapter drives to its end. `None`
    /// if there is nothing to carry out.
    ///
    /// A [`Commit`] that was begun before the request was dropped is driven to its end instead.
    #[must_use = "a logout is not carried out unless the commit is driven to its end"]
    pub fn abandon(&self) -> Option<Commit> {
        if self.inner.end_unless_loaded() {
            return None;
        }
        // What a dropped save asked of the store is dropped outside the lock.
        let (destroys, _dropped) = self.inner.lock().abandon();
        destroys.then(|| Commit::begin(Arc::clone(&self.inner), Mode::Head { failed: true }))
    }

    /// Writes what the request changed, in one atomic operation of the store, and says what the
    /// response's head must carry.
    ///
    /// `status` is the response's: a 5xx, 408 (a timeout layer cut the handler off) and 413 (it
    /// wrote too much) drop the request's data, and keep a destroy and a renewal. The future is
    /// ready at its first poll if there is nothing to write, or if the store never waits; a save
    /// that is under way is waited for. The response's head must not leave before it is. Committing
    /// a second time does nothing.
    pub fn commit(self, status: u16) -> Commit {
        Commit::begin(self.inner, Mode::Head { failed: keeps_nothing(status) })
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Inner {
    /// Locks the state. Never held while a store, or a value's own code, runs: no panic of theirs
    /// leaves it half changed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.stage.load(Ordering::Acquire) == LOADED
    }

    fn end_unless_loaded(&self) -> bool {
        let end = || self.stage.compare_exchange(OPEN, ENDED, Ordering::AcqRel, Ordering::Acquire);
        !self.is_loaded() && end() != Err(LOADED)
    }

    /// Takes note of what was loaded, unless that was done before.
    pub(crate) fn load(&self, loaded: &mut Loaded) {
        let mut state = self.lock();
        if !self.is_loaded() {
            state.load(loaded);
            state.finished |= self.stage.swap(LOADED, Ordering::AcqRel) == ENDED;
        }
    }

    /// Forms what the response headers of a request that looked at its session must carry.
    #[inline]
    pub(crate) fn attach(&self, state: &State, cookie: Option<SetCookie>) -> Attach {
        Attach { cookie, vary: true, is_private: state.is_signed_in() && self.sessions.config().no_store }
    }

    pub(crate) fn raise(&self, event: &Event) {
        self.sessions.raise(event);
    }
}

impl Drop for Inner {
    /// Nothing that was written is lost without a word: what came after the head needed a save.
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if state.has_unsaved() {
            let id = state.written_id();
            self.raise(&Event::Unsaved { id });
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Session")
            .field("id", &state.id())
            .field("is_loaded", &self.is_loaded())
            .field("is_finished", &state.finished)
            .finish_non_exhaustive()
    }
}
