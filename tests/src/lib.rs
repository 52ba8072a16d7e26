//! Promises of every framework, tested from outside: demo servers run as processes, and a
//! byte-level client sends them requests over real sockets.
//!
//! - [`Server`] builds, starts and stops a demo of one [`Framework`];
//! - [`Connection`] sends a [`Request`] exactly as written, malformed ones included, and reads a
//!   [`Response`] strictly;
//! - [`Events`] reads a response while it is being sent;
//! - [`Visitor`] keeps the session cookie it was given, whatever its attributes;
//! - [`Browser`] keeps cookies in a [`Jar`] by the rules that browsers follow;
//! - [`history`] records the answers to many clients, and checks them;
//! - [`expect_cookie_in_any_crumb`] sends requests over HTTP/2;
//! - [`Chromium`] is a real browser, and [`Nginx`] a real cache in front of a demo.
//!
//! The scenarios are in `tests/wire`, one module per topic. Each is a function that takes the
//! framework, and [`in_every_framework!`] makes one named test of it for each framework. Those in
//! [`scenarios`] also run on every store, in `tests/stores`, together with tests of persistence.
//! Tests that need a real browser are in `tests/browser`.

mod browser;
mod chromium;
mod connection;
mod crumbs;
mod demos;
mod events;
mod expectations;
mod framework;
pub mod history;
mod jar;
mod nginx;
mod parallel;
mod process;
mod program;
mod request;
mod response;
pub mod scenarios;
mod server;
mod set_cookie;
mod token;
mod visitor;
mod webdriver;

pub use browser::Browser;
pub use chromium::{Chromium, Profile, Tab};
pub use connection::{Connection, HangUp, PATIENCE};
pub use crumbs::expect_cookie_in_any_crumb;
pub use events::Events;
pub use framework::Framework;
pub use jar::{Jar, Refusal};
pub use nginx::Nginx;
pub use parallel::{each_together, together};
pub use program::{CHROMEDRIVER, CHROMIUM, NGINX, Program};
pub use request::{Request, query};
pub use response::Response;
pub use server::{Options, Seal, Server};
pub use set_cookie::SetCookie;
pub use token::{BASE64URL, decoded, encoded, random_token, secret_bytes, secret_texts};
pub use visitor::{Visitor, WhoAmI};

/// Makes one test per framework of each scenario, a function that takes a [`Framework`].
///
/// The compiler reports a scenario that is not listed as dead code, so none can be forgotten.
#[macro_export]
macro_rules! in_every_framework {
    (@tests $scenario:path $(, $seal:expr)?) => {
        #[test]
        fn axum() {
            $scenario($crate::Framework::Axum $(, $seal)?);
        }

        #[test]
        fn actix() {
            $scenario($crate::Framework::Actix $(, $seal)?);
        }

        #[test]
        fn hyper() {
            $scenario($crate::Framework::Hyper $(, $seal)?);
        }

        #[test]
        fn minihttp() {
            $scenario($crate::Framework::Minihttp $(, $seal)?);
        }
    };
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            $crate::in_every_framework! { @tests super::$scenario }
        }
    )*};
}

/// Makes one test per framework that [streams bodies](Framework::streams_bodies) of each scenario.
#[macro_export]
macro_rules! in_frameworks_that_stream {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            #[test]
            fn axum() {
                super::$scenario($crate::Framework::Axum);
            }

            #[test]
            fn actix() {
                super::$scenario($crate::Framework::Actix);
            }

            #[test]
            fn hyper() {
                super::$scenario($crate::Framework::Hyper);
            }
        }
    )*};
}

/// Makes one test per framework and form of the cookie of each scenario, a function that takes a
/// [`Framework`] and a [`Seal`].
#[macro_export]
macro_rules! in_every_framework_and_seal {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            mod plain {
                $crate::in_every_framework! { @tests super::super::$scenario, $crate::Seal::Plain }
            }

            mod signed {
                $crate::in_every_framework! { @tests super::super::$scenario, $crate::Seal::Signed }
            }

            mod encrypted {
                $crate::in_every_framework! { @tests super::super::$scenario, $crate::Seal::Encrypted }
            }
        }
    )*};
}
