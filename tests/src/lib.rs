//! What every framework promises, tried from outside: the demo servers run as processes of their
//! own, and a client that works on bytes talks to them over real sockets.
//!
//! - [`Server`] builds, starts and stops a demo of one [`Framework`];
//! - [`Connection`] sends a [`Request`] exactly as written, malformed ones included, and reads a
//!   [`Response`] strictly;
//! - [`Visitor`] keeps the session cookie it was given, whatever its attributes;
//! - [`Browser`] keeps cookies in a [`Jar`] by the rules that browsers follow;
//! - [`Chromium`] is a real one, and [`Nginx`] a real cache in front of a demo.
//!
//! The scenarios stand in `tests/wire`, one module a topic. Each is one function that takes the
//! framework, and [`in_every_framework!`] makes one named test of it for each framework. Those of
//! [`scenarios`] run on every store too, in `tests/stores`, beside what only a store that outlives
//! its process can show. What only a real browser can show stands in `tests/browser`.

mod answers;
mod browser;
mod chromium;
mod connection;
mod demos;
mod framework;
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
pub use chromium::{Chromium, Tab};
pub use connection::{Connection, HangUp, PATIENCE};
pub use framework::Framework;
pub use jar::{Jar, Refusal};
pub use nginx::Nginx;
pub use parallel::{each_together, together};
pub use program::{CHROMEDRIVER, CHROMIUM, NGINX, Program};
pub use request::{Request, query};
pub use response::Response;
pub use server::{Options, Seal, Server};
pub use set_cookie::SetCookie;
pub use token::{BASE64URL, decoded, encoded, random_token};
pub use visitor::{Visitor, WhoAmI};

/// Makes one test for each framework of each scenario, a function that takes a [`Framework`].
///
/// A scenario that is not listed is dead code to the compiler, so none can be forgotten.
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

/// Makes one test for each framework and each form of the cookie of each scenario, a function that
/// takes a [`Framework`] and a [`Seal`].
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
