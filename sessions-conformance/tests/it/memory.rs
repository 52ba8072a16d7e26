//! The memory store keeps every promise.

use sessions_store::MemoryStore;

sessions_conformance::store_conformance!(pollster::block_on, MemoryStore::default());
