//! The head of a request: what the guest may write there, and what the host puts there.

use hodhod_core::egress::{Policy, Target, is_forbidden};
use hodhod_core::limits::{HTTP_HEAD, Limits};
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderName, HeaderValue, Request, Uri, Version};
use secrecy::ExposeSecret;
use wasmtime_wasi_http::{Error, WasiBody};

/// Refuses a head that is too large, and a body that says itself that it is.
pub(super) fn check(request: &Request<WasiBody>, limits: &Limits) -> Result<(), Error> {
    let headers = request.headers();
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if headers.len() > limits.http_headers || fields.saturating_add(path) > HTTP_HEAD {
        return Err(Error::HttpRequestHeaderSectionSize(None));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > limits.http_request => Err(Error::HttpRequestBodySize(Some(length))),
        _ => Ok(()),
    }
}

/// The request as it goes out: to a path instead of an address, with the host's own fields and the
/// secrets that are bound to the target. What the guest wrote in their place is gone.
pub(super) fn rewrite(
    request: Request<WasiBody>,
    policy: &Policy,
    target: &Target,
) -> Result<Request<WasiBody>, Error> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    if !path.starts_with('/') {
        return Err(Error::HttpRequestUriInvalid);
    }
    let path = parts.uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let path = policy.with_query_secrets(target, &path);
    parts.uri = Uri::try_from(path).map_err(|_| Error::HttpRequestUriTooLong)?;
    parts.version = Version::HTTP_11;

    let forbidden: Vec<_> = parts.headers.keys().filter(|name| is_forbidden(name.as_str())).cloned().collect();
    for name in forbidden {
        parts.headers.remove(name);
    }
    let host = HeaderValue::try_from(target.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
    parts.headers.insert(HOST, host);
    for (name, value) in policy.secrets(target).filter_map(|secret| secret.header()) {
        // Both were checked when the secret was made.
        let name = HeaderName::try_from(name).map_err(|_| Error::ConfigurationError)?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| Error::ConfigurationError)?;
        value.set_sensitive(true);
        parts.headers.insert(name, value);
    }
    Ok(Request::from_parts(parts, body))
}
