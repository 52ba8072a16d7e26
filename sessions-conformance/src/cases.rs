//! The cases, one function for each promise. [`store_conformance!`](crate::store_conformance) makes
//! a test of each; called by hand, a case wants a [`Subject`](crate::Subject) with nothing in it.

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
pub mod take;
