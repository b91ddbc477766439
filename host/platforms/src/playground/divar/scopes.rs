//! What a person can allow an app: the scopes of Divar's OpenAPI document, exactly as they are spelt there.

/// Scopes that stand alone.
const PLAIN: &[&str] = &[
    "CHAT_BOT_USER_MESSAGE_SEND",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND",
    "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ",
    "DELETE_USER_POST",
    "EDIT_USER_POST",
    "NOTIFICATION_ACCESS_REVOCATION",
    "PAYMENT_ALL_POSTS_PRICING_READ",
    "PAYMENT_ALL_POSTS_RENEW",
    "PAYMENT_ALL_POSTS_REORDER",
    "PAY_USER_POST_PROMOTION",
    "PRO_USER_PROFILE_IMAGE_READ",
    "SEND_EVENT",
    "SUBMIT_USER_PAYMENT",
    "SUBMIT_USER_POST",
    "USER_ADDON_CREATE",
    "USER_BUSINESSES_READ",
    "USER_ID",
    "USER_PHONE",
    "USER_POSTS_ADDON_CREATE",
    "USER_POSTS_GET",
    "USER_POSTS_STATS_READ",
    "USER_SET_CUSTOMIZED_BUTTON",
    "USER_VERIFICATION_CREATE",
    "offline_access",
    "openid",
];

/// Scopes that name what they are for, after a full stop.
const NAMING: &[&str] = &[
    "BUSINESS_ADDON_CREATE",
    "BUSINESS_CREATE_CUSTOMIZED_BUTTON",
    "CHAT_CONVERSATION_READ",
    "CHAT_MESSAGE_SEND",
    "CHAT_POST_CONVERSATIONS_MESSAGE_SEND",
    "CHAT_POST_CONVERSATIONS_READ",
    "CONVERSATION_SEND_MESSAGE",
    "MANAGEMENT_APPS_READ",
    "MANAGEMENT_APPS_WRITE",
    "POST_ADDON_CREATE",
    "POST_EDIT",
    "POST_ONGOING_IMAGES_GET",
    "POST_SEMANTIC_CREATE",
];

/// All names.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().chain(NAMING).copied()
}

/// Whether a name, without what it is for, is a scope.
pub(super) fn is_known(name: &str) -> bool {
    all().any(|known| known == name)
}

/// The name of a scope, and what it is for. `None` where this is no scope.
pub(super) fn parse(scope: &str) -> Option<(&str, Option<&str>)> {
    match scope.split_once('.') {
        None => PLAIN.contains(&scope).then_some((scope, None)),
        Some((name, what)) => (NAMING.contains(&name) && !what.is_empty()).then_some((name, Some(what))),
    }
}

/// What one person allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scopes(Vec<String>);

impl Scopes {
    /// Reads a list with spaces; the error is the first that is no scope.
    pub(super) fn parse(list: &str) -> Result<Self, String> {
        let mut scopes = Vec::new();
        for scope in list.split(' ').filter(|scope| !scope.is_empty()) {
            if parse(scope).is_none() {
                return Err(scope.to_owned());
            }
            if !scopes.iter().any(|earlier| earlier == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Ok(Self(scopes))
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|held| held == scope)
    }

    /// Whether there is a scope of this name for this.
    pub(super) fn has_for(&self, name: &str, what: &str) -> bool {
        self.iter().any(|held| held == (name, Some(what)))
    }

    /// Names, and what they are for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().filter_map(|scope| parse(scope))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With spaces, as it was asked.
    pub(super) fn list(&self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_taken_as_it_is_spelt_and_with_what_it_is_for() {
        let scopes = Scopes::parse("USER_ID offline_access  CONVERSATION_SEND_MESSAGE.a.b USER_ID").unwrap();
        assert_eq!(scopes.list(), "USER_ID offline_access CONVERSATION_SEND_MESSAGE.a.b");
        assert!(scopes.has_for("CONVERSATION_SEND_MESSAGE", "a.b"));
        assert!(!scopes.has_for("CONVERSATION_SEND_MESSAGE", "a"));
        for wrong in ["OFFLINE_ACCESS", "user_id", "USER_ID.x", "CONVERSATION_SEND_MESSAGE", "POST_EDIT.", "x", ".x"] {
            assert_eq!(Scopes::parse(wrong), Err(wrong.to_owned()));
        }
    }
}
