//! What people allowed: consents that are asked, codes, tokens and subscriptions.
//!
//! A subscription is good exactly as long as the access token that it was made with. A refresh gives a new pair and
//! leaves the old one a short grace; within it the old refresh token gives a new pair again.

use std::collections::HashMap;

use hodhod_core::time::Millis;
use serde_json::{Map, Value};

use super::ids;
use super::scopes::Scopes;
use super::settings::{Lifetimes, Rules};

/// How often, in tokens, what has expired is cleared away.
const CLEARED_EVERY: usize = 256;

/// A consent that is asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) scopes: Scopes,
    pub(super) redirect: String,
    pub(super) state: String,
}

/// What one person allowed at one time.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) person: String,
    pub(super) scopes: Scopes,
    redirect: String,
    /// When the refresh tokens end, unless each one has a life of its own.
    ends: Millis,
}

struct Refresh {
    grant: u64,
    expires: Millis,
    /// The access token that it came with.
    access: String,
}

/// What a subscription is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Messages,
    Posts,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) topic: Topic,
    /// One post, or all of the person's.
    pub(super) post: Option<String>,
    pub(super) metadata: Option<Map<String, Value>>,
    access: String,
}

/// A pair that is handed out.
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) scopes: Scopes,
}

/// Why no token is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoToken {
    /// The code or token is unknown, used, too old, or of another address.
    Invalid(&'static str),
    /// The server keeps no more.
    Full,
}

pub(super) struct Grants {
    lifetimes: Lifetimes,
    rules: Rules,
    most: usize,
    asked: HashMap<String, (Asked, Millis)>,
    /// With the redirect address.
    codes: HashMap<String, (u64, Millis)>,
    grants: HashMap<u64, Grant>,
    next_grant: u64,
    access: HashMap<String, (u64, Millis)>,
    refresh: HashMap<String, Refresh>,
    /// By person.
    subscriptions: HashMap<String, Vec<Subscription>>,
}

impl Grants {
    pub(super) fn new(lifetimes: Lifetimes, rules: Rules, most: usize) -> Self {
        Self {
            lifetimes,
            rules,
            most,
            asked: HashMap::new(),
            codes: HashMap::new(),
            grants: HashMap::new(),
            next_grant: 0,
            access: HashMap::new(),
            refresh: HashMap::new(),
            subscriptions: HashMap::new(),
        }
    }

    /// Keeps a question for the page that shows it; `None` if there are too many.
    pub(super) fn ask(&mut self, asked: Asked, now: Millis) -> Option<String> {
        if self.asked.len() >= self.most {
            self.asked.retain(|_, (_, expires)| now < *expires);
        }
        if self.asked.len() >= self.most {
            return None;
        }
        let id = ids::token("");
        self.asked.insert(id.clone(), (asked, now + self.lifetimes.page));
        Some(id)
    }

    /// The question that is answered now.
    pub(super) fn answered(&mut self, id: &str, now: Millis) -> Option<Asked> {
        self.asked.remove(id).filter(|(_, expires)| now < *expires).map(|(asked, _)| asked)
    }

    /// A person says yes: the code; `None` if there are too many.
    pub(super) fn allow(&mut self, person: &str, asked: &Asked, now: Millis) -> Option<String> {
        if self.codes.len() >= self.most || self.grants.len() >= self.most {
            self.clear(now);
        }
        if self.codes.len() >= self.most || self.grants.len() >= self.most {
            return None;
        }
        self.next_grant += 1;
        let grant = Grant {
            person: person.to_owned(),
            scopes: asked.scopes.clone(),
            redirect: asked.redirect.clone(),
            ends: now + self.lifetimes.refresh,
        };
        self.grants.insert(self.next_grant, grant);
        let code = ids::token("ory_ac_");
        self.codes.insert(code.clone(), (self.next_grant, now + self.lifetimes.code));
        Some(code)
    }

    /// Tokens for a code.
    pub(super) fn exchange(&mut self, code: &str, redirect: &str, now: Millis) -> Result<Issued, NoToken> {
        let (grant, expires) = *self.codes.get(code).ok_or(NoToken::Invalid("the code is unknown or was used"))?;
        if self.grants.get(&grant).is_none_or(|grant| grant.redirect != redirect) {
            return Err(NoToken::Invalid("redirect_uri is not the one that the code was asked for with"));
        }
        if now >= expires {
            return Err(NoToken::Invalid("the code is too old"));
        }
        let issued = self.issue(grant, now)?;
        self.codes.remove(code);
        Ok(issued)
    }

    /// Tokens for a token. `redirect` and `access` are checked if they are there.
    pub(super) fn renew(
        &mut self,
        token: &str,
        redirect: Option<&str>,
        access: Option<&str>,
        now: Millis,
    ) -> Result<Issued, NoToken> {
        let refresh = self.refresh.get(token).filter(|refresh| now < refresh.expires);
        let refresh = refresh.ok_or(NoToken::Invalid("the refresh token is unknown, was replaced or is too old"))?;
        if access.is_some_and(|access| access != refresh.access) {
            return Err(NoToken::Invalid("code is not the access token that belongs to the refresh token"));
        }
        let (grant, held) = (refresh.grant, refresh.access.clone());
        let kept = self.grants.get(&grant).ok_or(NoToken::Invalid("the consent was taken back"))?;
        if redirect.is_some_and(|redirect| redirect != kept.redirect) {
            return Err(NoToken::Invalid("redirect_uri is not the one of the consent"));
        }
        let issued = self.issue(grant, now)?;
        // A second use within the grace does not lengthen it, and a grace does not lengthen a life.
        let end = now + self.lifetimes.grace;
        if let Some(refresh) = self.refresh.get_mut(token) {
            refresh.expires = refresh.expires.min(end);
        }
        if let Some((_, expires)) = self.access.get_mut(&held) {
            *expires = (*expires).min(end);
        }
        Ok(issued)
    }

    fn issue(&mut self, id: u64, now: Millis) -> Result<Issued, NoToken> {
        if self.access.len().is_multiple_of(CLEARED_EVERY) || self.access.len() >= self.most {
            self.clear(now);
        }
        if self.access.len() >= self.most || self.refresh.len() >= self.most {
            return Err(NoToken::Full);
        }
        let grant = self.grants.get(&id).ok_or(NoToken::Invalid("the consent was taken back"))?;
        let access = ids::token("ory_at_");
        self.access.insert(access.clone(), (id, now + self.lifetimes.access));
        let refresh = grant.scopes.has("offline_access").then(|| ids::token("ory_rt_"));
        if let Some(token) = &refresh {
            let expires = if self.rules.refresh_renews { now + self.lifetimes.refresh } else { grant.ends };
            let refresh = Refresh { grant: id, expires, access: access.clone() };
            self.refresh.insert(token.clone(), refresh);
        }
        Ok(Issued { access, refresh, scopes: grant.scopes.clone() })
    }

    /// Forgets what has expired.
    fn clear(&mut self, now: Millis) {
        self.codes.retain(|_, (_, expires)| now < *expires);
        self.access.retain(|_, (_, expires)| now < *expires);
        self.refresh.retain(|_, refresh| now < refresh.expires);
        let held = self.codes.values().chain(self.access.values()).map(|(grant, _)| *grant);
        let held: std::collections::HashSet<u64> =
            held.chain(self.refresh.values().map(|refresh| refresh.grant)).collect();
        self.grants.retain(|id, _| held.contains(id));
        let access = &self.access;
        self.subscriptions.retain(|_, subscriptions| {
            subscriptions.retain(|subscription| access.contains_key(&subscription.access));
            !subscriptions.is_empty()
        });
    }

    /// What an access token is good for.
    pub(super) fn of(&self, access: &str, now: Millis) -> Option<&Grant> {
        let (grant, expires) = self.access.get(access)?;
        if now < *expires { self.grants.get(grant) } else { None }
    }

    /// Subscribes with an access token that is good; `false` if there are too many.
    pub(super) fn subscribe(
        &mut self,
        access: &str,
        topic: Topic,
        post: Option<String>,
        metadata: Option<Map<String, Value>>,
        now: Millis,
    ) -> bool {
        let Some(person) = self.of(access, now).map(|grant| grant.person.clone()) else { return false };
        let held = &self.access;
        let subscriptions = self.subscriptions.entry(person).or_default();
        subscriptions.retain(|subscription| {
            held.get(&subscription.access).is_some_and(|(_, expires)| now < *expires)
                // The same once more takes the place of what was.
                && (subscription.access != access || subscription.topic != topic || subscription.post != post)
        });
        if subscriptions.len() >= self.most {
            return false;
        }
        subscriptions.push(Subscription { topic, post, metadata, access: access.to_owned() });
        true
    }

    /// The subscriptions of a person that are good for a post now, newest first.
    pub(super) fn subscribed(&self, person: &str, topic: Topic, post: &str, now: Millis) -> Vec<&Subscription> {
        let subscriptions = self.subscriptions.get(person).map(Vec::as_slice).unwrap_or_default();
        let good = |subscription: &&Subscription| {
            subscription.topic == topic
                && subscription.post.as_deref().is_none_or(|only| only == post)
                && self.of(&subscription.access, now).is_some()
        };
        subscriptions.iter().rev().filter(good).collect()
    }

    /// A person takes back all that they allowed; what that was.
    pub(super) fn revoke(&mut self, person: &str) -> Vec<Scopes> {
        let taken: HashMap<u64, Grant> = self.grants.extract_if(|_, grant| grant.person == person).collect();
        self.codes.retain(|_, (grant, _)| !taken.contains_key(grant));
        self.access.retain(|_, (grant, _)| !taken.contains_key(grant));
        self.refresh.retain(|_, refresh| !taken.contains_key(&refresh.grant));
        self.subscriptions.remove(person);
        taken.into_values().map(|grant| grant.scopes).collect()
    }
}
