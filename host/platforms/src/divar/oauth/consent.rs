//! The address at which a person is asked, for a bot to send to them.

use hodhod_core::ids::{BotName, Chat, SenderId};
use hodhod_core::platform::CallError;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::parts::Parts;
use super::person::Person;
use super::scope;
use super::setup::App;
use super::state::Asked;

/// A person reads each of them.
const MAX_SCOPES: usize = 32;

/// All of them together stand in an address, in bytes.
const MAX_LENGTH: usize = 2_048;

/// What a bot may have told back to it, in bytes.
const MAX_DATA: usize = 4_096;

/// What a bot asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    scopes: Vec<String>,
    #[serde(default)]
    data: String,
}

impl Parts {
    /// Makes the address. Nothing is asked of Divar before the person opens it.
    pub(super) async fn request_consent(
        &self,
        bot: BotName,
        chat: Chat,
        sender: Option<SenderId>,
        wish: Wish,
    ) -> Result<Value, CallError> {
        let app = self.setup.app().map_err(CallError::Denied)?;
        if wish.data.len() > MAX_DATA {
            return Err(CallError::Invalid(format!("data is longer than {MAX_DATA} bytes")));
        }
        let asked = Asked {
            connection: self.setup.name.clone(),
            bot,
            person: sender.and_then(|sender| Person::parse(sender.as_str())),
            chat,
            scopes: self.scopes(app, wish.scopes)?,
            data: wish.data,
            redirect: app.redirect.clone(),
        };
        let unavailable = |error| CallError::Unavailable(format!("the wish cannot be kept: {error}"));
        let state = self.issue(&asked).await.map_err(unavailable)?;
        Ok(json!({ "url": address(app, &asked, state.expose_secret()) }))
    }

    /// What the person is asked for: what the bot wants, and what the host needs to know whose it is and when
    /// it ends.
    fn scopes(&self, app: &App, wanted: Vec<String>) -> Result<Vec<String>, CallError> {
        if wanted.is_empty() || wanted.len() > MAX_SCOPES {
            return Err(CallError::Invalid(format!("scopes: 1 to {MAX_SCOPES} are asked for at once")));
        }
        let mut scopes: Vec<String> = Vec::new();
        for scope in wanted {
            if !scope::is_scope(&scope) {
                return Err(CallError::Invalid(format!("{scope:?} cannot be a scope")));
            }
            if !app.allowed.allows(&scope) {
                let name = &self.setup.name;
                return Err(CallError::Denied(format!(
                    "the operator does not allow to ask for {scope}: connections.{name}.oauth.scopes does not list it"
                )));
            }
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        for needed in [scope::USER_ID, scope::REVOCATION] {
            if app.allowed.allows(needed) && !scopes.iter().any(|scope| scope == needed) {
                scopes.push(needed.to_owned());
            }
        }
        if scopes.iter().map(|scope| scope.len() + 1).sum::<usize>() > MAX_LENGTH {
            return Err(CallError::Invalid(format!("scopes are longer than {MAX_LENGTH} bytes")));
        }
        Ok(scopes)
    }
}

fn address(app: &App, asked: &Asked, state: &str) -> String {
    let fields = [
        ("response_type", "code"),
        ("client_id", &app.slug),
        ("redirect_uri", &asked.redirect),
        ("scope", &asked.scopes.join(" ")),
        ("state", state),
    ];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    // Divar's pages write a blank as %20; what was a plus is %2B by now.
    format!("{}?{}", app.authorize, query.replace('+', "%20"))
}
