//! `downloadFile`: the bytes of a file, as they come.
//!
//! What goes wrong is often told under HTTP 200, as a small JSON object where the file should be:
//! the official Python SDK looks for it, the PHP one keeps it as the file. So the beginning of an
//! answer is held back until it is longer than such an object, or is known to be none.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use hodhod_core::platform::{Download, FileBytes, FileError};
use reqwest::Response;

use crate::common::retry_after;
use crate::common::transfer::{self, Coming};

use super::api::{Api, describe};
use super::judge;
use super::keys::clean_key;
use super::receive::now;
use super::token::Token;

/// No error in place of a file is longer.
const MAX_ERROR: usize = 4 * 1024;

impl Api {
    /// Begins to read a file, once. Dropping it or its bytes closes the connection.
    pub(super) async fn download_file(&self, file: &str) -> Result<Download, FileError> {
        let key = clean_key(file).ok_or_else(|| FileError::Refused("it is not a key of this platform".to_owned()))?;
        let address = format!("{}/{}/downloadFile/{key}", self.base(), self.token().expose());
        let (quiet, token) = (self.file_quiet(), self.token().clone());
        let told = |error| FileError::Unavailable(describe(error, &token));
        let response = transfer::head(quiet, self.files().get(address).send(), told).await?;
        let (status, wait) = (response.status(), retry_after(response.headers(), now()));
        let size = response.content_length();
        let mut body = Body { response: Some(response), coming: Coming::new(quiet), token };
        if !status.is_success() {
            let head = body.head().await.unwrap_or_default();
            return Err(judge::file_trouble(status, wait, &head.bytes, self.token()));
        }
        if size.is_some_and(|size| size > MAX_ERROR as u64) {
            return Ok(Download { size, bytes: body.stream() });
        }
        let head = body.head().await?;
        if head.is_all {
            if let Some(error) = judge::error_for_file(&head.bytes, self.token()) {
                return Err(error);
            }
            let size = head.bytes.len() as u64;
            return Ok(Download { size: Some(size), bytes: stream::iter([Ok(head.bytes)]).boxed() });
        }
        Ok(Download { size, bytes: stream::iter([Ok(head.bytes)]).chain(body.stream()).boxed() })
    }
}

/// The body of an answer, each piece of which must come in time.
struct Body {
    response: Option<Response>,
    coming: Coming,
    token: Token,
}

/// How an answer begins.
#[derive(Default)]
struct Head {
    bytes: Bytes,
    /// True where nothing follows.
    is_all: bool,
}

impl Body {
    async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
        let Some(mut response) = self.response.take() else { return Ok(None) };
        let told = |error| FileError::Unavailable(describe(error, &self.token));
        let piece = self.coming.piece(response.chunk(), told).await?;
        // After the end, or an error, there is nothing to ask for any more.
        if piece.is_some() {
            self.response = Some(response);
        }
        Ok(piece)
    }

    /// Enough of it to see that it is more than an error, or all of it.
    async fn head(&mut self) -> Result<Head, FileError> {
        let mut bytes = BytesMut::new();
        while bytes.len() <= MAX_ERROR {
            match self.next().await? {
                Some(piece) => bytes.extend_from_slice(&piece),
                None => return Ok(Head { bytes: bytes.freeze(), is_all: true }),
            }
        }
        Ok(Head { bytes: bytes.freeze(), is_all: false })
    }

    fn stream(self) -> FileBytes {
        let pieces =
            stream::try_unfold(self, |mut body| async move { Ok(body.next().await?.map(|piece| (piece, body))) });
        pieces.boxed()
    }
}
