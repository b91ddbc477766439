//! The token is in every request and in nothing that anybody can read.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, stream};
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::Outgoing;
use hodhod_core::platform::{Platform, Upload};
use hodhod_platforms::soroush::{Options, Timing};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::kit::*;

/// Writes down all that is logged on this thread, at every level, by whichever crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
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

/// All that the connection says while its calls fail in every way there is.
async fn everything_said() -> String {
    let mut said = String::new();
    let path = format!("/{TOKEN}/sendMessage");
    let quoted = format!(r#"{{"status":500,"path":"{path}"}}"#);
    let refused = format!(r#"{{"resultCode":1,"resultMessage":"no {TOKEN}","{TOKEN}":1}}"#);
    let scripts = [
        vec![],
        vec![Step::Break],
        vec![Step::Hold],
        vec![say("nonsense\r\n\r\n")],
        vec![answer("404 Not Found", "", &quoted)],
        vec![answer("500 Oops", "", &format!("<html>{path}</html>"))],
        vec![answer("200 OK", "", &quoted)],
        vec![answer("200 OK", "", &refused)],
        vec![answer("301 Moved", &format!("Location: http://127.0.0.1:9{path}\r\n"), "")],
        vec![answer("302 Moved", &format!("Location: {path}\r\n"), "")],
        vec![answer("302 Moved", &format!("Location: https://{TOKEN}.example/\r\n"), "")],
        vec![answer("200 OK", &format!("Content-Type: x/{TOKEN}\r\n"), "x")],
        vec![stream_head(), say(format!("data:{{\"from\":\"a\",\"type\":\"{TOKEN}\"}}\n\n")), Step::Break],
        vec![stream_head(), say("data:{\"type\":\"NEW\"}\n\n"), Step::Break],
    ];
    let timing = Timing {
        send: Duration::from_millis(50),
        file: Duration::from_millis(50),
        idle: Some(Duration::from_millis(50)),
        ..quick()
    };
    let mut bases = vec!["http://127.0.0.1:1".to_owned(), "https://127.0.0.1:1".to_owned()];
    let mut servers = Vec::new();
    for steps in scripts {
        let server = Server::new([steps]).await;
        bases.push(server.base());
        servers.push(server);
    }
    bases.push(servers[3].base().replace("http:", "https:"));
    for base_url in bases {
        let soroush = soroush(Options { base_url, timing: timing.clone(), ..Options::default() });
        let error = soroush.send(&ChatId::from("zahra"), &Outgoing::text("x")).await.unwrap_err();
        let file = soroush.download("k3y").await.map(|download| download.size);
        let upload = Upload { name: "a".into(), mime: "a/b".into(), size: 0, bytes: stream::empty().boxed() };
        let uploaded = soroush.upload(upload).await.unwrap_err();
        write!(said, "{file:?} {uploaded} {uploaded:?}").unwrap();
        let health = receive_until(&soroush, &Kept::default(), |health| health.reconnects >= 3).await;
        write!(said, "{error} {error:?} {health:?} {soroush:?}").unwrap();
    }
    said
}

#[tokio::test]
async fn the_token_is_in_no_log_line_and_no_error() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let said = everything_said().await;
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.contains("the connection ended") && said.contains("cannot connect"), "{logged}");
    for text in [&said, &logged] {
        // Nor a part of it that would help a guesser.
        let (begin, end) = TOKEN.split_at(TOKEN.len() / 2);
        for part in [begin, end] {
            assert!(!text.to_lowercase().contains(&part.to_lowercase()), "{text}");
        }
    }
}
