//! A messenger on this machine that takes every message: the far end of `POST …/sendMessage`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use hodhod_platforms::soroush::{Options, Soroush, SoroushConfig};
use tokio::net::TcpListener;

/// The answer of the real one.
const ANSWER: &str = r#"{"resultCode":200,"resultMessage":"OK"}"#;

/// The real client of Soroush, with such a messenger at the other end.
pub(crate) fn client() -> anyhow::Result<Arc<Soroush>> {
    let options = Options { base_url: format!("http://{}", start()?), ..Options::default() };
    Ok(Arc::new(Soroush::new(SoroushConfig { name: "shop".into(), token: "token".into(), options })?))
}

/// Starts it on a thread of its own, on which it stays until the program ends.
fn start() -> anyhow::Result<SocketAddr> {
    let (ready, started) = sync_channel(1);
    thread::Builder::new().name("messenger".to_owned()).spawn(move || {
        let serve = async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let _asked = ready.send(listener.local_addr());
            let take = async |_: Bytes| ([(CONTENT_TYPE, "application/json")], ANSWER);
            axum::serve(listener, Router::new().route("/{token}/sendMessage", post(take))).await
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve)
    })?;
    started.recv().context("the messenger did not start")?.context("the messenger cannot listen")
}
