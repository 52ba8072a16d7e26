//! The changes of a commit, as a store sees them.

mod changes;
