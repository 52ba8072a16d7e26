//! Sealing of this crate's traits, so that methods can be added to them.

#[expect(unnameable_types, reason = "a trait that others can name is not sealed")]
pub trait Sealed {}

impl<B> Sealed for http::Request<B> {}
impl Sealed for http::request::Parts {}
impl Sealed for sessions_core::Sessions {}
