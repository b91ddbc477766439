//! Bodies of requests and answers, under their caps.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hodhod_core::egress::{Policy, Target};
use hodhod_core::limits::Limits;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

use super::exchange::redact;
use super::{earlier, error};

/// True if a body that is sent was cut off for being too large.
pub(super) fn is_over(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// The body that a guest sends. Its trailers stay here: a server may take them for fields of the
/// head, which the host has set.
pub(super) struct Asked {
    inner: WasiBody,
    left: u64,
    most: u64,
    too_large: Arc<AtomicBool>,
}

impl Asked {
    pub(super) fn new(inner: WasiBody, most: u64, too_large: Arc<AtomicBool>) -> Self {
        Self { inner, left: most, most, too_large }
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
        let Ok(data) = frame.into_data() else { return Poll::Ready(None) };
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            None => {
                self.too_large.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.most)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body that a server answers with.
pub(super) struct Answer {
    incoming: Incoming,
    left: u64,
    most: u64,
    trailers: usize,
    deadline: Instant,
    between: Option<Duration>,
    /// Until the deadline, or for as long as the guest waits for the next bytes.
    patience: Pin<Box<Sleep>>,
    bound: Option<(Arc<Policy>, Target)>,
    asked: Option<(Arc<AtomicBool>, u64)>,
    over: bool,
}

impl Answer {
    pub(super) fn new(incoming: Incoming, limits: &Limits, deadline: Instant, between: Option<Duration>) -> Self {
        Self {
            incoming,
            left: limits.http_response,
            most: limits.http_response,
            trailers: limits.http_headers,
            deadline,
            between,
            patience: Box::pin(sleep_until(earlier(deadline, between))),
            bound: None,
            asked: None,
            over: false,
        }
    }

    /// With the secrets for `target` taken out of its trailers.
    pub(super) fn redacted(mut self, policy: Arc<Policy>, target: Target) -> Self {
        self.bound = Some((policy, target));
        self
    }

    /// As the answer to a body that may still be under way.
    pub(super) fn asked(mut self, too_large: Arc<AtomicBool>, most: u64) -> Self {
        self.asked = Some((too_large, most));
        self
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let mut trailers = match frame.into_data() {
            Ok(data) => {
                let left = self.left.checked_sub(data.len() as u64);
                self.left = left.ok_or(Error::HttpResponseBodySize(Some(self.most)))?;
                return Ok(Frame::data(data));
            }
            Err(frame) => frame.into_trailers().unwrap_or_default(),
        };
        if trailers.len() > self.trailers {
            return Err(Error::HttpResponseTrailerSectionSize(None));
        }
        if let Some((policy, target)) = &self.bound {
            redact(policy, target, &mut trailers);
        }
        Ok(Frame::trailers(trailers))
    }

    fn broken(&self, error: &hyper::Error) -> Error {
        if Instant::now() >= self.deadline {
            return Error::HttpResponseTimeout;
        }
        match &self.asked {
            Some((too_large, most)) if is_over(too_large) => Error::HttpRequestBodySize(Some(*most)),
            _ => error::exchange(error),
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // Known from its head: nobody has to read four mebibytes to be told.
        if self.incoming.size_hint().lower() > self.left {
            return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(self.most)))));
        }
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => {
                let until = earlier(self.deadline, self.between);
                self.patience.as_mut().reset(until);
                Poll::Ready(Some(self.take(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.broken(&error)))),
            Poll::Pending => {
                std::task::ready!(self.patience.as_mut().poll(cx));
                let late = Instant::now() >= self.deadline;
                Poll::Ready(Some(Err(if late { Error::HttpResponseTimeout } else { Error::ConnectionReadTimeout })))
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(self.next(cx));
        self.over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
