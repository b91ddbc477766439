//! Who asks, and whether they may: the API key with its permissions, the access token with its scopes. Both are
//! needed where both are named.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;

use super::app::Permission;
use super::grants::Grant;
use super::refusal::Refusal;
use super::server::Shared;

const API_KEY: &str = "x-api-key";

/// A person's consent, as a request brings it.
pub(super) struct Consent {
    pub(super) access: String,
    pub(super) grant: Grant,
}

impl Shared {
    /// An API key that may do this. Every call with a good key counts.
    pub(super) fn key(&self, headers: &HeaderMap, permission: Permission) -> Result<(), Refusal> {
        let permissions = self.any_key(headers)?;
        if permissions.contains(&permission) {
            Ok(())
        } else {
            Err(Refusal::denied(format!("the API key has no permission {}", permission.name())))
        }
    }

    /// An API key, whatever it may do.
    pub(super) fn any_key(&self, headers: &HeaderMap) -> Result<Vec<Permission>, Refusal> {
        let key = headers.get(API_KEY).ok_or_else(|| Refusal::unauthenticated("no API key"))?;
        let app = self.app();
        let found = app.keys.iter().find(|(known, _)| known.as_bytes() == key.as_bytes());
        let (_, permissions) = found.ok_or_else(|| Refusal::unauthenticated("invalid API key"))?;
        self.quota().count(self.now())?;
        Ok(permissions.clone())
    }

    /// A person's consent, which must be there.
    pub(super) fn consent(&self, headers: &HeaderMap) -> Result<Consent, Refusal> {
        self.maybe_consent(headers)?.ok_or_else(|| Refusal::unauthenticated("no access token"))
    }

    /// A person's consent; one that is there must be good.
    pub(super) fn maybe_consent(&self, headers: &HeaderMap) -> Result<Option<Consent>, Refusal> {
        let Some(access) = bearer(headers)? else { return Ok(None) };
        let grant = self.grants().of(access, self.now()).cloned();
        let grant = grant.ok_or_else(|| Refusal::unauthenticated("invalid or expired access token"))?;
        Ok(Some(Consent { access: access.to_owned(), grant }))
    }
}

/// What stands after `Bearer`, if there is such a header.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    token.map(Some).ok_or_else(|| Refusal::unauthenticated("Authorization is not a Bearer token"))
}

/// The scope is missing.
pub(super) fn no_scope(scope: &str) -> Refusal {
    Refusal::denied(format!("the access token has no scope {scope}"))
}

/// A body of JSON, which says that it is.
pub(super) fn json(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<(Value, usize), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| !kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::invalid("Content-Type is not application/json"));
    }
    let body = whole(body)?;
    let json = serde_json::from_slice(&body).map_err(|_| Refusal::invalid("the body is not JSON"))?;
    Ok((json, body.len()))
}

/// A body that came whole.
pub(super) fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    body.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(),
        _ => Refusal::invalid("the body did not come whole"),
    })
}
