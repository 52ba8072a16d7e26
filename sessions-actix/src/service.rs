//! The service that [`SessionMiddleware`](crate::SessionMiddleware) produces.

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use sessions_core::Sessions;

use crate::exchanges;
use crate::future::ResponseFuture;

/// A service whose requests have sessions, created by
/// [`SessionMiddleware`](crate::SessionMiddleware).
#[derive(Debug)]
pub struct SessionService<S> {
    service: S,
    sessions: Sessions,
}

impl<S> SessionService<S> {
    pub(crate) const fn new(service: S, sessions: Sessions) -> Self {
        Self { service, sessions }
    }
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, B>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let exchange = exchanges::wrap(&self.sessions, request.request());
        ResponseFuture::new(self.service.call(request), exchange)
    }
}
