//! The API of the operator: its owner reaches it through the socket, others over TCP with the token
//! only, and nobody who may not, or who means ill, changes or holds up anything.

use std::os::unix::fs::PermissionsExt;

use hodhod_tests::{BotSetup, PATIENCE, Running, Setup};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// The token of the API in these tests.
const TOKEN: &str = "operator-SECRET-token_0123456789";

/// A setup of one bot whose API is also served over TCP, with the token.
async fn with_token() -> Setup {
    let setup = Setup::new([BotSetup::new("echo")]).await.host("admin_token = { file = \"token\" }");
    std::fs::write(setup.folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    setup
}

/// What a request over TCP is answered with.
async fn over_tcp(host: &Running, method: &str, path: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(method.parse().unwrap(), host.url(path)).headers(map);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn state(host: &Running) -> Value {
    host.status().await["bots"][0]["health"]["state"].clone()
}

/// Sends bytes and gives what comes back until the host hangs up.
async fn told(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> String {
    // The host may have hung up before it was sent everything.
    let _broken = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // And it hangs up, within the time of the timeout.
    let _broken = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_socket_everything_is_served_for_its_owner_only() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(setup.socket()), mode(setup.state())), (0o600, 0o700));
    let (status, bots) = setup.ask("GET", "/api/bots").await;
    assert_eq!((status, &bots["bots"][0]["name"]), (200, &"echo".into()));
    assert_eq!(setup.ask("GET", "/status").await.1["bots"], host.status().await["bots"]);
    let (status, paused) = setup.ask("POST", "/api/bots/echo/pause").await;
    assert_eq!((status, &paused["changed"], &paused["state"]), (200, &true.into(), &"paused".into()));
    let (status, records) = setup.ask("GET", "/api/bots/echo/generations").await;
    assert_eq!((status, &records["records"]), (200, &Value::Array(Vec::new())));
    host.stop().await;
    assert!(!setup.socket().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_followed_says_so_by_its_status_and_in_words() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    for (method, path, status, words) in [
        ("POST", "/api/bots/ehco/pause", 404, "did you mean \"echo\"?"),
        ("POST", "/api/bots/x%2Fy/pause", 404, "there is no bot \"x/y\"; there are: echo"),
        ("POST", "/api/bots/%FF/pause", 400, "UTF-8"),
        ("POST", "/api/bots/echo/dance", 404, "nothing at this path"),
        ("GET", "/api", 404, "nothing at this path"),
        ("GET", "/api/bots/echo/pause", 405, "GET is not what is done here"),
        ("DELETE", "/api/bots", 405, "DELETE is not what is done here"),
        ("POST", "/api/bots/echo/release", 200, ""),
        ("POST", "/api/bots/echo/rollback", 409, "echo: there is no generation before this one"),
    ] {
        let (found, answer) = setup.ask(method, path).await;
        assert_eq!(found, status, "{method} {path}: {answer}");
        assert!(answer["error"].as_str().unwrap_or_default().contains(words), "{method} {path}: {answer}");
    }
    setup.ask("POST", "/api/bots/echo/pause").await;
    let (status, answer) = setup.ask("POST", "/api/bots/echo/release").await;
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("`resume` lets it run again"), "{answer}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_nothing_is_ordered_without_a_token_in_the_configuration() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    for headers in [&[][..], &[("authorization", "Bearer "), ("x-forwarded-for", "127.0.0.1")]] {
        let (status, answer) = over_tcp(&host, "POST", "/api/bots/echo/kill", headers).await;
        assert_eq!(status, 403);
        assert!(answer["error"].as_str().unwrap().contains("write `admin_token = "), "{answer}");
    }
    assert_eq!(over_tcp(&host, "GET", "/api/bots", &[]).await.0, 403);
    assert_eq!(state(&host).await, "active");
    assert_eq!(host.page("/healthz").await, "ok\n");
    host.stop().await;
}

/// The paths of the routes in a folder or file of the sources, each with what is there in its places.
fn routes(source: &str) -> Vec<String> {
    let source = hodhod_tests::repository().join("host/web/src").join(source);
    let files = match std::fs::read_dir(&source) {
        Ok(folder) => folder.map(|file| file.unwrap().path()).collect(),
        Err(_) => vec![source],
    };
    let text: String = files.into_iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let paths = text.split(".route(").skip(1).flat_map(|after| {
        let path = after.split('"').nth(1).unwrap().replace("{{", "{").replace("}}", "}");
        let path = path.replace("{bot}", "echo").replace("{seq}", "1").replace("{connection}", "shop");
        ["pause", "resume", "kill", "quarantine", "release"].map(|order| path.replace("{}", order))
    });
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    paths.dedup();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_is_open_over_tcp_without_the_token_but_the_four_pages() {
    assert_eq!(routes("pages.rs"), ["/healthz", "/metrics", "/readyz", "/status"]);
    let all = routes("admin");
    assert!(all.len() >= 19 && all.iter().all(|path| !path.contains('{')), "{all:?}");
    let closed = Setup::new([BotSetup::new("echo")]).await;
    let setup = with_token().await;
    let (without, with) = (closed.start_ready().await, setup.start_ready().await);
    let [before, _] = [state(&with).await, state(&without).await];
    for path in all.iter().map(|path| format!("/api{path}")) {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for headers in [&[][..], &[("authorization", "Bearer wrong")]] {
                assert_eq!(over_tcp(&with, method, &path, headers).await.0, 401, "{method} {path}");
                assert_eq!(over_tcp(&without, method, &path, headers).await.0, 403, "{method} {path}");
            }
        }
        // It is a route, so the above has not only met a path that is not there.
        let found = over_tcp(&with, "PUT", &path, &[("authorization", &format!("Bearer {TOKEN}"))]).await;
        assert_eq!(found.0, 405, "{path}");
    }
    assert_eq!((state(&with).await, state(&without).await), (before.clone(), before));
    with.stop().await;
    without.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_does_nothing_and_the_right_one_is_nowhere_to_be_read() {
    let setup = with_token().await;
    let host = setup.start_ready().await;
    let (right, short) = (format!("Bearer {TOKEN}"), format!("Bearer {}", TOKEN.strip_suffix('9').unwrap()));
    for wrong in ["", "Bearer", "Bearer ", "Bearer wrong", &short, &format!("{right}9"), &format!("Basic {TOKEN}")] {
        for path in ["/api/bots/echo/pause", "/api/bots/nobody/pause", "/api/nothing"] {
            let (status, answer) = over_tcp(&host, "POST", path, &[("authorization", wrong)]).await;
            assert_eq!(status, 401, "{wrong}: {answer}");
        }
    }
    let twice = [("authorization", right.as_str()), ("authorization", "Bearer wrong")];
    assert_eq!(over_tcp(&host, "POST", "/api/bots/echo/pause", &twice).await.0, 401);
    let in_query = format!("/api/bots/echo/pause?token={TOKEN}&access_token={TOKEN}");
    assert_eq!(over_tcp(&host, "POST", &in_query, &[]).await.0, 401);
    assert_eq!(state(&host).await, "active", "nothing has happened");
    let (status, _) = over_tcp(&host, "POST", "/api/bots/echo/pause", &[("authorization", &right)]).await;
    assert_eq!((status, state(&host).await), (200, "paused".into()));
    let pages = [host.page("/status").await, host.page("/metrics").await].concat();
    host.stop().await;
    assert!(!setup.log().contains(TOKEN) && !pages.contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_in_the_operators_browser_does_nothing() {
    let setup = with_token().await;
    let host = setup.start_ready().await;
    let right = format!("Bearer {TOKEN}");
    // A form needs no permission, and cannot send the token; a script can, once it is permitted.
    let form = [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(over_tcp(&host, "POST", "/api/bots/echo/kill", &form).await.0, 401);
    let (status, _) = over_tcp(
        &host,
        "OPTIONS",
        "/api/bots/echo/kill",
        &[("origin", "https://evil.example"), ("access-control-request-headers", "authorization")],
    )
    .await;
    assert_eq!(status, 401, "no script is permitted");
    for origin in ["https://evil.example", "null", &host.url("")] {
        let with_it = [("authorization", right.as_str()), ("origin", origin)];
        let (status, answer) = over_tcp(&host, "POST", "/api/bots/echo/kill", &with_it).await;
        assert_eq!(status, 403, "{answer}");
    }
    assert_eq!(state(&host).await, "active");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(host.url("/status")).header("origin", "https://evil.example").send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"), "and it may not read the pages");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_or_no_request_is_refused_and_does_nothing() {
    let setup = with_token().await;
    let host = setup.start_ready().await;
    let address = host.url("").replace("http://", "");
    let order = |more: &str| {
        format!("POST /api/bots/echo/pause HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n{more}").into_bytes()
    };
    let long = "x".repeat(1 << 20);
    let one_more = "x".repeat((16 << 10) + 1);
    let cases: [(Vec<u8>, &str); 9] = [
        (b"hello\n\n".to_vec(), "400"),
        (b"{\"order\":\"pause\",\"bot\":\"echo\"}\n".to_vec(), "400"),
        (vec![0; 64 << 10], "400"),
        (order(&format!("cookie: {}\r\n\r\n", "x".repeat(16 << 10))), "431"),
        (order(&"a: b\r\n".repeat(200)), "431"),
        (order(&format!("content-length: {}\r\n\r\n{one_more}", one_more.len())), "413"),
        (order(&format!("content-length: {}\r\n\r\n{long}", long.len())), "413"),
        (order(&format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n", long.len())), "413"),
        (order("transfer-encoding: chunked\r\n\r\nno number\r\n"), "400"),
    ];
    for (bytes, status) in cases {
        let shown = String::from_utf8_lossy(&bytes).chars().take(100).collect::<String>();
        let over_tcp = told(TcpStream::connect(&address).await.unwrap(), &bytes).await;
        let over_socket = told(UnixStream::connect(setup.socket()).await.unwrap(), &bytes).await;
        for answer in [over_tcp, over_socket] {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer:?}");
        }
    }
    assert_eq!(state(&host).await, "active");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_say_nothing_or_never_end_are_left_and_hold_nobody_up_for_long() {
    let setup = with_token().await;
    let host = setup.start_ready().await;
    let address = host.url("").replace("http://", "");
    let mut silent = Vec::new();
    // More than are served at once, at both doors: the next ones wait until these are left.
    for _ in 0..70 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    for _ in 0..70 {
        let mut stream = UnixStream::connect(setup.socket()).await.unwrap();
        stream.write_all(b"POST /api/bots/echo/pa").await.unwrap();
        tokio::spawn(async move { told(stream, b"").await });
    }
    let slow_body = UnixStream::connect(setup.socket()).await.unwrap();
    let slow_body =
        tokio::spawn(told(slow_body, b"POST /api/bots/echo/pause HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"));
    let output = setup.command("quarantine").arg("echo").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(state(&host).await, "quarantined");
    let answer = slow_body.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not come within 5 s"), "{answer}");
    assert_eq!(state(&host).await, "quarantined", "what did not come to its end did nothing");
    drop(silent);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_reaches_a_host_elsewhere_with_its_token_and_says_what_is_missing() {
    let setup = with_token().await;
    let host = setup.start_ready().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let run = async |words: &[&str], token: Option<&str>| {
        let mut command = tokio::process::Command::new(hodhod_tests::program());
        command.args(words).args(["--host", &host.url("")]).current_dir(elsewhere.path()).env_remove("HODHOD_TOKEN");
        if let Some(token) = token {
            command.env("HODHOD_TOKEN", token);
        }
        let output = command.output().await.unwrap();
        (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, said) = run(&["pause", "echo"], None).await;
    assert!(code == 1 && said.starts_with("error: the token is missing or wrong"), "{said}");
    let (code, said) = run(&["pause", "echo", "--json"], Some("some other token")).await;
    assert!(code == 1 && said.starts_with("{\"ok\":false,\"error\":\"the token is missing or wrong"), "{said}");
    assert_eq!(state(&host).await, "active");
    assert_eq!(run(&["pause", "echo", "--token-file", "none"], None).await.0, 1);
    let (code, said) = run(&["pause", "echo"], Some(TOKEN)).await;
    assert_eq!((code, said.as_str()), (0, "echo is paused; its events wait until `hodhod resume echo`\n"));
    std::fs::write(elsewhere.path().join("token"), TOKEN).unwrap();
    let (code, said) = run(&["resume", "echo", "--token-file", "token"], None).await;
    assert_eq!((code, said.as_str()), (0, "echo is active\n"));
    let (code, said) = run(&["reload"], Some(TOKEN)).await;
    assert_eq!((code, said.as_str()), (0, "echo: its file is what serves, as generation 1\n"));
    let (code, said) = run(&["status"], None).await;
    assert!(code == 0 && said.contains("bot echo: generation 1"), "{said}");
    host.stop().await;
}

#[tokio::test]
async fn a_token_that_is_missing_or_can_be_guessed_is_told_before_anything_starts() {
    let setup = with_token().await;
    for (token, words) in [("short", "`openssl rand -hex 32` makes one"), ("", "is empty"), ("a b", "no blanks")] {
        std::fs::write(setup.folder.path().join("token"), token).unwrap();
        for verb in ["check", "run"] {
            let output = setup.command(verb).output().await.unwrap();
            let complaint = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(complaint.contains("host.admin_token: ") && complaint.contains(words), "{verb}: {complaint}");
        }
    }
    assert!(!setup.state().join("hodhod.db").exists(), "nothing was made");
}
