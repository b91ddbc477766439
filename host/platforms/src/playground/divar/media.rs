//! Files: the upload in two steps, and the host where those lie that people send.
//!
//! What Divar takes is that of its page `chat/upload_media.md`. A file is judged by the extension of its name.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError, MultipartRejection};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use hodhod_core::time::Millis;
use reqwest::Url;
use serde_json::{Value, json};

use super::access::{self, bearer};
use super::app::Permission;
use super::error::Error;
use super::events::Shape;
use super::fields::Fields;
use super::ids;
use super::refusal::Refusal;
use super::server::Shared;
use super::settings::Limits;

const MB: usize = 1024 * 1024;

/// The largest upload, and what a multipart body may hold besides the file.
pub(super) const LARGEST_REQUEST: usize = 50 * MB + 64 * 1024;

/// How many tokens of uploads wait for a file.
const UPLOADS: usize = 10_000;

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// PNG or JPEG, at most 5 MB.
    Image,
    /// MP4, at most 50 MB.
    Video,
    /// M4A or 3GP, at most 1.5 MB.
    Voice,
    /// A document, at most 5 MB.
    File,
}

impl FileKind {
    fn of_path(name: &str) -> Option<Self> {
        Some(match name {
            "image" => Self::Image,
            "video" => Self::Video,
            "voice" => Self::Voice,
            "file" => Self::File,
            _ => return None,
        })
    }

    fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Image => &["png", "jpeg", "jpg"],
            Self::Video => &["mp4"],
            Self::Voice => &["m4a", "3gp"],
            Self::File => &["pdf", "doc", "docx", "xlsx", "xls", "pptx", "ppt"],
        }
    }

    fn largest(self) -> usize {
        match self {
            Self::Image | Self::File => 5 * MB,
            Self::Video => 50 * MB,
            Self::Voice => 3 * MB / 2,
        }
    }
}

/// A file that the app uploaded or a person sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Which kind it is.
    pub kind: FileKind,
    /// The name that it came with; may be anything.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
    /// Where it can be got.
    pub link: String,
}

pub(super) struct Media {
    limit: usize,
    bytes: usize,
    /// Until when each token of an upload is good.
    tokens: HashMap<String, Millis>,
    /// By media token.
    uploaded: HashMap<String, StoredFile>,
    /// By the part of the link that cannot be guessed.
    lying: HashMap<String, StoredFile>,
}

impl Media {
    pub(super) fn new(limits: Limits) -> Self {
        let empty = HashMap::new;
        Self { limit: limits.files_bytes, bytes: 0, tokens: empty(), uploaded: HashMap::new(), lying: HashMap::new() }
    }

    /// Keeps a file where it can be got.
    pub(super) fn put(&mut self, base: &str, kind: FileKind, name: &str, bytes: Bytes) -> Result<StoredFile, Error> {
        if bytes.len() > self.limit.saturating_sub(self.bytes) {
            return Err(Error::Full { what: "bytes of files", limit: self.limit });
        }
        let id = ids::token("");
        let file = StoredFile { kind, name: name.to_owned(), link: link(base, &id, name), bytes };
        self.bytes += file.bytes.len();
        self.lying.insert(id, file.clone());
        Ok(file)
    }

    pub(super) fn uploaded(&self, token: &str) -> Option<StoredFile> {
        self.uploaded.get(token).cloned()
    }

    pub(super) fn forget(&mut self) {
        self.uploaded.clear();
        self.lying.clear();
        self.bytes = 0;
    }

    fn may_upload(&self, token: &str, now: Millis) -> bool {
        self.tokens.get(token).is_some_and(|expires| now < *expires)
    }
}

fn link(base: &str, id: &str, name: &str) -> String {
    let name = if name.is_empty() { "file" } else { name };
    let folder = format!("{base}/media/{id}/");
    let Ok(mut url) = Url::parse(&folder) else { return folder };
    // An address of a server has a path.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(name);
    }
    url.into()
}

/// A file as a message shows it. How large a picture is, is not looked up.
pub(super) fn shape(file: &StoredFile) -> Shape {
    let (link, size) = (file.link.clone(), file.bytes.len());
    match file.kind {
        FileKind::Image => Shape::Image { link, size, width: 0, height: 0 },
        FileKind::Video => Shape::Video { thumbnail: link.clone(), link, size },
        FileKind::Voice => Shape::Voice { link, size },
        FileKind::File => Shape::File { link, size, name: file.name.clone() },
    }
}

/// `POST /experimental/open-platform/chat/upload`
pub(super) async fn upload_token(
    State(server): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    server.key(&headers, Permission::ChatUploadMedia)?;
    let (body, _) = access::json(&headers, body)?;
    Fields::of("the body", &body, &server.settings.rules)?.only(&[])?;
    let now = server.now();
    let token = ids::upload_token();
    let mut media = server.media();
    if media.tokens.len() >= UPLOADS {
        media.tokens.retain(|_, expires| now < *expires);
    }
    if media.tokens.len() >= UPLOADS {
        return Err(Refusal::full());
    }
    media.tokens.insert(token.clone(), now + server.settings.lifetimes.upload);
    Ok(Json(json!({ "token": token })))
}

/// `POST /upload/{media_type}`
pub(super) async fn upload(
    State(server): State<Arc<Shared>>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, Refusal> {
    let kind = FileKind::of_path(&kind).ok_or_else(|| Refusal::not_found("media type"))?;
    let token = bearer(&headers)?.ok_or_else(|| Refusal::unauthenticated("no upload token"))?;
    if !server.media().may_upload(token, server.now()) {
        return Err(Refusal::unauthenticated("invalid or expired upload token"));
    }
    let form = form.map_err(|_| Refusal::invalid("the body is not multipart/form-data"))?;
    let (name, bytes) = read(form, kind).await?;
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    if !kind.extensions().contains(&extension.as_str()) {
        return Err(Refusal::invalid(format!("a file of the format {extension:?} is not taken here")));
    }
    let mut media = server.media();
    // Another upload may have come in between.
    if !media.may_upload(token, server.now()) {
        return Err(Refusal::unauthenticated("invalid or expired upload token"));
    }
    let file = media.put(&server.base, kind, &name, bytes).map_err(|_| Refusal::full())?;
    if server.settings.rules.upload_once {
        media.tokens.remove(token);
    }
    let id = ids::token("");
    media.uploaded.insert(id.clone(), file);
    Ok(Json(json!({ "id": id, "status": "ok" })))
}

/// The part named `file`, which must be the only one.
async fn read(mut form: Multipart, kind: FileKind) -> Result<(String, Bytes), Refusal> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(),
        _ => Refusal::invalid("the form is broken"),
    };
    let mut found = None;
    while let Some(mut part) = form.next_field().await.map_err(broken)? {
        if part.name() != Some("file") || found.is_some() {
            return Err(Refusal::invalid("the form must have one part, named file"));
        }
        let name = part.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
        let name = name.ok_or_else(|| Refusal::invalid("the part has no filename"))?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            if chunk.len() > kind.largest().saturating_sub(bytes.len()) {
                return Err(Refusal::too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.is_empty() {
            return Err(Refusal::invalid("the file is empty"));
        }
        found = Some((name, bytes.freeze()));
    }
    found.ok_or_else(|| Refusal::invalid("the form must have one part, named file"))
}

/// `GET /media/{id}/{name}`
pub(super) async fn download(
    State(server): State<Arc<Shared>>,
    Path((id, _)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let file = server.media().lying.get(&id).cloned();
    let file = file.ok_or_else(|| Refusal::not_found("file"))?;
    let kind = match file.kind {
        FileKind::Image => "image/jpeg",
        FileKind::Video => "video/mp4",
        FileKind::Voice => "audio/mp4",
        FileKind::File => "application/octet-stream",
    };
    let mut response = file.bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}
