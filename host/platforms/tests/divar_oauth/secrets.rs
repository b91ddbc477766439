//! Tokens, codes, states, keys and secrets are in requests and in the vault, and in nothing that anybody reads.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hodhod_core::store::StoreError;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::kit::*;
use crate::play::{Fault, SUBSCRIPTIONS, TOKEN, USER_POSTS, USERS};

/// Writes down all that is logged on this thread, at every level, by whichever crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The server of the test may log what it likes.
        !metadata.target().starts_with("axum")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// All that is said while everything fails in every way there is, and the states that were out.
async fn everything_said() -> (String, Vec<String>) {
    let (mut said, mut states) = (String::new(), Vec::new());
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    let scopes = ["USER_POSTS_GET", SEND[0], "offline_access"];
    for round in 0..8 {
        let shop = Shop::new().await;
        write!(said, "{:?}", shop.oauth).unwrap();
        // A first consent that goes well, so that there is a pair to quote.
        shop.consent("ann", &scopes).await;
        let seen = shop.play.seen(USERS).pop().unwrap();
        let access = seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        let refresh = access.replace("_at_", "_rt_");
        let quoted = format!("{access} {refresh} {API_KEY} {CLIENT_SECRET} {encoded}");
        let fault = match round {
            0 => Fault::Break,
            1 => Fault::Lose,
            2 => Fault::Answer(400, json!({ "error": quoted, "error_description": quoted }).to_string()),
            3 => Fault::Answer(200, json!({ "access_token": 7, "scope": [quoted] }).to_string()),
            4 => Fault::Answer(500, quoted.clone()),
            5 => Fault::Answer(403, json!({ "code": 7, "message": quoted }).to_string()),
            6 => Fault::Answer(200, quoted.clone()),
            _ => Fault::Answer(400, json!({ "error": "invalid_grant", "error_description": quoted }).to_string()),
        };
        // What the server of the tokens knows of the second: its code.
        let url = shop.ask(&scopes).await;
        states.push(state(&url));
        let query = shop.play.allow(&url, "bob");
        let code = query.split(['=', '&']).nth(1).unwrap();
        let with_code = match &fault {
            Fault::Answer(status, body) => Fault::Answer(*status, body.replace(&access, code).replace(&refresh, code)),
            other => other.clone(),
        };
        shop.play.fault(TOKEN, [with_code]);
        let reply = shop.come_back(&query).await;
        write!(said, "{} {:?}", text(&reply), reply.headers()).unwrap();
        // The server of the calls never sees the other token.
        let with_access = match &fault {
            Fault::Answer(status, body) => Fault::Answer(*status, body.replace(&refresh, "")),
            other => other.clone(),
        };
        for path in [USER_POSTS, USERS, SUBSCRIPTIONS] {
            shop.play.fault(path, [with_access.clone()]);
        }
        for name in ["divar.user-posts", "divar.get-user"] {
            write!(said, "{:?}", shop.call(name, json!({ "user": "ann" })).await).unwrap();
        }
        shop.play.fault(TOKEN, [fault]);
        shop.clock.advance(Duration::from_secs(3_000));
        shop.run_until(|| shop.play.renewals() > 0 && shop.clock.next_sleeper().is_some()).await;
        write!(said, "{:?}", shop.oauth.trouble()).unwrap();
        shop.clock.advance(Duration::from_secs(3_600));
        write!(said, "{:?}", shop.oauth.token_for("c1", Some("ann")).await).unwrap();
        shop.kept.refuse(true);
        let refused: Result<(), StoreError> = shop.revoke("ann").await;
        write!(said, "{refused:?} {:?}", shop.kept.taken()).unwrap();
        for kind in ["state", "grant", "told", "named", "link", "revoked"] {
            write!(said, "{:?}", shop.names(kind).await).unwrap();
        }
    }
    (said, states)
}

#[tokio::test]
async fn no_secret_is_in_a_log_line_an_error_an_event_or_a_page() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let (said, states) = everything_said().await;
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.contains("a consent came to nothing") && said.contains("divar.granted"), "{logged}");
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    let mut secrets = vec![API_KEY.to_owned(), CLIENT_SECRET.to_owned(), encoded];
    secrets.extend(["ory_at_", "ory_rt_", "ory_ac_"].map(str::to_owned));
    secrets.extend(states);
    for (kind, text) in [("said", &said), ("logged", &logged)] {
        for secret in &secrets {
            let at = text.find(secret.as_str());
            let around = at.and_then(|at| text.get(at.saturating_sub(300)..(at + 100).min(text.len())));
            assert!(at.is_none(), "{kind} {secret}: {around:?}");
        }
    }
}
