//! The demos on stores that outlive them, with what can happen to a process, to a server and between them.

mod every_store;
mod four_servers;
mod kills;
mod outages;
mod proxy;
mod round_trips;
mod support;
