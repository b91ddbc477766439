//! Tokens for a code, and for a token: `POST /oauth2/token`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::form;
use super::grants::{Issued, NoToken};
use super::server::Shared;

/// What OAuth says instead of a token.
struct Failed {
    status: StatusCode,
    error: &'static str,
    text: String,
}

impl Failed {
    fn bad(error: &'static str, text: &str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, text: text.to_owned() }
    }
}

impl From<NoToken> for Failed {
    fn from(reason: NoToken) -> Self {
        match reason {
            NoToken::Invalid(text) => Self::bad("invalid_grant", text),
            NoToken::Full => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: "temporarily_unavailable",
                text: "this local server keeps no more tokens".to_owned(),
            },
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.text });
        (self.status, Json(body)).into_response()
    }
}

/// `POST /oauth2/token`
pub(super) async fn token(
    State(server): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = match read(&headers, body).and_then(|fields| server.tokens(&fields)) {
        Ok(issued) => {
            let mut answer = json!({
                "access_token": issued.access,
                "expires_in": server.settings.lifetimes.access.as_secs(),
                "scope": issued.scopes.list(),
                "token_type": "bearer",
            });
            if let (Some(refresh), Some(answer)) = (issued.refresh, answer.as_object_mut()) {
                answer.insert("refresh_token".to_owned(), refresh.into());
            }
            Json(answer).into_response()
        }
        Err(failed) => failed.into_response(),
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response()
}

fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<BTreeMap<String, String>, Failed> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let form = "application/x-www-form-urlencoded";
    if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(form)) {
        return Err(Failed::bad("invalid_request", "the body is not a form"));
    }
    let body = body.map_err(|_| Failed::bad("invalid_request", "the form did not come whole"))?;
    form::parse(&body).map_err(|flaw| Failed::bad("invalid_request", &flaw))
}

impl Shared {
    fn tokens(&self, fields: &BTreeMap<String, String>) -> Result<Issued, Failed> {
        let maybe = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let field = |name: &str| {
            maybe(name).ok_or_else(|| Failed::bad("invalid_request", &format!("the field {name} is missing")))
        };
        {
            let app = self.app();
            if field("client_id")? != app.slug || app.secret.is_empty() || field("client_secret")? != app.secret {
                let text = "client_id or client_secret is wrong".to_owned();
                return Err(Failed { status: StatusCode::UNAUTHORIZED, error: "invalid_client", text });
            }
        }
        let now = self.now();
        match field("grant_type")? {
            "authorization_code" => Ok(self.grants().exchange(field("code")?, field("redirect_uri")?, now)?),
            "refresh_token" => {
                Ok(self.grants().renew(field("refresh_token")?, maybe("redirect_uri"), maybe("code"), now)?)
            }
            _ => Err(Failed::bad("unsupported_grant_type", "grant_type is unknown")),
        }
    }
}
