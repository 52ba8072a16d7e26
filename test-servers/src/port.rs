//! Ports that nobody else uses.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Is where the search begins: below the ports that the system hands out by itself.
const FIRST: u16 = 10_000;
const COUNT: u16 = 12_000;
/// Is how much further a cluster's second port lies.
pub(crate) const BUS: u16 = 10_000;

/// Finds a port that is free together with the one that a cluster needs beside it.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes begin at different places, so that they do not race for the same ports.
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
