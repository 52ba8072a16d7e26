//! The options of a manager that are used as given, and their defaults.

use std::sync::Arc;
use std::time::Duration;

use sessions_store::{Limits, SessionId};

use crate::codec::Values;
use crate::manager::expiry::Expiry;
use crate::platform::{Clock, Entropy, SystemClock, fill_random};
use crate::request::{CrossOriginRule, Pages};

/// The treatment of requests that ask for their session while the store is unreachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// The request fails with 503; its cookie and record are kept.
    ///
    /// Routes that do not ask for a session are not affected.
    #[default]
    Refuse,
    /// The request sees an empty session, and fails with 503 only if it writes to it or destroys
    /// it.
    ///
    /// Its cookie and record are kept.
    Anonymous,
}

/// The treatment of a login beyond
/// [`sessions_per_principal`](crate::SessionsBuilder::sessions_per_principal).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitPolicy {
    /// The principal's oldest logins end.
    #[default]
    EndOldest,
    /// The new login is refused with 403, and the visitor's session ends.
    RefuseLogin,
}

pub(crate) type IdGenerator = Arc<dyn Fn() -> SessionId + Send + Sync>;

/// The options that are used as given.
pub(crate) struct Config {
    pub(crate) expiry: Expiry,
    pub(crate) touch_every_millis: u64,
    /// Time for which a replaced token counts as superseded.
    pub(crate) renewal_grace: Duration,
    /// Interval at which a session in use gets a new secret.
    pub(crate) rotate_every: Option<Duration>,
    /// Maximum number of sessions of a principal.
    pub(crate) sessions_per_principal: Option<usize>,
    pub(crate) limit_policy: LimitPolicy,
    /// Requests may carry their token as a bearer token.
    pub(crate) bearer: bool,
    pub(crate) sweep_every: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) outage: OutagePolicy,
    pub(crate) no_store: bool,
    pub(crate) cross_origin: CrossOriginRule,
    pub(crate) pages: Pages,
    pub(crate) values: Values,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) id_generator: Option<IdGenerator>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            expiry: Expiry::default(),
            touch_every_millis: 60_000,
            renewal_grace: Duration::from_secs(30),
            rotate_every: None,
            sessions_per_principal: Some(1000),
            limit_policy: LimitPolicy::default(),
            bearer: false,
            sweep_every: Some(Duration::from_secs(10)),
            limits: Limits::default(),
            outage: OutagePolicy::default(),
            no_store: true,
            cross_origin: CrossOriginRule::default(),
            pages: Pages::default(),
            values: Values::Json,
            clock: Box::new(SystemClock),
            entropy: fill_random,
            id_generator: None,
        }
    }
}

redacted!(Config { expiry, limits });
