//! uploadFile and downloadFile: files in memory, under keys that nobody can guess.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{Multipart, MultipartError, MultipartRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use serde_json::json;

use super::error::Error;
use super::faults::Call;
use super::result::{self, bad_token, result};
use super::server::Shared;
use super::settings::Limits;

/// The keys of files that people sent are this long in the official page's examples (236 bytes in base64url).
pub(super) const PERSON_KEY: usize = 315;
/// The key in the page's example of an upload (380 bytes in base64url).
pub(super) const UPLOAD_KEY: usize = 507;
/// What a multipart body may hold besides the file.
pub(super) const MULTIPART_EXTRA: usize = 64 * 1024;

/// A file that a bot uploaded or a person sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The name it came with; may be anything.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// All files of a server. A key is good for every token.
pub(super) struct Files {
    files: HashMap<String, StoredFile>,
    bytes: usize,
    one: usize,
    all: usize,
}

impl Files {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { files: HashMap::new(), bytes: 0, one: limits.file_bytes, all: limits.files_bytes }
    }

    /// Keeps a file and makes a key for it.
    pub(super) fn put(&mut self, name: &str, bytes: Bytes, key_length: usize) -> Result<String, Error> {
        let size = bytes.len();
        if size > self.one {
            return Err(Error::FilesFull { size, reason: "it is over the limit of one file" });
        }
        if size > self.all.saturating_sub(self.bytes) {
            return Err(Error::FilesFull { size, reason: "the files together are at their limit" });
        }
        let key = random_key(key_length);
        self.bytes += size;
        self.files.insert(key.clone(), StoredFile { name: name.to_owned(), bytes });
        Ok(key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&StoredFile> {
        self.files.get(key)
    }

    pub(super) fn forget(&mut self) {
        self.files.clear();
        self.bytes = 0;
    }
}

/// Looks like base64url and is as hard to guess.
fn random_key(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

/// `POST /{token}/uploadFile`
pub(super) async fn upload(
    State(server): State<Arc<Shared>>,
    Path(token): Path<String>,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    if server.bot(&token).is_none() {
        return bad_token();
    }
    if let Some(refused) = refused(&server, Call::UploadFile) {
        return refused;
    }
    let form = match form {
        Ok(form) => form,
        Err(rejection) => return rejection.into_response(),
    };
    let file = match read_file(form, server.settings.limits.file_bytes).await {
        Ok(file) => file,
        Err(failure) => return failure,
    };
    let key = server.files().put(&file.name, file.bytes, UPLOAD_KEY);
    match key {
        Ok(key) => Json(json!({ "fileUrl": key, "resultCode": result::OK, "resultMessage": "OK" })).into_response(),
        Err(full) => (StatusCode::INTERNAL_SERVER_ERROR, full.to_string()).into_response(),
    }
}

/// The part named `file`. What is over the limit, or has an emoji in its name, fails as users of the platform
/// saw it fail: with status 500.
async fn read_file(mut form: Multipart, limit: usize) -> Result<StoredFile, Response> {
    let failed = |text: &'static str| (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    while let Some(mut part) = form.next_field().await.map_err(MultipartError::into_response)? {
        if part.name() != Some("file") {
            continue;
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        if name.chars().any(|letter| letter > '\u{ffff}') {
            return Err(failed("the file name has an emoji in it"));
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = part.chunk().await.map_err(MultipartError::into_response)? {
            if chunk.len() > limit.saturating_sub(bytes.len()) {
                return Err(failed("the file is too large"));
            }
            bytes.extend_from_slice(&chunk);
        }
        return Ok(StoredFile { name, bytes: bytes.freeze() });
    }
    Err(result(result::NO_FILE, "No File"))
}

/// `GET /{token}/downloadFile/{key}`
///
/// What goes wrong is told in JSON under HTTP 200, which is what the official Python SDK looks for, client.py.
pub(super) async fn download(
    State(server): State<Arc<Shared>>,
    Path((token, key)): Path<(String, String)>,
) -> Response {
    if server.bot(&token).is_none() {
        return bad_token();
    }
    if let Some(refused) = refused(&server, Call::DownloadFile) {
        return refused;
    }
    let file = server.files().get(&key).cloned();
    let Some(file) = file else { return result(result::NO_FILE, "Invalid File Url") };
    let mut response = Response::new(file.bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment;filename={}", plain(&file.name))) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// A file name that can stand in a header.
fn plain(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' })
        .collect()
}

fn refused(server: &Shared, call: Call) -> Option<Response> {
    let status = server.faults().next_refusal(call)?;
    Some(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response())
}
