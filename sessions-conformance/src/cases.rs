//! The cases, one function for each promise of the store contract.
//!
//! [`store_conformance!`](crate::store_conformance) makes a test of each. A direct call takes an
//! empty [`Subject`](crate::Subject).

pub mod bulk;
pub mod changes;
pub mod commit;
pub mod create;
pub mod damage;
pub mod destroy;
pub mod expiry;
pub mod futures;
pub mod handles;
pub mod hostile;
pub mod listing;
pub mod model;
pub mod principals;
pub mod races;
pub mod sweep;
