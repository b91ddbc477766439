//! `{"resultCode": …, "resultMessage": …}`: what the calls answer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::json;

// The platform documents OK, and its users reported NOT_ADMIN with its message. The others are this server's own:
// the platform's are not known.
pub(super) const OK: i64 = 200;
pub(super) const NOT_ADMIN: i64 = 325;
pub(super) const UNREACHABLE: i64 = 1;
pub(super) const BAD_MESSAGE: i64 = 400;
pub(super) const NO_FILE: i64 = 404;
const BAD_TOKEN: i64 = 401;

/// HTTP 200, whatever the result: a client must look at the code.
pub(super) fn result(code: i64, message: &str) -> Response {
    Json(json!({ "resultCode": code, "resultMessage": message })).into_response()
}

/// What every call but getMessage says to a token that is not registered.
pub(super) fn bad_token() -> Response {
    result(BAD_TOKEN, "Invalid Bot Token")
}
