//! What a store sees of a session, and what its logs show of it.

mod changes;
mod redaction;
