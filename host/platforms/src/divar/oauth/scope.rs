//! What a person can allow: words such as `USER_ID`, and words about one thing such as
//! `CHAT_POST_CONVERSATIONS_READ.gZd7omnS`.
//!
//! A bot chooses within what the operator allows. Spellings are those of Divar's developer pages (`scopes`
//! and `chat/users_conversations.md`).

/// Says who allowed it.
pub(super) const USER_ID: &str = "USER_ID";

/// Has Divar tell when the person takes it back.
pub(super) const REVOCATION: &str = "NOTIFICATION_ACCESS_REVOCATION";

/// Lets the chatbot write first.
pub(super) const WRITE_FIRST: &str = "CHAT_BOT_USER_MESSAGE_SEND";

/// Read and be told of the person's posts.
pub(super) const POSTS: &str = "USER_POSTS_GET";

/// Read the person's phone number.
pub(super) const PHONE: &str = "USER_PHONE";

/// Read what is written to the person about any post.
pub(super) const READ_ALL: &str = "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ";

/// Read what is written to the person about one post.
pub(super) const READ_POST: &str = "CHAT_POST_CONVERSATIONS_READ";

/// Write in the conversations about any post of the person.
pub(super) const SEND_ALL: &str = "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND";

/// Write in the conversations about one post.
const SEND_POST: &str = "CHAT_POST_CONVERSATIONS_MESSAGE_SEND";

/// Write in one conversation.
const SEND_CONVERSATION: &str = "CONVERSATION_SEND_MESSAGE";

/// The longest known one has 44 characters, and the id of a conversation up to 64.
const MAX_SCOPE: usize = 256;

/// True for what OAuth lets be a scope: RFC 6749, section 3.3.
pub(super) fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !text.is_empty() && text.len() <= MAX_SCOPE && text.bytes().all(fits)
}

/// The thing that a scope is about, where it is of this kind.
pub(super) fn about<'a>(scope: &'a str, kind: &str) -> Option<&'a str> {
    scope.split_once('.').filter(|(of, thing)| *of == kind && !thing.is_empty()).map(|(_, thing)| thing)
}

/// What the operator allows bots to ask for.
#[derive(Clone, Debug)]
pub(super) struct Allowed(Vec<String>);

impl Allowed {
    pub(super) fn new(scopes: &[String]) -> Self {
        Self(scopes.to_vec())
    }

    /// True for what is listed, and for a scope about one thing where its kind is listed, alone or with `.*`.
    pub(super) fn allows(&self, scope: &str) -> bool {
        let listed = |wanted: &str| self.0.iter().any(|listed| listed == wanted);
        let of_kind = |(kind, thing): (&str, &str)| {
            // A person is never asked for all of a kind by the operator's own shorthand.
            !thing.is_empty() && thing != "*" && (listed(kind) || listed(&format!("{kind}.*")))
        };
        (!scope.ends_with(".*") && listed(scope)) || scope.split_once('.').is_some_and(of_kind)
    }
}

/// The conversations that scopes name one by one.
pub(super) fn conversations(scopes: &[String]) -> impl Iterator<Item = &str> {
    scopes.iter().filter_map(|scope| about(scope, SEND_CONVERSATION))
}

/// How well scopes allow to write in a conversation about a post: the most exact first, `None` where they
/// do not.
pub(super) fn may_write(scopes: &[String], conversation: &str, post: Option<&str>) -> Option<u8> {
    let rank = |scope: &String| {
        if about(scope, SEND_CONVERSATION) == Some(conversation) {
            return Some(0);
        }
        if scope == SEND_ALL {
            return Some(1);
        }
        match (about(scope, SEND_POST)?, post) {
            (of, Some(post)) => (of == post).then_some(2),
            // Nobody knows what the conversation is about: Divar does.
            (_, None) => Some(3),
        }
    };
    scopes.iter().filter_map(rank).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn a_kind_covers_each_thing_of_it_and_nothing_covers_another_kind() {
        let allowed =
            Allowed::new(&list(&["USER_ID", "CHAT_POST_CONVERSATIONS_READ.*", "CONVERSATION_SEND_MESSAGE.a"]));
        for good in ["USER_ID", "USER_ID.x", "CHAT_POST_CONVERSATIONS_READ.gZd7omnS", "CONVERSATION_SEND_MESSAGE.a"] {
            assert!(allowed.allows(good), "{good}");
        }
        for bad in [
            "",
            "user_id",
            "USER_PHONE",
            "USER_ID.",
            "USER_ID.*",
            "CHAT_POST_CONVERSATIONS_READ",
            "CHAT_POST_CONVERSATIONS_READ.",
            "CHAT_POST_CONVERSATIONS_READ.*",
            "CONVERSATION_SEND_MESSAGE.b",
            "CONVERSATION_SEND_MESSAGE.a.b",
            "CONVERSATION_SEND_MESSAGE",
            ".USER_ID",
            "offline_access",
        ] {
            assert!(!allowed.allows(bad), "{bad}");
        }
    }

    #[test]
    fn a_scope_is_one_word_of_printed_characters() {
        assert!(is_scope("CHAT_CONVERSATION_READ.1ed9d49a-ceac:1719424216"));
        for bad in ["", "a b", "a\"b", "a\\b", "a\n", "الف", &"a".repeat(257)] {
            assert!(!is_scope(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_most_exact_scope_counts_and_another_post_does_not() {
        let write = |scopes: &[&str], post| may_write(&list(scopes), "c1", post);
        assert_eq!(write(&["CONVERSATION_SEND_MESSAGE.c1", SEND_ALL], None), Some(0));
        assert_eq!(write(&["CONVERSATION_SEND_MESSAGE.c2", SEND_ALL], None), Some(1));
        assert_eq!(write(&["CHAT_POST_CONVERSATIONS_MESSAGE_SEND.p1"], Some("p1")), Some(2));
        assert_eq!(write(&["CHAT_POST_CONVERSATIONS_MESSAGE_SEND.p1"], None), Some(3));
        assert_eq!(write(&["CHAT_POST_CONVERSATIONS_MESSAGE_SEND.p1"], Some("p2")), None);
        assert_eq!(write(&["CONVERSATION_SEND_MESSAGE.c2", READ_ALL, "CONVERSATION_SEND_MESSAGE"], None), None);
    }
}
