//! HTTP/1.1 as bytes: heads, bodies and what is wrong with them. Pure: no socket, no clock.

mod bytes;
mod chunked;
mod framing;
mod head;
mod refusal;

pub(crate) use bytes::IS_TOKEN;
pub(crate) use chunked::{Chunked, Next};
pub(crate) use framing::{BodyLength, Framing, Persistence};
pub(crate) use head::{Head, MAX_FIELDS, MAX_HEAD, parse};
pub(crate) use refusal::Refusal;
