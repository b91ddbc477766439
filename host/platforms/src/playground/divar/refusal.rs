//! How open-api says no: an HTTP status and a `google.rpc.Status`, as the `default` response of every operation in
//! Divar's OpenAPI document.
//!
//! Divar publishes one pair, 412 with code 9. The others are those of the gateway that this pair comes from.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: i32,
    message: Cow<'static, str>,
    /// In seconds.
    retry_after: Option<u64>,
}

type Text = Cow<'static, str>;

impl Refusal {
    fn new(status: StatusCode, code: i32, message: impl Into<Text>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(super) fn invalid(message: impl Into<Text>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 3, message)
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, 3, "the request is too large")
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 5, format!("{what} not found"))
    }

    pub(super) fn denied(message: impl Into<Text>) -> Self {
        Self::new(StatusCode::FORBIDDEN, 7, message)
    }

    pub(super) fn exhausted(message: &'static str, retry_after: Option<u64>) -> Self {
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, 8, message) }
    }

    pub(super) fn blocked() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, 9, "message delivery failed due to recipient's restriction")
    }

    pub(super) fn unimplemented() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, 12, "Method Not Allowed")
    }

    /// Not Divar's word: the local server has no room.
    pub(super) fn full() -> Self {
        let text = "this local server keeps no more of these: take those that are there";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 14, text)
    }

    pub(super) fn unauthenticated(message: impl Into<Text>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 16, message)
    }

    /// What a test asked for.
    pub(super) fn planned(status: u16, code: i32, message: String, retry_after: Option<u64>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { retry_after, ..Self::new(status, code, message) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "code": self.code, "message": self.message, "details": [] });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
