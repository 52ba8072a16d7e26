#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[macro_use(redacted)]
extern crate sessions_store;

/// Defines an enum with a text for each variant, and the method that returns it.
///
/// The documentation of a variant ends with its text.
macro_rules! texts {
    (
        $(#[$about:meta])*
        pub enum $type:ident { $($(#[$note:meta])* $variant:ident = $text:literal,)+ }
        $(#[$returns:meta])*
        $visibility:vis fn $method:ident;
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $(
                $(#[$note])*
                #[doc = concat!("\n\nThe ", stringify!($method), " “", $text, "”.")]
                $variant,
            )+
        }

        impl $type {
            $(#[$returns])*
            #[inline]
            #[must_use]
            $visibility const fn $method(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
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
