//! Credentials that a bot uses and never sees.

use hodhod_core::egress::{Place, Policy};
use hodhod_core::runtime::Limits;

use super::OK;
use super::kit::{Asker, always, get, names, policy, secret};

#[tokio::test]
async fn a_secret_reaches_its_host_and_nobody_else() {
    let (server, heads) = always(OK).await;
    let (other, others) = always(OK).await;
    let bound = format!("http://{server}");
    let secrets = vec![
        secret(&bound, Place::Header("authorization".to_owned()), Some("Bearer {}")),
        secret(&bound, Place::Query("key".to_owned()), None),
    ];
    let policy = Policy { secrets, ..policy(&[&bound, &format!("http://{other}")], &[server, other]) };
    let asker = Asker::new(policy, Limits::default(), names([&[]]), None);
    asker.ask(&format!("{}?key=mine\nauthorization: mine", get(server))).await;
    asker.ask(&format!("{}?key=mine\nauthorization: mine", get(other))).await;
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /?key=S3CR3T HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer S3CR3T\r\n") && !head.contains("mine"), "{head}");
    let head = others.lock().unwrap()[0].clone();
    assert!(!head.contains("S3CR3T") && head.matches("mine").count() == 2, "{head}");
}

#[tokio::test]
async fn a_secret_that_a_server_gives_back_in_its_fields_is_not_seen() {
    let answer = "HTTP/1.1 200 OK\r\nx-you-said: Bearer S3CR3T!\r\nx-s3cr3t: 1\r\nlocation: /?key=S3CR3T\r\n\
                  trailer: x-late\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-late: S3CR3T\r\n\r\n";
    let (server, _) = always(answer).await;
    let bound = format!("http://{server}");
    let secrets = vec![secret(&bound, Place::Header("x-key".to_owned()), None)];
    let policy = Policy { secrets, ..policy(&[&bound], &[server]) };
    let answer = Asker::new(policy, Limits::default(), names([&[]]), None).ask(&get(server)).await;
    assert!(!answer.to_lowercase().contains("s3cr3t"), "{answer}");
    for shown in ["x-you-said: Bearer ***!", "location: /?key=***", "> hi", "< x-late: ***"] {
        assert!(answer.contains(shown), "{shown}: {answer}");
    }
}
