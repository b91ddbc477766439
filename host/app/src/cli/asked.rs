//! Which host a verb asks: the one whose state folder the configuration names, or with `--host` one at an address,
//! with a token.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use reqwest::Url;

use super::client::Client;
use super::{ConfigFile, output};
use crate::config::{self, SecretSource};
use crate::secret;

/// Where the token for `--host` is, if no file is named.
const TOKEN: &str = "HODHOD_TOKEN";

/// Which host is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    #[command(flatten)]
    file: ConfigFile,
    /// Asks the host at this address, as in http://127.0.0.1:8600, and not the one whose state folder
    /// the configuration names.
    #[arg(long, value_name = "URL", value_parser = address)]
    host: Option<Url>,
    /// The file with the token for --host. Without it the environment variable HODHOD_TOKEN has it.
    #[arg(long, value_name = "FILE", requires = "host")]
    token_file: Option<PathBuf>,
}

/// Which host is asked, and how its answer is printed.
#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    #[command(flatten)]
    asked: Asked,
    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Asking {
    /// Makes a client. Nothing is asked yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        self.asked.client()
    }

    /// The configuration file.
    pub(super) fn config(&self) -> &Path {
        &self.asked.file.config
    }

    /// The state folder that the configuration names, unless a host elsewhere is asked.
    pub(super) fn state(&self) -> anyhow::Result<Option<PathBuf>> {
        match self.asked.host {
            Some(_) => Ok(None),
            None => self.asked.state().map(Some),
        }
    }
}

impl Asked {
    fn state(&self) -> anyhow::Result<PathBuf> {
        config::state(&self.file.config).map_err(|problem| anyhow!("{problem}"))
    }

    /// Makes a client for it. Nothing is asked yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let Some(address) = &self.host else { return Client::of_folder(self.state()?) };
        let token = match &self.token_file {
            Some(file) => Some(secret::read(&SecretSource::File(file.clone())).map_err(|what| anyhow!("{what}"))?),
            // What everybody may read is told without one.
            None => secret::read(&SecretSource::Env(TOKEN.to_owned())).ok(),
        };
        let is_local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if token.is_some() && address.scheme() == "http" && !is_local {
            output::complain("warning: the token is sent unencrypted; https:// or an SSH tunnel hides it");
        }
        Client::at(address, token)
    }
}

/// Reads the address of a host; there may be a path, where a proxy stands in front of it.
fn address(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(url)
        }
        _ => Err("write it like http://127.0.0.1:8600".to_owned()),
    }
}

/// One that is asked by a test.
#[cfg(test)]
pub(super) fn of(config: PathBuf, host: Option<&str>, token_file: Option<PathBuf>) -> Asked {
    Asked { file: ConfigFile { config }, host: host.map(|url| address(url).unwrap()), token_file }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn without_a_host_it_is_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("hodhod.toml");
        let asked =
            || of(config.clone(), None, None).client().and_then(|client| client.get(&["status"]).answer::<Value>());
        let error = asked().unwrap_err().to_string();
        assert!(error.ends_with("hodhod.toml: cannot be read: No such file or directory (os error 2)"), "{error}");
        // What is wrong elsewhere in the file keeps nobody from asking.
        std::fs::write(&config, "[host]\nstate = \"there\"\n[bots.echo]\nplugni = 3\n").unwrap();
        let error = asked().unwrap_err().to_string();
        assert!(error.starts_with("no host runs with the state folder") && error.contains("there"), "{error}");
        assert!(error.contains("hodhod run"), "{error}");
        std::fs::write(&config, format!("[host]\nstate = \"{}\"\n", "x".repeat(200))).unwrap();
        let error = format!("{:#}", asked().unwrap_err());
        assert!(error.contains("choose a shorter `state`"), "{error}");
    }

    #[test]
    fn an_address_is_that_of_a_host_and_holds_no_credentials() {
        for bad in ["127.0.0.1:8600", "ftp://host", "http://me:secret@host", "http://host/?a=b", "localhost"] {
            assert_eq!(address(bad).unwrap_err(), "write it like http://127.0.0.1:8600");
        }
        assert_eq!(address("https://host/below").unwrap().as_str(), "https://host/below");
    }
}
