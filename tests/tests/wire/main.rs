//! Scenarios over real sockets, in every framework.

mod anonymous;
mod caching;
mod capacity;
mod cookie_field;
mod cross_site;
mod devices;
mod failures;
mod flashes;
mod flows;
mod forgeries;
mod gates;
mod hang_ups;
mod immutables;
mod limits;
mod login;
mod logout;
mod methods;
mod overview;
mod principals;
mod races;
mod sealed;
mod secrecy;
mod set_cookie;
mod startup;
mod superseded;
mod tokens;
