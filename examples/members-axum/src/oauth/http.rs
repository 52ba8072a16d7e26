//! A client for the few requests to a provider, on what the server is made of anyway.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1::handshake;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::OAuthError;

/// Time for one request, connecting included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer, in bytes.
const LIMIT: usize = 64 * 1024;

/// A client without a pool of connections: signing in is rare.
pub(super) struct Client {
    tls: TlsConnector,
}

impl Client {
    pub(super) fn new() -> Result<Self, OAuthError> {
        let mut roots = RootCertStore::empty();
        // A system without certificates can still ask a provider on the same machine.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> Result<Self, OAuthError> {
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| OAuthError::caused_by("TLS cannot be set up", error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Sends a request to a URL and returns the body of its answer, which must be a 200.
    pub(super) async fn send(&self, url: &Url, request: Request<String>) -> Result<Bytes, OAuthError> {
        match timeout(TIMEOUT, self.exchange(url, request)).await {
            Ok(answer) => answer,
            Err(error) => Err(OAuthError::caused_by("the provider does not answer in time", error)),
        }
    }

    async fn exchange(&self, url: &Url, request: Request<String>) -> Result<Bytes, OAuthError> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(OAuthError::new("a URL of the provider has no host"));
        };
        let unreached = |error| OAuthError::caused_by("the provider cannot be reached", error);
        // The brackets of an IPv6 address belong to the URL.
        let name = host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((name, port)).await.map_err(unreached)?;
        let request = addressed(request, url)?;
        if url.scheme() != "https" {
            return ask(TokioIo::new(stream), request).await;
        }
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| OAuthError::caused_by("the provider's host has no valid name", error))?;
        ask(TokioIo::new(self.tls.connect(name, stream).await.map_err(unreached)?), request).await
    }
}

/// Gives a request its path and its `Host`.
fn addressed(mut request: Request<String>, url: &Url) -> Result<Request<String>, OAuthError> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let invalid = |error| OAuthError::caused_by("a URL of the provider is invalid", error);
    *request.uri_mut() = target.parse::<Uri>().map_err(|error| invalid(error.into()))?;
    let host: Result<HeaderValue, _> = url[url::Position::BeforeHost..url::Position::AfterPort].parse();
    request
        .headers_mut()
        .insert(HOST, host.map_err(|error| invalid(Box::<dyn std::error::Error + Send + Sync>::from(error)))?);
    Ok(request)
}

async fn ask<S>(stream: S, request: Request<String>) -> Result<Bytes, OAuthError>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let failed = |error| OAuthError::caused_by("the request to the provider failed", error);
    let (mut sender, connection) = handshake(stream).await.map_err(|error| failed(error.into()))?;
    // Moves the bytes until the sender is dropped. Its errors are those of the sender, too.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| failed(error.into()))?;
    if response.status() != 200 {
        return Err(OAuthError::caused_by("the provider refused the request", response.status().to_string()));
    }
    Ok(Limited::new(response.into_body(), LIMIT).collect().await.map_err(failed)?.to_bytes())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Starts a server that answers one request, and returns its URL and its certificate.
    async fn serve(answer: &'static str) -> (Url, CertificateDer<'static>) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/a?b=c", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // Fails if the client does not trust the certificate.
            let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else { return };
            let mut head = [0; 1024];
            let length = stream.read(&mut head).await.unwrap();
            assert!(head[..length].starts_with(b"GET /a?b=c HTTP/1.1\r\nhost: localhost:"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        (url.parse().unwrap(), cert.der().clone())
    }

    #[tokio::test]
    async fn a_provider_with_a_trusted_certificate_is_asked() {
        let (url, certificate) = serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = Client::trusting(roots).unwrap();
        assert_eq!(client.send(&url, Request::new(String::new())).await.unwrap(), "hi");
    }

    #[tokio::test]
    async fn a_provider_with_another_certificate_is_not_asked() {
        let (url, _) = serve("").await;
        let error = Client::new().unwrap().send(&url, Request::new(String::new())).await.unwrap_err();
        let cause = error.source().expect("the error has a cause").to_string();
        assert!(cause.contains("certificate"), "{cause}");
    }

    #[tokio::test]
    async fn a_refusal_is_an_error() {
        let (url, certificate) = serve("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = Client::trusting(roots).unwrap();
        let error = client.send(&url, Request::new(String::new())).await.unwrap_err();
        assert_eq!(error.to_string(), "the provider refused the request");
    }
}
