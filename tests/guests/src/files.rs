//! What a turn does with files.

use hodhod_plugin::{Context, Media, MediaKind};

use crate::Answer;
use crate::words::number;

/// What an upload of its own is filled with.
const FILLING: u8 = b'h';

/// Replies a range as text.
pub(crate) fn read(ctx: &Context, file: &str, (offset, length): (&str, &str)) -> Answer {
    let length = number(length)?.try_into().unwrap_or(u32::MAX);
    let bytes = ctx.read_piece(file, number(offset)?, length)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Reads a file in pieces, from the last to the first, and sends a copy of it.
pub(crate) fn reupload(ctx: &Context, media: &Media, piece: u64) -> Answer {
    let piece = piece.max(1);
    let length = u32::try_from(piece).unwrap_or(u32::MAX);
    let mut offset = media.size.unwrap_or_default().div_ceil(piece) * piece;
    let mut pieces = Vec::new();
    while offset > 0 {
        offset -= piece;
        pieces.push(ctx.read_piece(&media.file, offset, length)?);
    }
    let upload = ctx.start_upload(media.name.as_deref().unwrap_or("copy"), "application/octet-stream")?;
    for piece in pieces.iter().rev() {
        upload.write(piece)?;
    }
    let file = upload.finish()?;
    ctx.reply(Media { file, caption: Some("again".into()), ..media.clone() })?;
    Ok(None)
}

/// Uploads so many bytes and sends them as a document.
pub(crate) fn upload(ctx: &Context, bytes: u64) -> Answer {
    let upload = ctx.start_upload("filled.txt", "text/plain")?;
    let piece = [FILLING; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len() as u64);
        upload.write(piece.get(..usize::try_from(now).unwrap_or_default()).unwrap_or_default())?;
        left -= now;
    }
    ctx.reply(Media { size: Some(bytes), ..Media::new(MediaKind::Document, upload.finish()?) })?;
    Ok(None)
}
