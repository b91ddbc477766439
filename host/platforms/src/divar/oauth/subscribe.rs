//! Which events a consent brings, and the asking for them.
//!
//! A subscription lives as long as the access token that it was made with, so there is one to make after each
//! new pair. None can be listed or ended, and one that is made twice brings events twice at most: they are
//! known by their ids. Divar's developer pages: `events/ReadMe.md`.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::client::{Broken, MAX_ANSWER};
use super::grant::Grant;
use super::parts::{Parts, Work};
use super::scope;

/// The path of the call.
const SUBSCRIPTIONS: &str = "/v1/open-platform/events/subscriptions";

/// Messages about posts. They are delivered under another name: `NEW_MESSAGE`.
const MESSAGES: &str = "NEW_MESSAGE_ON_POST";

/// Changes of posts.
const POSTS: &str = "POST_UPDATE";

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription<'a> {
    event: &'static str,
    /// The post; absent for all of the person's.
    post: Option<&'a str>,
}

/// What became of an attempt.
enum Subscribed {
    Yes,
    /// Trying again may help.
    NotYet(String),
    /// This token will never be taken.
    Never(String),
}

/// The subscriptions that scopes allow.
pub(super) fn wanted(scopes: &[String]) -> Vec<Subscription<'_>> {
    let has = |wanted: &str| scopes.iter().any(|scope| scope == wanted);
    let mut subscriptions = Vec::new();
    if has(scope::READ_ALL) {
        subscriptions.push(Subscription { event: MESSAGES, post: None });
    } else {
        let posts = scopes.iter().filter_map(|scope| scope::about(scope, scope::READ_POST));
        subscriptions.extend(posts.map(|post| Subscription { event: MESSAGES, post: Some(post) }));
    }
    if has(scope::POSTS) {
        subscriptions.push(Subscription { event: POSTS, post: None });
    }
    subscriptions
}

impl Parts {
    /// Subscribes with a grant's token to all that it allows, and writes down what became of it. Cancelling it
    /// leaves it to be tried again.
    pub(super) async fn subscribe(self: &Arc<Self>, grant: &Grant) -> Option<Grant> {
        let (mut again, mut refused) = (None, None);
        for subscription in wanted(&grant.scopes) {
            match self.subscribe_to(grant, &subscription).await {
                Subscribed::Yes => {}
                Subscribed::NotYet(words) => again = Some(words),
                Subscribed::Never(words) => refused = Some(words),
            }
        }
        match refused.as_ref().or(again.as_ref()) {
            Some(words) => self.trouble.set(Work::Subscribing, format!("events are not subscribed to: {words}")),
            None => self.trouble.clear(Work::Subscribing),
        }
        let now = self.now();
        let done = self.rewrite(grant, |grant| {
            let tries = grant.subscribing.unwrap_or_default();
            grant.subscribing = again.is_some().then(|| tries.another(now, rand::random()));
        });
        done.await.unwrap_or_else(|error| {
            tracing::debug!(connection = %self.setup.name, %error, "it is subscribed again");
            None
        })
    }

    async fn subscribe_to(&self, grant: &Grant, subscription: &Subscription<'_>) -> Subscribed {
        let mut body = Map::new();
        body.insert("event_type".to_owned(), subscription.event.into());
        if let Some(post) = subscription.post {
            body.insert("event_resource_id".to_owned(), post.into());
        }
        // The only thing that tells whose an event is.
        body.insert("metadata".to_owned(), json!({ "hodhod_user": grant.person.as_str() }));
        let address = format!("{}{SUBSCRIPTIONS}", self.setup.base);
        let request = self.http.call(Method::POST, &address, Some(&grant.access)).json(&Value::Object(body));
        let secrets = [&grant.access];
        let answer = match self.http.send(request, MAX_ANSWER, &secrets).await {
            Ok(answer) => answer,
            Err(Broken::NotSent(words) | Broken::InDoubt(words)) => return Subscribed::NotYet(words),
        };
        let status = answer.status.as_u16();
        let words = || format!("HTTP {status}: {}", self.http.quote(&answer.body, &secrets));
        match status {
            200..=299 => Subscribed::Yes,
            408 | 429 | 500..=599 => Subscribed::NotYet(words()),
            _ => Subscribed::Never(words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scopes: &[&str]) -> Vec<(&'static str, Option<String>)> {
        let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        wanted(&scopes).into_iter().map(|it| (it.event, it.post.map(str::to_owned))).collect()
    }

    #[test]
    fn what_may_be_read_is_subscribed_to_and_nothing_else() {
        assert_eq!(of(&["USER_ID", "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND", "offline_access"]), []);
        assert_eq!(
            of(&["CHAT_POST_CONVERSATIONS_READ.a", "CHAT_POST_CONVERSATIONS_READ.b", "CHAT_POST_CONVERSATIONS_READ"]),
            [(MESSAGES, Some("a".to_owned())), (MESSAGES, Some("b".to_owned()))]
        );
        assert_eq!(
            of(&["CHAT_POST_CONVERSATIONS_READ.a", "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ", "USER_POSTS_GET"]),
            [(MESSAGES, None), (POSTS, None)]
        );
    }
}
