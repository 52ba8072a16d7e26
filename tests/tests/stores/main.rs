//! The demos on stores that outlive them, with what can happen to a process, to a server and
//! between them.

mod every_store;
mod expectations;
mod failover;
mod four_servers;
mod full_disk;
mod kills;
mod ledger;
mod outages;
mod proxy;
mod round_trips;
mod support;
mod terminations;
