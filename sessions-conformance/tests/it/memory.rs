//! The memory store keeps every promise.

use sessions_core::MemoryStore;

sessions_conformance::store_conformance!(pollster::block_on, MemoryStore::default());
