#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

/// Implements `Debug` with the type's name and only the named fields and getters; the rest must not
/// be logged.
macro_rules! redacted {
    ($name:ident $(<$lifetime:lifetime>)? $({ $($shown:ident $(($($none:tt)?))?),* })?) => {
        impl std::fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $($(.field(stringify!($shown), &self.$shown $(($($none)?))?))*)?
                    .finish_non_exhaustive()
            }
        }
    };
}

/// Defines the headers that sessions use as an enum, each with its lower-case name.
macro_rules! headers {
    ($(#[$about:meta])* $type:ident { $($(#[$note:meta])* $header:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $type {
            $(
                #[doc = concat!("The header `", $name, "`.")]
                $(#[$note])*
                $header,
            )+
        }

        impl $type {
            /// Returns the header's name, in lower case.
            #[inline]
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$header => $name,)+
                }
            }
        }
    };
}

pub mod adapter;
mod codec;
mod cookie;
mod error;
mod exchange;
mod manager;
mod platform;
mod request;
mod session;
pub mod store;
pub mod testing;

pub use codec::Codec;
#[cfg(feature = "seal")]
pub use cookie::SealKey;
pub use cookie::{Opened, SameSite, Seal};
pub use error::{ConfigError, ConfigErrorKind, Error, ErrorKind};
pub use manager::{
    DestroyReason, Event, Expiry, LimitPolicy, Login, OutagePolicy, Principal, RejectReason, SessionInfo, Sessions,
    SessionsBuilder, StoreCall,
};
pub use platform::{Clock, SystemClock};
pub use request::{CrossOrigin, Device, TrustedProxies, local_path};
pub use session::{Issued, Key, Lenient, Session, Value};
pub use sessions_store::{InvalidSessionId, SessionId, Timestamp};
