//! The memory store keeps every promise.

use sessions_core::store::MemoryStore;

sessions_conformance::store_conformance!(pollster::block_on, MemoryStore::default());
