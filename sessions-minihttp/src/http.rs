//! HTTP/1.1 as bytes: heads, bodies and what is wrong with them. Pure: no socket, no clock.

#![expect(dead_code, unused_imports, reason = "fuzz targets call it; connections are still served by may_minihttp")]

mod chunked;
mod framing;
mod head;
mod refusal;

pub(crate) use chunked::{Chunked, Next};
pub(crate) use framing::{BodyLength, Framing, Persistence};
pub(crate) use head::{Head, MAX_FIELDS, MAX_HEAD, Slots, parse};
pub(crate) use refusal::Refusal;
