//! An account on Soroush.

use std::time::Duration;

use super::{Place, foreign, max_age};
use crate::config::raw::RawConnection;
use crate::config::{Problem, SecretSource};

/// An account on Soroush.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SoroushEntry {
    /// The platform's own where it is not set.
    pub(crate) base_url: Option<String>,
    pub(crate) token: SecretSource,
    pub(crate) get_message_prefix: Option<String>,
    pub(crate) max_age: Option<Duration>,
}

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
    let max_age = max_age(place, raw, problems);
    Some(SoroushEntry {
        base_url: raw.base_url.clone(),
        token: token?,
        get_message_prefix: raw.get_message_prefix.clone(),
        max_age,
    })
}
