//! `uploadFile`: a form with one part, whose bytes go out as they are read.

use hodhod_core::platform::{FileError, Upload};
use reqwest::Body;
use reqwest::header::ACCEPT;
use reqwest::multipart::{Form, Part};

use crate::common::transfer::Going;
use crate::common::{read_some, retry_after};

use super::api::{Api, describe};
use super::judge;
use super::receive::now;

/// An extension is at most so long; more is part of somebody's sentence.
const MAX_EXTENSION: usize = 10;

impl Api {
    /// Puts a file on the platform, once, and gives its key. Cancelling it leaves a file that nobody
    /// knows, or none.
    pub(super) async fn upload_file(&self, upload: Upload) -> Result<String, FileError> {
        if upload.size > self.max_upload() {
            return Err(FileError::TooLarge(self.max_upload()));
        }
        let (going, bytes) = Going::new(self.file_quiet(), upload.bytes, self.max_upload());
        let part = Part::stream_with_length(Body::wrap_stream(bytes), upload.size).file_name(plain_name(&upload.name));
        let part = part.mime_str(&upload.mime).map_err(|_| FileError::Refused("its media type is none".to_owned()))?;
        let request = self
            .files()
            .post(format!("{}/{}/uploadFile", self.base(), self.token().expose()))
            .header(ACCEPT, "application/json")
            .multipart(Form::new().part("file", part));
        let answer = going.answered(async {
            let unavailable = |error| FileError::Unavailable(describe(error, self.token()));
            let response = request.send().await.map_err(unavailable)?;
            let (status, wait) = (response.status(), retry_after(response.headers(), now()));
            judge::uploaded(status, wait, &read_some(response).await, self.token())
        });
        answer.await?
    }
}

/// The name of the part. An emoji in it is known to make the platform fail; people see the name that
/// the message gives.
fn plain_name(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, extension))
            if (1..=MAX_EXTENSION).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            format!("file.{extension}")
        }
        _ => "file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_part_is_plain_and_keeps_the_extension() {
        for (name, plain) in [
            ("گل 🌹.jpg", "file.jpg"),
            ("a.tar.GZ", "file.GZ"),
            ("نامه", "file"),
            ("نامه.سند", "file"),
            ("a.", "file"),
            ("", "file"),
            ("x.\"; name=\"y", "file"),
            ("I said. Nothingatall", "file"),
        ] {
            assert_eq!(plain_name(name), plain, "{name}");
        }
    }
}
