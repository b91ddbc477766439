//! Requests of a bot to other servers: what gets out, what does not, and what comes back.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod kit;
mod limits;
mod lookups;
mod refused;
mod secrets;
#[path = "../kit/mod.rs"]
mod shared;

use hodhod_core::runtime::Limits;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use kit::{Asker, always, get, head, names, policy, serve};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-from: there\r\n\r\nhello";

#[tokio::test]
async fn a_host_that_is_granted_is_asked_and_its_answer_read() {
    let (server, heads) = always(OK).await;
    let answer = Asker::of(server, Limits::default()).ask(&format!("{}a?b=c\nx-own: mine", get(server))).await;
    assert!(answer.starts_with("200\n") && answer.contains("x-from: there") && answer.ends_with("> hello"), "{answer}");
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\n") && head.contains("x-own: mine\r\n"), "{head}");
    assert_eq!(head.to_lowercase().matches("host: ").count(), 1, "{head}");
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted_and_of_the_name() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["api.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            head(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await;
    let port = server.port();
    let allowed = || policy(&[&format!("https://api.test:{port}"), &format!("https://www.test:{port}")], &[server]);
    let asker = Asker::new(allowed(), Limits::default(), names([&[server]]), Some(cert.der().clone()));
    let answer = asker.ask(&format!("GET\thttps\tapi.test:{port}\t/")).await;
    assert!(answer.ends_with("> hello"), "{answer}");
    let answer = asker.ask(&format!("GET\thttps\twww.test:{port}\t/")).await;
    assert_eq!(answer, "ErrorCode::TlsCertificateError");
    let stranger = Asker::new(allowed(), Limits::default(), names([&[server]]), None);
    assert_eq!(stranger.ask(&format!("GET\thttps\tapi.test:{port}\t/")).await, "ErrorCode::TlsCertificateError");
}
