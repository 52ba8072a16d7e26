//! Runs arbitrary schedules of concurrent requests against one manager.
//!
//! Whatever the interleaving, and whichever store calls fail or answer late, the promises of the
//! documentation hold.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::schedules::run(data));
