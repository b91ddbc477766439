//! An account on Soroush.

use std::time::Duration;

use hodhod_platforms::soroush::{AttachmentName, Options};

use super::{Place, foreign, max_age};
use crate::config::raw::RawConnection;
use crate::config::{Problem, SecretSource, units};

/// An account on Soroush.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SoroushEntry {
    /// The platform's own where it is not set.
    pub(crate) base_url: Option<String>,
    pub(crate) token: SecretSource,
    pub(crate) get_message_prefix: Option<String>,
    /// Bytes of the largest file that is uploaded.
    pub(crate) max_upload: u64,
    pub(crate) attachment_name: AttachmentName,
    pub(crate) max_age: Option<Duration>,
}

/// What users were told is the most.
const MOST_UPLOAD: u64 = 1 << 30;

/// How an attachment may be called.
const ATTACHMENT_NAMES: [AttachmentName; 2] = [AttachmentName::Attachment, AttachmentName::FileTypeOther];

pub(super) fn check(place: &Place<'_>, raw: &RawConnection, problems: &mut Vec<Problem>) -> Option<SoroushEntry> {
    let of_divar = [
        ("slug", raw.slug.is_some()),
        ("api_key", raw.api_key.is_some()),
        ("identification_key", raw.identification_key.is_some()),
        ("oauth", raw.oauth.is_some()),
        ("oauth_url", raw.oauth_url.is_some()),
        ("upload_url", raw.upload_url.is_some()),
        ("completion_url", raw.completion_url.is_some()),
        ("opening_url", raw.opening_url.is_some()),
        ("sources", raw.sources.is_some()),
        ("answer_within", raw.answer_within.is_some()),
        ("press_window", raw.press_window.is_some()),
        ("media_hosts", raw.media_hosts.is_some()),
        ("allow_private", raw.allow_private.is_some()),
        ("pace.minute", raw.pace.minute.is_some()),
        ("pace.day", raw.pace.day.is_some()),
    ];
    foreign(place, "Soroush", &of_divar, problems);
    let token = place.needed("token", "the token", raw.token.as_ref(), problems);
    if raw.get_message_prefix.as_deref().is_some_and(|prefix| prefix != "v2") {
        problems.push(
            Problem::new(place.key("get_message_prefix"), "only \"v2\" is known").write("get_message_prefix = \"v2\""),
        );
    }
    let default = Options::default();
    let max_upload = match raw.max_upload.as_deref().map(units::bytes) {
        None => default.max_upload,
        Some(Ok(bytes)) if (1..=MOST_UPLOAD).contains(&bytes) => bytes,
        Some(wrong) => {
            let what = wrong.err().unwrap_or_else(|| "a file has 1 B to 1 GiB".to_owned());
            problems.push(Problem::new(place.key("max_upload"), what).write("max_upload = \"100 MiB\""));
            default.max_upload
        }
    };
    let written = raw.attachment_name.as_deref().unwrap_or(default.attachment_name.as_str());
    let attachment_name = ATTACHMENT_NAMES.into_iter().find(|name| name.as_str() == written);
    if attachment_name.is_none() {
        let problem = Problem::new(place.key("attachment_name"), "the platform has two names for it");
        problems.push(problem.write("attachment_name = \"FILE_TYPE_OTHER\", or nothing for \"ATTACHMENT\""));
    }
    let max_age = max_age(place, raw, problems);
    Some(SoroushEntry {
        base_url: raw.base_url.clone(),
        token: token?,
        get_message_prefix: raw.get_message_prefix.clone(),
        max_upload,
        attachment_name: attachment_name?,
        max_age,
    })
}
