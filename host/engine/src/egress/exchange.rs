//! One request and its answer on a connection of their own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hodhod_core::egress::{Policy, Target};
use hodhod_core::limits::{HTTP_HEAD, Limits};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{Answer, Asked, is_over};
use super::connect::Stream;
use super::{earlier, error};

/// An answer, and the work that has to go on while its body is read.
pub(crate) type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// What bounds an exchange.
pub(super) struct Exchange<'a> {
    pub(super) policy: Arc<Policy>,
    pub(super) limits: &'a Limits,
    pub(super) target: Target,
    pub(super) options: RequestOptions,
    pub(super) deadline: Instant,
    pub(super) permit: OwnedSemaphorePermit,
}

impl Exchange<'_> {
    pub(super) async fn run(self, stream: Box<dyn Stream>, request: Request<WasiBody>) -> Result<Sent, Error> {
        let Self { policy, limits, target, options, deadline, permit } = self;
        let too_large = Arc::new(AtomicBool::new(false));
        let request = request.map(|body| Asked::new(body, limits.http_request, too_large.clone()));
        let failed = |error: &hyper::Error| {
            if is_over(&too_large) {
                Error::HttpRequestBodySize(Some(limits.http_request))
            } else {
                error::exchange(error)
            }
        };

        let handshake = http1::Builder::new()
            .max_headers(limits.http_headers)
            .max_header_size(HTTP_HEAD)
            .max_buf_size(HTTP_HEAD)
            .handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| failed(&error))?;
        let connection = spawn(async move {
            let _permit = permit;
            // What is wrong with the connection is told to whoever waits for the answer or reads its body.
            let _told = timeout_at(deadline, connection).await;
        });
        let head = timeout_at(earlier(deadline, options.first_byte_timeout), sender.send_request(request));
        let response = match head.await {
            Ok(response) => response.map_err(|error| {
                // The connection is ended at the deadline, which may be seen here first.
                if Instant::now() >= deadline { Error::HttpResponseTimeout } else { failed(&error) }
            })?,
            Err(_elapsed) => return Err(Error::HttpResponseTimeout),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::HttpUpgradeFailed);
        }
        let (mut parts, body) = response.into_parts();
        redact(&policy, &target, &mut parts.headers);
        let answer = Answer::new(body, limits, deadline, options.between_bytes_timeout)
            .redacted(policy, target)
            .asked(too_large, limits.http_request);
        let driven = Box::new(async move {
            connection.await;
            Ok(())
        });
        Ok((Response::from_parts(parts, answer.boxed_unsync()), driven))
    }
}

/// Puts `***` in place of secrets that the server gave back. A field that is named after one is
/// dropped, since names cannot be anything.
pub(super) fn redact(policy: &Policy, target: &Target, headers: &mut HeaderMap) {
    if policy.secrets(target).next().is_none() {
        return;
    }
    let named: Vec<_> = headers.keys().filter(|name| policy.names_a_secret(target, name.as_str())).cloned().collect();
    for name in named {
        headers.remove(name);
    }
    for value in headers.values_mut() {
        if let Some(without) = policy.redact(target, value.as_bytes()) {
            // What was a value without stars is one with them.
            *value = HeaderValue::from_bytes(&without).unwrap_or(HeaderValue::from_static("***"));
        }
    }
}
