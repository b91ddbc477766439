//! A folder with a configuration, and the program that is started with it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::disk::Disk;
use crate::{BotSetup, Running, eventually, program};

/// A folder with a configuration of one connection, `shop`.
pub struct Files {
    /// The folder: `hodhod.toml`, `state/`, and `log` with what the program wrote.
    pub folder: TempDir,
    listen: SocketAddr,
    pub(crate) bots: Vec<BotSetup>,
    /// Lines of `[host]`, and of the connection, beside those that are always there.
    pub(crate) host: String,
    pub(crate) connection: String,
    /// The lines of the connection that are always there.
    account: String,
    /// What the environment of the program has.
    secrets: Vec<(&'static str, String)>,
}

/// Ports below those that systems give to connections, one of which might take what is free just now before the
/// program does.
const PORTS: Range<u16> = 10_000..32_000;

/// Addresses that are free and stay so, no two of them the same.
pub(crate) fn free<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| {
        loop {
            let port = rand::random_range(PORTS);
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                break listener;
            }
        }
    });
    held.map(|free| free.local_addr().expect("its address"))
}

impl Files {
    /// A folder in this one, of a host that listens there. The account are the lines of its connection.
    pub(crate) fn new(
        within: &Path,
        listen: SocketAddr,
        bots: impl IntoIterator<Item = BotSetup>,
        account: String,
        secrets: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let files = Self {
            folder: tempfile::tempdir_in(within).expect("a folder"),
            listen,
            bots: bots.into_iter().collect(),
            host: String::new(),
            connection: String::new(),
            account,
            secrets: secrets.into_iter().collect(),
        };
        files.write();
        files
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

    pub(crate) fn write(&self) {
        let Self { listen, host, account, connection, .. } = self;
        let bots: String = self.bots.iter().map(|bot| bot.table("shop")).collect();
        let text = format!(
            "[host]\nstate = \"state\"\nlisten = \"{listen}\"\n{host}\n\n[connections.shop]\n{account}\n\
             pace = {{ connection = \"100000/s\", chat = \"100000/s\", at_once = 64 }}\n{connection}\n{bots}"
        );
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
        command.arg(verb).arg("--config").arg(self.config()).envs(self.secrets.clone()).env_remove("HODHOD_LOG");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// What the program says to these words with this configuration, and its exit code.
    pub async fn run(&self, words: &[&str]) -> (i32, String) {
        let mut command = Command::new(program());
        command.args(words).arg("--config").arg(self.config()).current_dir(self.folder.path());
        let output =
            command.envs(self.secrets.clone()).stdin(Stdio::null()).output().await.expect("the program starts");
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
        Running::new(child, self.listen)
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
}
