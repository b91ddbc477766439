//! Names that take for ever to look up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::runtime::Limits;
use hodhod_engine::Resolve;
use tokio::sync::watch;

use super::OK;
use super::kit::{Asker, always, policy};

/// Looks up nothing until it is told the address of everybody.
struct Slow {
    asked: AtomicUsize,
    answer: watch::Receiver<Option<SocketAddr>>,
}

impl Resolve for Slow {
    fn resolve(&self, _name: String, _port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answer = self.answer.clone();
        async move { Ok(answer.wait_for(Option::is_some).await.unwrap().iter().copied().collect()) }.boxed()
    }
}

#[tokio::test]
async fn a_bot_takes_four_look_ups_for_as_long_as_they_last_and_no_more() {
    let (server, _) = always(OK).await;
    let (tell, answer) = watch::channel(None);
    let slow = Arc::new(Slow { asked: AtomicUsize::new(0), answer });
    let host = format!("http://api.test:{}", server.port());
    let limits = Limits { http_time: Duration::from_secs(1), ..Limits::default() };
    let asker = Asker::new(policy(&[&host], &[server]), limits, slow.clone(), None);
    let get = format!("GET\thttp\tapi.test:{}\t/", server.port());
    for _ in 0..2 {
        let answer = asker.ask(&[get.as_str(); 6].join("\n\n")).await;
        assert_eq!(answer.matches("ErrorCode::ConnectionTimeout").count(), 6, "{answer}");
        assert_eq!(slow.asked.load(Ordering::SeqCst), 4, "those that nobody waits for count until they end");
    }
    tell.send(Some(server)).unwrap();
    let answer = asker.ask(&get).await;
    assert!(answer.ends_with("> hello"), "{answer}");
}
