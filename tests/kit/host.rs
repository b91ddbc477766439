//! The program under test, as a process of its own, against a local Soroush server.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use hodhod_platforms::playground::soroush::{Sent, SoroushServer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::disk::Disk;
use crate::{PATIENCE, component, eventually, program};

/// The token of the one connection, `shop`.
pub const TOKEN: &str = "end-to-end-SECRET-token_0123456789";

/// A folder with a configuration, and the messenger that it points at.
pub struct Setup {
    /// The messenger.
    pub server: SoroushServer,
    /// The folder: `hodhod.toml`, `state/`, and `log` with what the program wrote.
    pub folder: TempDir,
    listen: SocketAddr,
    bots: Vec<BotSetup>,
    host: String,
    connection: String,
}

/// One bot of a configuration.
pub struct BotSetup {
    name: String,
    component: PathBuf,
    grants: String,
    limits: String,
    config: String,
}

impl BotSetup {
    /// A bot with the grants it needs, called like its component.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            component: component(name),
            grants: "messenger = true, keyvalue = true, timers = true, files = true".to_owned(),
            limits: String::new(),
            config: String::new(),
        }
    }

    /// Another file.
    #[must_use]
    pub fn at(self, file: &Path) -> Self {
        Self { component: file.to_owned(), ..self }
    }

    /// Another name.
    #[must_use]
    pub fn called(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Its limits, as in `cpu = "1 s"`.
    #[must_use]
    pub fn limits(self, limits: &str) -> Self {
        Self { limits: limits.to_owned(), ..self }
    }

    /// Its grants, as in `messenger = true`.
    #[must_use]
    pub fn grants(self, grants: &str) -> Self {
        Self { grants: grants.to_owned(), ..self }
    }

    /// Its configuration, as in `greeting = "hello"`.
    #[must_use]
    pub fn config(self, config: &str) -> Self {
        Self { config: config.to_owned(), ..self }
    }
}

impl Setup {
    /// A server, and a configuration of these bots on one connection that may send fast.
    pub async fn new(bots: impl IntoIterator<Item = BotSetup>) -> Self {
        Self::within(&std::env::temp_dir(), bots).await
    }

    /// The same, with its folder in this one.
    pub async fn within(folder: &Path, bots: impl IntoIterator<Item = BotSetup>) -> Self {
        let server = SoroushServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a local server");
        server.add_bot(TOKEN);
        // The port is free a moment later, when the program takes it.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let listen = free.local_addr().expect("its address");
        let setup = Self {
            server,
            folder: tempfile::tempdir_in(folder).expect("a folder"),
            listen,
            bots: bots.into_iter().collect(),
            host: String::new(),
            connection: String::new(),
        };
        setup.write();
        setup
    }

    /// Adds a bot.
    #[must_use]
    pub fn bot(mut self, bot: BotSetup) -> Self {
        self.bots.push(bot);
        self.write();
        self
    }

    /// Adds lines to `[host]`.
    #[must_use]
    pub fn host(mut self, lines: &str) -> Self {
        self.host = lines.to_owned();
        self.write();
        self
    }

    /// Adds lines to `[connections.shop]`.
    #[must_use]
    pub fn connection(mut self, lines: &str) -> Self {
        self.connection = lines.to_owned();
        self.write();
        self
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("hodhod.toml")
    }

    /// The folder of the database.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The socket of a running host.
    pub fn socket(&self) -> PathBuf {
        self.state().join("control.sock")
    }

    /// What is asked over the socket of a running host, by its method and path, and sent.
    pub async fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        let client = reqwest::Client::builder().unix_socket(self.socket()).build().expect("a client");
        let method = method.parse().expect("a method");
        let answer = client.request(method, format!("http://localhost{path}")).send().await.expect("the host answers");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// A disk for that folder, and a host that takes all of it.
    pub fn disk(&self) -> Disk {
        Disk::new(&self.state())
    }

    /// What the program wrote to its log, in all its runs.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn write(&self) {
        let mut text = format!(
            "[host]\nstate = \"state\"\nlisten = \"{}\"\n{}\n\n[connections.shop]\nplatform = \"soroush\"\n\
             base_url = \"{}\"\ntoken = {{ env = \"E2E_TOKEN\" }}\n\
             pace = {{ connection = \"100000/s\", chat = \"100000/s\", at_once = 64 }}\n{}\n",
            self.listen,
            self.host,
            self.server.base_url(),
            self.connection,
        );
        for bot in &self.bots {
            write!(
                text,
                "\n[bots.{}]\nplugin = {:?}\nconnections = [\"shop\"]\ngrants = {{ {} }}\nlimits = {{ {} }}\nconfig = {{ {} }}\n",
                bot.name, bot.component, bot.grants, bot.limits, bot.config
            )
            .expect("a string takes it");
        }
        std::fs::write(self.config(), text).expect("the configuration is written");
    }

    /// Writes the configuration anew, as `edit` makes it of what it is.
    pub fn edit(&self, edit: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.config()).expect("there is a configuration");
        std::fs::write(self.config(), edit(text)).expect("the configuration is written");
    }

    /// A command line of the program with this configuration.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(program());
        command.arg(verb).arg("--config").arg(self.config()).env("E2E_TOKEN", TOKEN).env_remove("HODHOD_LOG");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// What the program says to these words with this configuration, and its exit code.
    pub async fn run(&self, words: &[&str]) -> (i32, String) {
        let mut command = Command::new(program());
        command.args(words).arg("--config").arg(self.config()).current_dir(self.folder.path());
        let output = command.env("E2E_TOKEN", TOKEN).stdin(Stdio::null()).output().await.expect("the program starts");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("it says text");
        (output.status.code().expect("it ends by itself"), said)
    }

    /// Starts the host.
    pub fn start(&self) -> Running {
        self.launch(self.command("run"))
    }

    /// Starts the host on a disk that may fail.
    pub fn start_on(&self, disk: &Disk) -> Running {
        let mut command = self.command("run");
        command.envs(disk.environment());
        self.launch(command)
    }

    /// Starts the host with another log.
    pub fn start_logging_to(&self, log: std::fs::File) -> Running {
        self.spawn(self.command("run"), log)
    }

    fn launch(&self, command: Command) -> Running {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the log can be written");
        self.spawn(command, log)
    }

    fn spawn(&self, mut command: Command, log: std::fs::File) -> Running {
        let out = log.try_clone().expect("the log can be written twice");
        let child = command.stdout(out).stderr(log).spawn().expect("the program starts");
        Running { child, listen: self.listen, client: reqwest::Client::builder().no_proxy().build().expect("a client") }
    }

    /// Starts the host and waits until it is connected.
    pub async fn start_ready(&self) -> Running {
        let mut running = self.start();
        running.ready(self.folder.path()).await;
        running
    }

    /// Waits until a host has logged something.
    pub async fn logged(&self, words: &str) {
        eventually("it is logged", async || {
            let log = self.log();
            if log.contains(words) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// Waits for so many messages of the bots and gives them: chat and text.
    pub async fn answers(&self, count: usize) -> Vec<(String, String)> {
        let sent = self.server.wait_for_sent(TOKEN, count, PATIENCE).await;
        let sent = sent.unwrap_or_else(|error| {
            panic!("{error}; sent: {:?}; log:\n{}", self.server.sent(TOKEN).map(|sent| sent.len()), self.log())
        });
        sent.iter().map(|sent| (sent.to().to_owned(), sent.body().to_owned())).collect()
    }

    /// Waits until what the bots sent satisfies a condition, and gives it.
    pub async fn sent_when(&self, what: &str, condition: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
        eventually(what, async || {
            let sent = self.server.sent(TOKEN).expect("the token is known");
            if condition(&sent) { Ok(sent) } else { Err(format!("{} sent; log:\n{}", sent.len(), self.log())) }
        })
        .await
    }

    /// The texts that were sent to one chat so far.
    pub fn sent_to(&self, chat: &str) -> Vec<String> {
        let sent = self.server.sent(TOKEN).expect("the token is known");
        sent.iter().filter(|sent| sent.to() == chat).map(|sent| sent.body().to_owned()).collect()
    }

    /// Somebody writes.
    pub fn say(&self, from: &str, text: &str) {
        self.server.say(TOKEN, from, text).expect("the server takes it");
    }
}

/// A running host.
pub struct Running {
    child: Child,
    listen: SocketAddr,
    client: reqwest::Client,
}

impl Running {
    /// Waits until the host is connected.
    pub async fn ready(&mut self, folder: &Path) {
        let url = self.url("/readyz");
        eventually("the host is ready", async || {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                panic!("the host has ended: {status}\n{log}");
            }
            let answer = self.client.get(&url).send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
        })
        .await;
    }

    /// What the host says of itself.
    pub async fn status(&self) -> Value {
        let answer = self.client.get(self.url("/status")).send().await.expect("the host answers");
        answer.json().await.expect("JSON")
    }

    /// Waits until the status satisfies a condition, and gives it.
    pub async fn status_when(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let status = self.status().await;
            if condition(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until nothing waits and nothing is under way.
    pub async fn idle(&self) -> Value {
        self.status_when("the host is idle", |status| {
            let totals = &status["totals"];
            totals["waiting_events"] == 0 && totals["waiting_sends"] == 0 && status["turns_under_way"] == 0
        })
        .await
    }

    /// Ends the process at once, as a power cut would.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// True while the process runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// What a page of the host answers, with its status code; nothing where it does not answer.
    pub async fn answer(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(self.url(path)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// A page of the host.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.client.get(self.url(path)).send().await.expect("the host answers");
        answer.text().await.expect("text")
    }

    /// Where a page or a part of the API is, over TCP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// Asks the process to end.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks the process to end as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Asks the process to read its configuration again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a child can be waited for")
    }

    /// Asks the process to end and waits until it has.
    pub async fn stop(self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }

    /// Bytes of memory that the process has.
    pub fn memory(&self) -> u64 {
        let id = self.child.id().expect("it runs");
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).expect("Linux");
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("resident pages");
        pages * 4096
    }

    /// A moment of this host's life.
    pub async fn live(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
