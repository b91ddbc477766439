//! The life of a connection: what it says of itself, and what it refuses to be made of.

use std::sync::Arc;

use futures::FutureExt;
use hodhod_core::platform::Platform;
use hodhod_core::testing::{MemoryVault, TestClock};
use hodhod_core::webhook::Webhook;
use hodhod_platforms::divar::{ConfigError, Divar, DivarConfig, Options};

use super::divar_kit::{API_KEY, KEY, Rig, config, data, request};

fn made(config: DivarConfig) -> Result<Divar, ConfigError> {
    let clock = TestClock::default();
    Divar::new(config, Arc::new(MemoryVault::new(Arc::new(clock.clone()))), Arc::new(clock))
}

#[tokio::test]
async fn it_is_connected_while_it_receives_and_receives_until_the_intake_closes() {
    let rig = Rig::default();
    assert_eq!(rig.divar.webhook().map(Webhook::platform), Some("divar"));
    let mut receiving = rig.divar.receive(&rig.kept);
    assert!((&mut receiving).now_or_never().is_none());
    assert!(rig.divar.health().connected);
    // The intake's double wakes one waiter for each word.
    while (&mut receiving).now_or_never().is_none() {
        rig.kept.closed.notify_one();
        tokio::task::yield_now().await;
    }
    assert!(!rig.divar.health().connected);
    let receiving = rig.divar.receive(&rig.kept);
    drop(receiving);
    assert!(!rig.divar.health().connected);
}

#[tokio::test]
async fn what_was_understood_and_skipped_is_counted() {
    let rig = Rig::default();
    rig.post("/events", data("bot_text")).await;
    rig.post("/action", data("press")).await;
    rig.post("/session", data("session")).await;
    rig.post("/events", data("post_echo")).await;
    rig.post("/events", "{").await;
    rig.call(request("/nowhere", "{}")).await;
    let health = rig.divar.health();
    assert_eq!(health.events, 3);
    assert_eq!(health.skipped, [("no-address", 1), ("not-json", 1), ("echo", 1)]);
}

#[test]
fn a_configuration_that_cannot_work_says_why_and_tells_no_secret() {
    let error = |change: fn(&mut DivarConfig)| {
        let mut config = config(Options::default());
        change(&mut config);
        let error = made(config).expect_err("it cannot work");
        let words = format!("{error} {error:?}");
        assert!(!words.contains("s3cret") && !words.contains(KEY) && !words.contains(API_KEY), "{words}");
        error
    };
    assert!(matches!(error(|config| config.api_key = " \n".into()), ConfigError::NoSecret("api_key")));
    assert!(matches!(error(|config| config.api_key = "s3cret\nx".into()), ConfigError::BadSecret("api_key")));
    assert!(matches!(error(|config| config.api_key = "s3cretکلید".into()), ConfigError::BadSecret("api_key")));
    assert!(matches!(
        error(|config| config.identification_key = "".into()),
        ConfigError::NoSecret("identification_key")
    ));
    for slug in ["", "my app", "my/app"] {
        let mut config = config(Options::default());
        slug.clone_into(&mut config.slug);
        assert!(matches!(made(config), Err(ConfigError::BadSlug)), "{slug}");
    }
    for bad in ["open-api.divar.ir", "ftp://a", "https://a?b", "https://a#b", "https://s3cret:s3cret@a", "https://"] {
        let base = Options { base_url: bad.to_owned(), ..Options::default() };
        let refused = made(config(base)).expect_err(bad);
        assert!(matches!(refused, ConfigError::BadUrl { name: "base_url", .. }), "{refused:?}");
        assert!(!refused.to_string().contains("s3cret"));
        let upload = Options { upload_url: bad.to_owned(), ..Options::default() };
        assert!(matches!(made(config(upload)), Err(ConfigError::BadUrl { name: "upload_url", .. })), "{bad}");
    }
    for change in [
        |config: &mut DivarConfig| config.options.completion_url = "divar.ir".to_owned(),
        |config: &mut DivarConfig| config.options.opening_url = Some("javascript:x".to_owned()),
    ] {
        assert!(matches!(error(change), ConfigError::BadUrl { .. }));
    }
    assert!(matches!(error(|config| config.options.answer_within = Default::default()), ConfigError::BadAnswerTime));
    assert!(matches!(
        error(|config| config.options.press_window = std::time::Duration::from_secs(3600)),
        ConfigError::BadWindow
    ));
    assert!(matches!(error(|config| config.options.max_event = 10), ConfigError::SmallEvent));
}

#[test]
fn no_secret_is_in_a_debug_text() {
    let config = config(Options::default());
    let texts = format!("{config:?} {config:#?} {:?}", made(config.clone()).unwrap());
    assert!(texts.contains("***") && !texts.contains(API_KEY) && !texts.contains(KEY), "{texts}");
}
