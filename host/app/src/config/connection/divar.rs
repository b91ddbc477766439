//! An app on Divar.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use hodhod_core::network::Network;
use hodhod_platforms::divar::{AppPace, Options};

use super::{Place, foreign, max_age};
use crate::config::raw::{RawConnection, RawOAuth};
use crate::config::{Problem, SecretSource, read, units};

/// An app on Divar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DivarEntry {
    pub(crate) slug: String,
    pub(crate) api_key: SecretSource,
    pub(crate) identification_key: SecretSource,
    pub(crate) oauth: Option<OAuthEntry>,
    /// The platform's own where they are not set, and the next three.
    pub(crate) base_url: Option<String>,
    pub(crate) oauth_url: Option<String>,
    pub(crate) upload_url: Option<String>,
    pub(crate) completion_url: Option<String>,
    pub(crate) opening_url: Option<String>,
    pub(crate) sources: Vec<Network>,
    pub(crate) answer_within: Duration,
    pub(crate) press_window: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) media_hosts: Vec<String>,
    pub(crate) allow_private: Vec<SocketAddr>,
    pub(crate) pace: AppPace,
}

/// What people may be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OAuthEntry {
    pub(crate) client_secret: SecretSource,
    pub(crate) scopes: Vec<String>,
}

impl DivarEntry {
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        let of_people = self.oauth.as_ref().map(|oauth| &oauth.client_secret);
        [&self.api_key, &self.identification_key].into_iter().chain(of_people).collect()
    }
}

pub(super) fn check(place: &Place<'_>, raw: &RawConnection, problems: &mut Vec<Problem>) -> Option<DivarEntry> {
    let of_soroush = [
        ("token", raw.token.is_some()),
        ("get_message_prefix", raw.get_message_prefix.is_some()),
        ("max_upload", raw.max_upload.is_some()),
        ("attachment_name", raw.attachment_name.is_some()),
    ];
    foreign(place, "Divar", &of_soroush, problems);
    let slug = raw.slug.clone();
    if slug.is_none() {
        let what = "the slug is missing: the app's name in Divar's panel";
        problems.push(Problem::new(&place.at, what).write("slug = \"my-app\""));
    }
    let api_key = place.needed("api_key", "the API key", raw.api_key.as_ref(), problems);
    let key = raw.identification_key.as_ref();
    let identification_key = place.needed("identification_key", "the identification key", key, problems);
    let oauth = raw.oauth.as_ref().map(|raw| check_oauth(place, raw, problems));
    let default = Options::default();
    let mut time = |key: &str, written: Option<&String>, default: Duration| {
        read(&place.key(key), written, default, units::duration, problems)
    };
    let answer_within = time("answer_within", raw.answer_within.as_ref(), default.answer_within);
    let press_window = time("press_window", raw.press_window.as_ref(), default.press_window);
    let max_age = max_age(place, raw, problems);
    let sources = each(place, "sources", raw.sources.as_ref(), "[\"78.111.6.41\", \"31.214.250.128/27\"]", problems);
    let allow_private = each(place, "allow_private", raw.allow_private.as_ref(), "[\"127.0.0.1:8080\"]", problems);
    let mut limit = |key: &str, written: Option<u32>| {
        let limit = written.map(NonZeroU32::new);
        if limit == Some(None) {
            problems.push(Problem::new(place.key(key), "must be at least 1; without it there is no limit"));
        }
        limit.flatten()
    };
    let pace = AppPace { minute: limit("pace.minute", raw.pace.minute), day: limit("pace.day", raw.pace.day) };
    Some(DivarEntry {
        slug: slug?,
        api_key: api_key?,
        identification_key: identification_key?,
        oauth: match oauth {
            Some(oauth) => Some(oauth?),
            None => None,
        },
        base_url: raw.base_url.clone(),
        oauth_url: raw.oauth_url.clone(),
        upload_url: raw.upload_url.clone(),
        completion_url: raw.completion_url.clone(),
        opening_url: raw.opening_url.clone(),
        sources,
        answer_within,
        press_window,
        max_age,
        media_hosts: raw.media_hosts.clone().unwrap_or_default(),
        allow_private,
        pace,
    })
}

fn check_oauth(place: &Place<'_>, raw: &RawOAuth, problems: &mut Vec<Problem>) -> Option<OAuthEntry> {
    let secret = raw.client_secret.as_ref();
    let client_secret = place.needed("oauth.client_secret", "the client secret of `oauth`", secret, problems);
    if raw.scopes.is_empty() {
        problems.push(
            Problem::new(place.key("oauth.scopes"), "no scope is allowed, so nobody could be asked for anything")
                .write("scopes = [\"USER_ID\", \"offline_access\"]"),
        );
    }
    Some(OAuthEntry { client_secret: client_secret?, scopes: raw.scopes.clone() })
}

/// Reads each text of a list, noting which are wrong.
fn each<T: FromStr>(
    place: &Place<'_>,
    key: &str,
    written: Option<&Vec<String>>,
    example: &str,
    problems: &mut Vec<Problem>,
) -> Vec<T>
where
    T::Err: std::fmt::Display,
{
    let mut read = Vec::new();
    for text in written.into_iter().flatten() {
        match text.parse() {
            Ok(value) => read.push(value),
            Err(error) => {
                let what = format!("{text:?}: {error}");
                problems.push(Problem::new(place.key(key), what).write(format!("{key} = {example}")));
            }
        }
    }
    read
}
