//! Search for free ports.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Start of the search: below the ephemeral ports of the system.
const FIRST: u16 = 10_000;
/// Number of ports to search. None of them is another server's cluster bus.
const COUNT: u16 = BUS;
/// Distance from a cluster node's port to its second one, the cluster bus.
pub(crate) const BUS: u16 = 10_000;

/// Returns a port of the loopback interface for a server to listen on.
///
/// It is below the ephemeral ports, so that no connection takes it before the server does. The
/// matching port for a cluster bus is free too.
///
/// # Panics
///
/// Panics if no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes start at different offsets, so that they do not race for the same ports.
    let start = (u64::from(std::process::id()) * 97 % u64::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        if is_free(port) && is_free(port + BUS) {
            return port;
        }
    }
    panic!("no free port");
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
