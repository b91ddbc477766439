//! A bot that asks, and servers on this machine that answer what a test tells them to.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use hodhod_core::egress::{Place, Policy, Secret};
use hodhod_core::outgoing::Body;
use hodhod_core::runtime::{Ended, Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::time::Millis;
use hodhod_core::turn::Actor;
use hodhod_engine::{Component, Engine, Network, PoolSize, Resolve};
use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::shared::{actor, built, turn};

/// Answers look-ups from a list: the first time with the first, and so on; then with the last.
pub(crate) struct Names {
    answers: Vec<Vec<SocketAddr>>,
    pub(crate) asked: AtomicUsize,
}

impl Resolve for Names {
    fn resolve(&self, _name: String, _port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        let answer = self.answers[turn].clone();
        Box::pin(async move { Ok(answer) })
    }
}

pub(crate) fn names<const N: usize>(answers: [&[SocketAddr]; N]) -> Arc<Names> {
    Arc::new(Names { answers: answers.map(<[_]>::to_vec).to_vec(), asked: AtomicUsize::new(0) })
}

pub(crate) fn policy(hosts: &[&str], private: &[SocketAddr]) -> Policy {
    Policy {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        allow_private: private.to_vec(),
        ..Policy::default()
    }
}

pub(crate) fn secret(host: &str, place: Place, template: Option<&str>) -> Secret {
    Secret::new(host.parse().unwrap(), place, template, &SecretString::from("S3CR3T")).unwrap()
}

/// A bot that is loaded.
pub(crate) struct Asker {
    component: Component,
    actor: Arc<Actor>,
}

impl Asker {
    pub(crate) fn new(
        policy: Policy,
        limits: Limits,
        names: Arc<impl Resolve>,
        trusted: Option<CertificateDer<'static>>,
    ) -> Self {
        let engine = Engine::new(PoolSize { turns: 4, memory: 64 << 20 }).unwrap();
        let grants = Grants { messenger: true, http: true, ..Grants::default() };
        let setup = Setup { grants, limits: limits.clone(), http: Arc::new(policy), ..Setup::default() };
        let network = Network::new(names, trusted).unwrap();
        let component = Component::load_with(&engine, &built("guests_http"), setup, network).unwrap();
        Self { component, actor: actor(limits) }
    }

    /// To a server without TLS whose address is listed.
    pub(crate) fn of(server: SocketAddr, limits: Limits) -> Self {
        let host = format!("http://{server}");
        Self::new(policy(&[&host], &[server]), limits, names([&[]]), None)
    }

    pub(crate) async fn turn(&self, text: &str) -> Ended {
        self.component.run(turn(&self.actor, 1, "a", text, Millis(0))).await
    }

    /// What came back, in the words of the bot.
    pub(crate) async fn ask(&self, text: &str) -> String {
        let ended = self.turn(text).await;
        assert_eq!(ended.result, TurnResult::Done);
        let (_, effects) = ended.turn.into_effects();
        match &effects.sends[0].message.body {
            Body::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }
}

/// A request to a server without TLS.
pub(crate) fn get(server: SocketAddr) -> String {
    format!("GET\thttp\t{server}\t/")
}

/// A server that answers each connection as `answer` does.
pub(crate) async fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// A server that answers the same to everybody, and the heads of the requests it got.
pub(crate) async fn always(answer: impl Into<String>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let (answer, heads) = (answer.into(), Arc::new(Mutex::new(Vec::new())));
    let noted = heads.clone();
    let address = serve(move |mut stream| {
        let (answer, noted) = (answer.clone(), noted.clone());
        async move {
            let head = head(&mut stream).await;
            noted.lock().unwrap().push(head);
            // The other side may be gone, which is for the test to see.
            let _gone = stream.write_all(answer.as_bytes()).await;
            let _gone = stream.shutdown().await;
            drain(stream).await;
        }
    })
    .await;
    (address, heads)
}

/// The head of a request.
pub(crate) async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Reads what is left, and tells how much it was.
pub(crate) async fn drain(mut stream: TcpStream) -> usize {
    let (mut piece, mut all) = (vec![0; 4096], 0);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        all += read;
    }
    all
}
