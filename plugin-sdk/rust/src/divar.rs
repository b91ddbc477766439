//! Divar beside its chats: ads, people, and what they consent to.
//!
//! A component that uses [`Divar`] imports `hodhod:divar/kenar`, which the operator grants apart (`divar`). The rest of
//! this module is words, and asks for nothing.

use serde::{Deserialize, Serialize};

use crate::{Chat, Context, Error, Keyboard, Outgoing, Press, host};

#[doc(inline)]
pub use crate::raw::hodhod::divar::kenar::{Post, PostSummary, User};

/// Where a person's browser is sent once everything is done: it leads back to where they came from.
pub const COMPLETION: &str = "https://open-platform-redirect.divar.ir/completion";

/// Divar, as one connection of the bot reaches it: see [`Context::divar`].
///
/// Each call goes out at once, and stays also where the turn fails.
#[derive(Clone, Debug)]
pub struct Divar {
    connection: String,
}

impl Divar {
    /// The one behind a connection that the operator gave this name.
    pub fn of(connection: impl Into<String>) -> Self {
        Self { connection: connection.into() }
    }

    /// One ad, of whomever.
    pub fn post(&self, token: &str) -> Result<Post, Error> {
        host::get_post(&self.connection, token)
    }

    /// The ads of a person who has consented to `USER_POSTS_GET`.
    pub fn posts_of(&self, user: &str) -> Result<Vec<PostSummary>, Error> {
        host::user_posts(&self.connection, user)
    }

    /// A person who has consented to `USER_ID` or `USER_PHONE`.
    pub fn user(&self, user: &str) -> Result<User, Error> {
        host::get_user(&self.connection, user)
    }

    /// The chat of the app's chatbot with a person, also if they have never written to it. Whether
    /// they have consented to that shows when something is sent.
    pub fn chat_with(&self, user: &str) -> Result<Chat, Error> {
        host::open_chat(&self.connection, user)
    }

    /// The address at which a person may let the bot do what `scopes` say. Send it to them, or answer
    /// an opening with it; it is good once and for a quarter of an hour. Their answer comes as
    /// [`News`], with the same `data`.
    ///
    /// ```no_run
    /// # use hodhod_plugin::{Answer, Context, Result};
    /// # fn opened(ctx: &Context, conversation: &str) -> Result {
    /// let scope = format!("CONVERSATION_SEND_MESSAGE.{conversation}");
    /// ctx.respond(Answer::url(ctx.divar()?.request_consent(&[&scope, "USER_ID"], "")?))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn request_consent<S: AsRef<str>>(&self, scopes: &[S], data: &str) -> Result<String, Error> {
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.as_ref().into()).collect();
        host::request_consent(&self.connection, &scopes, data)
    }
}

impl Context<'_> {
    /// Divar, where the event belongs to one of its chats.
    pub fn divar(&self) -> Result<Divar, Error> {
        let chat = self.chat().ok_or_else(|| Error::Invalid("this event belongs to no chat".into()))?;
        Ok(Divar::of(chat.connection.as_str()))
    }
}

/// What a person said to a request for consent, or later: what [`Bot::on_other`](crate::Bot::on_other)
/// and [`Bot::on_event_other`](crate::Bot::on_event_other) are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// They let the bot do it.
    Granted(Consent),
    /// They do not, or it came to nothing.
    Refused(Consent),
    /// They have taken back what they granted, or it is over.
    Revoked {
        /// Who.
        user: String,
        /// What; empty for everything.
        scopes: Vec<String>,
    },
}

/// What was asked of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// Who was asked, where Divar says it; always in [`News::Granted`].
    pub user: Option<String>,
    /// What they grant: Divar may leave out some of what was asked for.
    pub scopes: Vec<String>,
    /// What the bot gave with the request.
    pub data: String,
    /// Why it came to nothing, in a word, where it did.
    pub reason: Option<String>,
}

impl News {
    /// Reads what `on_other` and `on_event_other` get. `None` if it is something else.
    pub fn read(name: &str, json: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Revoked {
            user: String,
            #[serde(default)]
            scopes: Vec<String>,
        }
        match name {
            "divar.granted" => {
                serde_json::from_str(json).ok().filter(|it: &Consent| it.user.is_some()).map(Self::Granted)
            }
            "divar.refused" => serde_json::from_str(json).ok().map(Self::Refused),
            "divar.revoked" => {
                serde_json::from_str(json).ok().map(|Revoked { user, scopes }| Self::Revoked { user, scopes })
            }
            _ => None,
        }
    }
}

/// What Divar alone knows of messages to a conversation about an ad, which go out in a person's name.
impl Outgoing {
    /// In the name of this person, who has consented to it. Without it the host looks for one who has.
    #[must_use]
    pub fn in_name_of(self, user: impl Into<String>) -> Self {
        self.annotation("divar.user", user)
    }

    /// With these buttons for the other side; those of [`keyboard`](Outgoing::keyboard) are for the
    /// person in whose name it goes out.
    #[must_use]
    pub fn receiver_keyboard(self, keyboard: &Keyboard) -> Self {
        let Keyboard::Show(rows) = keyboard else { return self };
        let rows: Vec<Vec<_>> = rows
            .iter()
            .map(|row| {
                row.iter().map(|button| Labelled { label: &button.label, press: (&button.press).into() }).collect()
            })
            .collect();
        // Texts in lists are always JSON.
        let json = serde_json::to_string(&rows).unwrap_or_default();
        self.annotation("divar.receiver-buttons", json)
    }
}

#[derive(Serialize)]
struct Labelled<'a> {
    label: &'a str,
    press: Pressed<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Pressed<'a> {
    Event(&'a str),
    Url(&'a str),
    App(&'a str),
    Native(&'a str),
}

impl<'a> From<&'a Press> for Pressed<'a> {
    fn from(press: &'a Press) -> Self {
        match press {
            Press::Event(text) => Self::Event(text),
            Press::Url(text) => Self::Url(text),
            Press::App(text) => Self::App(text),
            Press::Native(text) => Self::Native(text),
        }
    }
}

impl Post {
    /// An ad of which nothing is known but its token.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            category: None,
            city: None,
            district: None,
            state: None,
            chat_enabled: false,
            title: None,
            description: None,
            images: Vec::new(),
            json: "{}".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Button;

    #[test]
    fn news_of_consent_are_read_as_the_host_tells_them() {
        let json = r#"{"user":"u1","scopes":["USER_ID"],"data":"d"}"#;
        let scopes = vec!["USER_ID".to_owned()];
        let consent =
            Consent { user: Some("u1".into()), scopes: scopes.clone(), data: "d".into(), ..Consent::default() };
        assert_eq!(News::read("divar.granted", json), Some(News::Granted(consent.clone())));
        assert_eq!(News::read("divar.refused", json), Some(News::Refused(consent)));
        let nobody = Consent { data: "d".into(), reason: Some("denied".into()), ..Consent::default() };
        let json = r#"{"user":null,"scopes":[],"data":"d","reason":"denied"}"#;
        assert_eq!(News::read("divar.refused", json), Some(News::Refused(nobody)));
        let all = News::Revoked { user: "u1".into(), scopes: Vec::new() };
        assert_eq!(News::read("divar.revoked", r#"{"user":"u1"}"#), Some(all));
        let one = News::Revoked { user: "u1".into(), scopes };
        assert_eq!(News::read("divar.revoked", r#"{"user":"u1","scopes":["USER_ID"]}"#), Some(one));
    }

    #[test]
    fn what_is_no_news_is_none() {
        for (name, json) in [
            ("divar.post-update", "{}"),
            ("divar.granted", "{}"),
            ("divar.granted", r#"{"user":null,"scopes":[],"data":""}"#),
            ("divar.granted", "nonsense"),
            ("divar.granted", r#"{"user":"a","scopes":"USER_ID","data":""}"#),
            ("divar.revoked", "{}"),
        ] {
            assert_eq!(News::read(name, json), None, "{name} {json}");
        }
    }

    #[test]
    fn the_other_sides_buttons_are_json_that_the_host_reads() {
        let keyboard = Keyboard::row([Button::event("بله \"آری\"", "/yes"), Button::url("a", "https://a.example")])
            .and_row([Button::app("b", "{}"), Button::native("c", "{}")]);
        let message = Outgoing::text("x").in_name_of("u1").receiver_keyboard(&keyboard);
        assert_eq!(message.annotations[0], ("divar.user".into(), "u1".into()));
        let (name, json) = &message.annotations[1];
        assert_eq!(name, "divar.receiver-buttons");
        let expected = concat!(
            r#"[[{"label":"بله \"آری\"","press":{"event":"/yes"}},{"label":"a","press":{"url":"https://a.example"}}],"#,
            r#"[{"label":"b","press":{"app":"{}"}},{"label":"c","press":{"native":"{}"}}]]"#
        );
        assert_eq!(json, expected);
        assert!(Outgoing::text("x").receiver_keyboard(&Keyboard::Hide).annotations.is_empty());
    }
}
