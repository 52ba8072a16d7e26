//! The request head: method, headers and extensions.

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request};

use crate::sealed_traits::Sealed;

/// A request head: an [`http::Request`] with any body, or its [`Parts`].
pub trait RequestHead: Sealed {
    /// Returns the request's method.
    fn method(&self) -> &Method;

    /// Returns the request's headers.
    fn headers(&self) -> &HeaderMap;

    /// Returns the request's extensions.
    fn extensions(&self) -> &Extensions;
}

impl<B> RequestHead for Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions(&self) -> &Extensions {
        self.extensions()
    }
}

impl RequestHead for Parts {
    fn method(&self) -> &Method {
        &self.method
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}
