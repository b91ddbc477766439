//! `hodhod:divar`: what only Divar can do, asked of the platform behind one of the bot's connections.

mod answer;
mod ask;
mod words;

use hodhod_core::ids::Chat;
use serde_json::json;
use wasmtime::Result;

pub(crate) use self::ask::Asking;
use crate::bindings::hodhod::bot::types::{self as wit, Error};
use crate::bindings::hodhod::divar::kenar::{Host, Post, PostSummary, User};
use crate::convert;
use crate::state::State;

impl Host for State {
    async fn get_post(&mut self, connection: String, token: String) -> Result<Result<Post, Error>> {
        Ok(self.post(connection, &token).await)
    }

    async fn user_posts(&mut self, connection: String, user: String) -> Result<Result<Vec<PostSummary>, Error>> {
        Ok(self.posts_of(connection, &user).await)
    }

    async fn get_user(&mut self, connection: String, user: String) -> Result<Result<User, Error>> {
        Ok(self.person(connection, &user).await)
    }

    async fn open_chat(&mut self, connection: String, user: String) -> Result<Result<wit::Chat, Error>> {
        Ok(self.chat_with(connection, &user))
    }

    async fn request_consent(
        &mut self,
        connection: String,
        scopes: Vec<String>,
        data: String,
    ) -> Result<Result<String, Error>> {
        Ok(self.consent(connection, scopes, data).await)
    }
}

impl State {
    async fn post(&mut self, connection: String, token: &str) -> Result<Post, Error> {
        words::token(token)?;
        let (answer, text) = self.ask(connection, "divar.get-post", json!({ "token": token })).await?;
        answer::post(&answer, text)
    }

    async fn posts_of(&mut self, connection: String, user: &str) -> Result<Vec<PostSummary>, Error> {
        words::person(user)?;
        let (answer, _) = self.ask(connection, "divar.user-posts", json!({ "user": user })).await?;
        answer::posts(&answer)
    }

    async fn person(&mut self, connection: String, user: &str) -> Result<User, Error> {
        words::person(user)?;
        let (answer, text) = self.ask(connection, "divar.get-user", json!({ "user": user })).await?;
        answer::user(&answer, text)
    }

    fn chat_with(&self, connection: String, user: &str) -> Result<wit::Chat, Error> {
        self.asking.permits()?;
        words::person(user)?;
        self.turn.serves(&connection.as_str().into()).map_err(convert::refusal)?;
        Ok(convert::chat(&Chat::new(connection, format!("user:{user}"))))
    }

    async fn consent(&mut self, connection: String, scopes: Vec<String>, data: String) -> Result<String, Error> {
        words::scopes(&scopes)?;
        let arguments = json!({ "scopes": scopes, "data": data });
        let (answer, _) = self.ask(connection, "divar.request-consent", arguments).await?;
        answer::address(&answer)
    }
}
