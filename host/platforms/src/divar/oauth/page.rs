//! The page that a person sees who comes back: small, Persian first, nothing in it that runs or loads.

use bytes::Bytes;
use hodhod_core::text::clean;
use hodhod_core::webhook::{Reply, nothing};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::setup::Setup;

/// Of the platform's own words so many bytes are shown.
const MAX_QUOTE: usize = 200;

/// The look; a page of bare text is hard to read on a telephone.
const STYLE: &str = "body{margin:0;font:1.1rem/1.8 system-ui,sans-serif;color:#222;background:#fafafa}\
main{max-width:32rem;margin:12vh auto 0;padding:0 1.5rem}h1{font-size:1.4rem}\
section{margin-top:3rem;font-size:.9rem;color:#555}blockquote{margin:1rem 0;color:#555}\
a{color:#a62626}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}section,blockquote{color:#aaa}\
a{color:#f28b82}}";

/// What a browser may do with it: show the look above, which is known by its hash.
const POLICY: &str = "default-src 'none'; style-src 'sha256-2CrC60tWHefDbxCH334Rx+i4bGHv0GTQ8u55C6iMvWA='; base-uri 'none'; form-action 'none'; \
frame-ancestors 'none'";

/// What a person is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// It is done.
    Granted,
    /// The person did not allow it, or Divar did not ask; what Divar says of it.
    Refused(Option<String>),
    /// No state that is good now.
    BadLink,
    /// The consent was asked of somebody else.
    AnotherPerson,
    /// The code was used up and came to nothing.
    Failed,
    /// The same address works again in a moment.
    Later,
    /// Nobody is asked for consent here: what anything else is answered that is not there.
    NotSetUp,
    /// Nothing but reading.
    WrongMethod,
}

/// A heading and a sentence.
type Words = (&'static str, &'static str);

impl Page {
    fn status(&self) -> StatusCode {
        match self {
            Self::Granted | Self::Refused(_) => StatusCode::OK,
            Self::BadLink => StatusCode::BAD_REQUEST,
            Self::AnotherPerson => StatusCode::FORBIDDEN,
            Self::Failed => StatusCode::BAD_GATEWAY,
            Self::Later => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotSetUp => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// In Persian and in English.
    fn words(&self) -> (Words, Words) {
        match self {
            Self::Granted => (
                ("دسترسی داده شد", "کار این‌جا تمام است. می‌توانید به دیوار برگردید."),
                ("Access was given", "All is done here. You can go back to Divar."),
            ),
            Self::Refused(_) => (
                ("دسترسی داده نشد", "هیچ اجازه‌ای ثبت نشد. اگر نظرتان عوض شد، در گفت‌وگو پیوند تازه‌ای بخواهید."),
                (
                    "Access was not given",
                    "Nothing was allowed. If you change your mind, ask for a new link in the chat.",
                ),
            ),
            Self::BadLink => (
                (
                    "این پیوند دیگر کار نمی‌کند",
                    "یک بار به کار رفته یا زمانش گذشته است. اگر پیش‌تر دسترسی داده‌اید، کار دیگری لازم نیست؛ \
                     وگرنه در گفت‌وگو پیوند تازه‌ای بخواهید.",
                ),
                (
                    "This link works no longer",
                    "It was used before, or its time is over. If you have given access already, \
                     nothing is left to do; otherwise ask for a new link in the chat.",
                ),
            ),
            Self::AnotherPerson => (
                (
                    "این درخواست برای شما نبود",
                    "این پیوند برای شخص دیگری ساخته شده بود، پس هیچ اجازه‌ای ثبت نشد. \
                     اگر کسی آن را برای شما فرستاده است، به او اعتماد نکنید.",
                ),
                (
                    "This was not meant for you",
                    "The link was made for another person, so nothing was allowed. \
                     If somebody sent it to you, do not trust them.",
                ),
            ),
            Self::Failed => (
                ("کار به پایان نرسید", "هیچ اجازه‌ای ثبت نشد. در گفت‌وگو پیوند تازه‌ای بخواهید."),
                ("It did not work", "Nothing was allowed. Ask for a new link in the chat."),
            ),
            Self::Later => (
                ("کمی بعد دوباره تلاش کنید", "چند لحظهٔ دیگر همین صفحه را دوباره باز کنید."),
                ("Try again in a moment", "Load this page again in a moment."),
            ),
            Self::NotSetUp => (("", ""), ("", "")),
            Self::WrongMethod => (
                ("این صفحه فقط برای دیدن است", "آن را در مرورگر باز کنید."),
                ("This page is for looking at", "Open it in a browser."),
            ),
        }
    }

    /// What is shown beneath the words, which somebody else wrote.
    fn quoted(&self) -> Option<String> {
        let text = match self {
            Self::Refused(description) => description.as_deref().unwrap_or_default(),
            _ => "",
        };
        let text = clean(text.trim(), MAX_QUOTE);
        (!text.is_empty()).then_some(text)
    }

    /// The page as HTTP.
    pub(super) fn reply(&self, setup: &Setup) -> Reply {
        if matches!(self, Self::NotSetUp) {
            // A stranger learns no names of connections.
            return nothing();
        }
        let ((title, words), (title_en, words_en)) = self.words();
        let back = escape(setup.completion.as_str());
        let quote = self.quoted().map(|text| format!("<blockquote dir=\"auto\">{}</blockquote>", escape(&text)));
        let quote = quote.unwrap_or_default();
        let html = format!(
            "<!doctype html>\n<html lang=\"fa\" dir=\"rtl\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\n\
             <body><main><h1>{title}</h1><p>{words}</p>{quote}\
             <p><a rel=\"noreferrer\" href=\"{back}\">بازگشت به دیوار</a></p>\n\
             <section lang=\"en\" dir=\"ltr\"><h2>{title_en}</h2><p>{words_en}</p>\
             <p><a rel=\"noreferrer\" href=\"{back}\">Back to Divar</a></p></section></main></body></html>\n"
        );
        let mut reply = Response::new(Bytes::from(html));
        *reply.status_mut() = self.status();
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        let more: Option<(HeaderName, &'static str)> = match self {
            Self::WrongMethod => Some((header::ALLOW, "GET")),
            Self::Later => Some((header::RETRY_AFTER, "5")),
            _ => None,
        };
        for (name, value) in headers.into_iter().chain(more) {
            reply.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        reply
    }
}

/// Text that is nothing but text in HTML, also within quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn base64(bytes: &[u8]) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
            }
        }
        text
    }

    #[test]
    fn the_look_is_the_one_that_the_policy_allows() {
        let hash = format!("'sha256-{}'", base64(&Sha256::digest(STYLE)));
        assert!(POLICY.contains(&hash), "{hash}");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("<a href=\"x\" o='&'>"), "&lt;a href=&quot;x&quot; o=&#39;&amp;&#39;&gt;");
    }
}
