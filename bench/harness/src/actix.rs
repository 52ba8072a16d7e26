//! Subjects that are actix-web services.

use actix_http::Request;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::test::{TestRequest, call_service};

use crate::subject::{Answer, Subject};

/// A subject from an application that `actix_web::test::init_service` made.
#[derive(Debug)]
pub struct Actix<S>(pub S);

impl<S, B> Subject for Actix<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;

    async fn get(&mut self, path: &str, cookie: Option<&str>) -> ServiceResponse<B> {
        let mut request = TestRequest::with_uri(path).insert_header(("host", "127.0.0.1"));
        if let Some(cookie) = cookie {
            request = request.insert_header(("cookie", cookie));
        }
        call_service(&self.0, request.to_request()).await
    }

    fn status(response: &ServiceResponse<B>) -> u16 {
        response.status().as_u16()
    }

    async fn read(response: ServiceResponse<B>) -> Answer {
        let (_, response) = response.into_parts();
        let (head, body) = response.into_parts();
        let Ok(body) = to_bytes(body).await else { panic!("the body is not in memory") };
        Answer::new(head.headers().get_all(SET_COOKIE).map(HeaderValue::as_bytes), &body)
    }
}
