//! A file goes to Divar in two steps: a token for the upload, and the upload itself to another server
//! (Divar's developer pages, `chat/upload_media.md`, which call it experimental).

use hodhod_core::platform::{FileBytes, FileError};
use hodhod_core::text::clean;
use reqwest::Body;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::multipart::{Form, Part};
use secrecy::SecretString;

use crate::common::transfer::Going;
use crate::common::{chain, read_some, retry_after};

use super::api::{Api, bearer, now};
use super::judge::{Failure, file_error, judge};
use super::outgoing::LONGEST_TOKEN;
use super::secret::Redaction;
use super::wire::{Fields, clean_word};

/// The path of the first step.
const TOKEN_PATH: &str = "/experimental/open-platform/chat/upload";

/// Longest name of a file that goes along, in bytes.
const LONGEST_NAME: usize = 120;

/// The largest file of each kind, in bytes. The pages say MB; whether that is 1000² or 1024² bytes the
/// server decides.
const LARGEST: [(&str, u64); 4] = [("image", 5 << 20), ("file", 5 << 20), ("voice", 3 << 19), ("video", 50 << 20)];

/// A file on its way to Divar.
pub(super) struct Parcel {
    /// How Divar calls its kind.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) mime: Option<String>,
    /// Its length, where it is known.
    pub(super) size: Option<u64>,
    pub(super) bytes: FileBytes,
}

impl Api {
    /// Puts a file on the platform, once, and gives its token. Cancelling it leaves a file that nobody
    /// knows, or none.
    pub(super) async fn upload(&self, parcel: Parcel) -> Result<String, Failed> {
        let largest = LARGEST.iter().find(|(kind, _)| *kind == parcel.kind).map_or(0, |(_, largest)| *largest);
        if parcel.size.is_some_and(|size| size > largest) {
            return Err(Failed::File(FileError::TooLarge(largest)));
        }
        let answer = self.post(TOKEN_PATH, None, b"{}".to_vec()).await?;
        let no_token = || FileError::Unavailable("the answer to the upload's beginning has no token".to_owned());
        let token = SecretString::from(Fields::of(&answer).words("token").ok_or_else(no_token)?);
        self.put(parcel, largest, &token).await
    }

    async fn put(&self, parcel: Parcel, largest: u64, token: &SecretString) -> Result<String, Failed> {
        let redaction = self.redaction(token);
        let (going, bytes) = Going::new(self.file_quiet, parcel.bytes, largest);
        let body = Body::wrap_stream(bytes);
        let part = match parcel.size {
            Some(size) => Part::stream_with_length(body, size),
            None => Part::stream(body),
        };
        let part = part.file_name(plain(&parcel.name, parcel.kind));
        let part = match parcel.mime {
            Some(mime) => part.mime_str(&mime).map_err(|_| FileError::Refused("its media type is none".to_owned()))?,
            None => part,
        };
        let request = self
            .files()
            .post(format!("{}/upload/{}", self.upload_base(), parcel.kind))
            .header(ACCEPT, "*/*")
            .header(AUTHORIZATION, bearer(token).map_err(Failure::from)?)
            .multipart(Form::new().part("file", part));
        let answer = going.answered(async {
            let response = request.send().await.map_err(|error| unavailable(error, &redaction))?;
            let (status, wait) = (response.status(), retry_after(response.headers(), now()));
            judge(status, wait, &read_some(response).await, &redaction).map_err(Failed::from)
        });
        let answer = answer.await??;
        let fields = Fields::of(&answer);
        let id = fields.words("id").and_then(|id| clean_word(&id, LONGEST_TOKEN).map(str::to_owned));
        match (id, fields.words("status")) {
            (Some(id), status) if status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("ok")) => Ok(id),
            (_, Some(status)) => Err(FileError::Refused(format!("the upload is {:?}", clean(&status, 40))).into()),
            (_, None) => Err(FileError::Unavailable("the answer to the upload has no id".to_owned()).into()),
        }
    }
}

/// Why a file could not be put on the platform.
#[derive(Debug)]
pub(super) enum Failed {
    /// A call failed.
    Call(Failure),
    /// The file did.
    File(FileError),
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self::Call(failure)
    }
}

impl From<FileError> for Failed {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl Failed {
    /// The same, for whoever wanted the file there.
    pub(super) fn told(self) -> FileError {
        match self {
            Self::Call(failure) => file_error(failure),
            Self::File(error) => error,
        }
    }
}

/// An error of the upload; one of the bytes that were to go out is that, and not the server's.
fn unavailable(error: reqwest::Error, redaction: &Redaction) -> Failed {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<FileError>() {
            return Failed::File(error.clone());
        }
        cause = inner.source();
    }
    Failed::File(FileError::Unavailable(redaction.redact(&chain(error.without_url()))))
}

/// How Divar calls a file of this media type and name.
pub(super) fn kind_of(mime: &str, name: &str) -> &'static str {
    let mime = mime.trim().to_ascii_lowercase();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match (mime.split_once('/').map_or(mime.as_str(), |(top, _)| top), extension.as_str()) {
        // Phones record voices as 3GP, which is a film by its type.
        ("audio", _) | (_, "3gp" | "m4a") => "voice",
        ("image", _) => "image",
        ("video", _) => "video",
        ("application", "png" | "jpg" | "jpeg") | ("", "png" | "jpg" | "jpeg") => "image",
        ("application", "mp4") | ("", "mp4") => "video",
        _ => "file",
    }
}

/// A name that can stand in the head of a part: the form demands one.
fn plain(name: &str, kind: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = clean(last, LONGEST_NAME).chars().filter(|c| !matches!(c, '"' | '\u{fffd}')).collect();
    if name.trim_matches(['.', ' ', '…']).is_empty() { kind.to_owned() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_is_told_by_its_type_and_by_its_name_where_that_says_nothing() {
        for (mime, name, kind) in [
            ("image/png", "a.png", "image"),
            ("IMAGE/JPEG", "", "image"),
            ("video/mp4", "a.mp4", "video"),
            ("video/3gpp", "a.3gp", "voice"),
            ("audio/mp4", "a.m4a", "voice"),
            ("application/pdf", "قرارداد.pdf", "file"),
            ("application/octet-stream", "a.JPG", "image"),
            ("application/octet-stream", "a.mp4", "video"),
            ("", "", "file"),
        ] {
            assert_eq!(kind_of(mime, name), kind, "{mime} {name}");
        }
    }

    #[test]
    fn the_name_of_the_part_is_one_name_on_one_line() {
        for (name, wanted) in [
            ("قرارداد ۱.pdf", "قرارداد ۱.pdf"),
            ("../../etc/passwd", "passwd"),
            ("c:\\x\\y.doc", "y.doc"),
            ("a\"; name=\"b\r\nX: y.png", "a; name=bX: y.png"),
            ("..", "image"),
            ("", "image"),
        ] {
            assert_eq!(plain(name, "image"), wanted, "{name}");
        }
        assert!(plain(&"x".repeat(5000), "image").len() <= LONGEST_NAME + 3);
    }
}
