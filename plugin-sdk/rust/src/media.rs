//! Files that are on the platform, and the names of their kinds.

use std::fmt;

use crate::{Media, MediaKind};

impl Media {
    /// A file that is on the platform: one that arrived, or one that [`Context::upload`] put there.
    ///
    /// [`Context::upload`]: crate::Context::upload
    pub fn new(kind: MediaKind, file: impl Into<String>) -> Self {
        Self {
            kind,
            file: file.into(),
            name: None,
            mime: None,
            size: None,
            width: None,
            height: None,
            duration: None,
            thumbnail: None,
            caption: None,
        }
    }

    /// With these words below it.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = Some(caption.into());
        self
    }
}

/// The contract's word for it: `image`, `voice`, `document`.
impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "image",
            Self::Animation => "animation",
            Self::Video => "video",
            Self::Voice => "voice",
            Self::Audio => "audio",
            Self::Document => "document",
        })
    }
}
