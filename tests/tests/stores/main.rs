//! Demos with persistent stores, and faults of processes, servers and networks.

mod at_rest;
mod every_store;
mod expectations;
mod failover;
mod four_servers;
mod full_disk;
mod kills;
mod ledger;
mod nemesis;
mod nginx_cache;
mod outages;
mod round_trips;
mod streams;
mod support;
mod terminations;
