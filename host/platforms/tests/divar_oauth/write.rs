//! Whose token a message goes out with.

use hodhod_platforms::divar::NoToken;

use crate::kit::*;
use crate::play::TOKEN;

const SUPPLIER: &str = "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND";

#[tokio::test]
async fn a_conversation_is_written_in_by_who_is_linked_to_it() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.consent("bob", &SEND).await;
    let (ann, bob) = (shop.token("c1", Some("ann")).await.unwrap(), shop.token("c1", Some("bob")).await.unwrap());
    assert!(matches!(shop.token("c1", None).await, Err(NoToken::None(_))), "nobody is linked yet");
    shop.link("c1", "ann").await;
    assert_eq!(shop.token("c1", None).await.unwrap(), ann);
    assert_eq!(shop.token("c1", Some("bob")).await.unwrap(), bob, "who is named goes before who is linked");
    shop.link("c1", "bob").await;
    assert_eq!(shop.token("c1", None).await.unwrap(), bob);
}

#[tokio::test]
async fn a_grant_that_names_the_conversation_serves_where_the_link_does_not() {
    let shop = Shop::new().await;
    shop.consent("bob", &["CONVERSATION_SEND_MESSAGE.c1"]).await;
    let bob = shop.token("c1", Some("bob")).await.unwrap();
    assert_eq!(shop.token("c1", None).await.unwrap(), bob);
    shop.consent("ann", &["CHAT_SUPPLIER_ALL_CONVERSATIONS_READ"]).await;
    shop.link("c1", "ann").await;
    assert_eq!(shop.token("c1", None).await.unwrap(), bob, "ann allows reading only");
    shop.consent("ann", &[SUPPLIER]).await;
    assert_ne!(shop.token("c1", None).await.unwrap(), bob);
    assert!(shop.token("c2", Some("bob")).await.is_err(), "bob allows one conversation");
}

#[tokio::test]
async fn of_consents_for_posts_the_one_of_the_conversation_counts() {
    let mut shop = Shop::new().await;
    let mut config = config(&shop.play.base());
    config.oauth.as_mut().unwrap().scopes.push("CHAT_POST_CONVERSATIONS_MESSAGE_SEND".to_owned());
    shop.change(&config);
    let mut tokens = Vec::new();
    for post in ["p1", "p2"] {
        shop.consent("ann", &[&format!("CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{post}")]).await;
        shop.oauth.hears("ann", Some(post), Some(post)).await;
        tokens.push(shop.token(post, None).await.unwrap());
    }
    assert_eq!(shop.token("p1", None).await.unwrap(), tokens[0]);
    assert_ne!(tokens[0], tokens[1]);
    assert!(shop.token("p3", Some("ann")).await.is_ok(), "Divar knows whether it is about one of them");
    shop.oauth.hears("ann", Some("p3"), Some("p3")).await;
    assert!(matches!(shop.token("p3", Some("ann")).await, Err(NoToken::None(_))));
}

#[tokio::test]
async fn the_chatbot_writes_first_to_who_allowed_it() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    let Err(NoToken::None(words)) = shop.token("", Some("ann")).await else { panic!() };
    assert!(words.contains("CHAT_BOT_USER_MESSAGE_SEND"), "{words}");
    shop.consent("ann", &["CHAT_BOT_USER_MESSAGE_SEND"]).await;
    assert!(shop.play.works(&shop.token("", Some("ann")).await.unwrap()));
}

#[tokio::test]
async fn what_cannot_be_a_person_or_a_conversation_is_nobodys() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    for user in ["", "ann ", "an", "ann\0", &"x".repeat(10_000)] {
        assert!(matches!(shop.token("c1", Some(user)).await, Err(NoToken::None(_))), "{user:.20}");
        shop.link("c1", user).await;
    }
    for conversation in ["", &"x".repeat(10_000)] {
        shop.link(conversation, "ann").await;
        assert!(matches!(shop.token(conversation, None).await, Err(NoToken::None(_))));
    }
    assert!(shop.names("link").await.is_empty(), "who allows nothing is linked to nothing");
}

#[tokio::test]
async fn a_vault_that_fails_is_no_word_about_anybody() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.vault.fail(true);
    for (conversation, user) in [("c1", None), ("c1", Some("ann")), ("", Some("ann"))] {
        assert!(matches!(shop.token(conversation, user).await, Err(NoToken::Unavailable(_))));
    }
    shop.link("c1", "ann").await;
    shop.vault.fail(false);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
    assert_eq!(shop.play.seen(TOKEN).len(), 1);
}
