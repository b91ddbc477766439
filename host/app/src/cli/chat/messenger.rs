//! The local messenger that a chat in the terminal goes through.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use hodhod_core::host::Host;
use hodhod_platforms::divar::{AppPace, Options};
use hodhod_platforms::playground::divar::{Addresses, App, DivarServer, Permission, Terminal};
use hodhod_platforms::playground::soroush::SoroushServer;

use super::divar::DivarTalk;
use super::talk::Talk;
use crate::config::{Account, DivarEntry, OAuthEntry, SecretSource, SoroushEntry, WebhooksConfig};

/// A messenger that can be played in the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Platform {
    /// Soroush.
    #[default]
    Soroush,
    /// Divar: its chatbot, and a conversation about a post.
    Divar,
}

/// A local messenger with an account for each bot.
pub(super) enum Messenger {
    Soroush(SoroushServer),
    /// Each bot is an app of its own, on a server of its own; and where they call the host.
    Divar(Vec<(String, DivarServer)>, SocketAddr),
}

impl Messenger {
    /// Starts one for bots of these names.
    pub(super) async fn start(platform: Platform, bots: &[String]) -> anyhow::Result<Self> {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match platform {
            Platform::Soroush => {
                let server = SoroushServer::start(local).await?;
                bots.iter().for_each(|bot| server.add_bot(&token(bot)));
                Ok(Self::Soroush(server))
            }
            Platform::Divar => {
                // Free a moment later, when the host takes it.
                let called = TcpListener::bind(local)?.local_addr()?;
                let mut servers = Vec::new();
                for bot in bots {
                    let at = webhooks(called)?.address("divar", &bot.as_str().into(), "");
                    let at = at.trim_end_matches('/');
                    let app = App::new(&slug(bot))
                        .api_key(&token(bot), &Permission::ALL)
                        .identification_key(&token(bot))
                        .client_secret(&token(bot))
                        .addresses(Addresses::under(at))
                        .redirect(&format!("{at}/oauth"));
                    servers.push((bot.clone(), DivarServer::start(local, Terminal::people(app)).await?));
                }
                Ok(Self::Divar(servers, called))
            }
        }
    }

    /// The account of a bot, with its credentials in a file of this folder.
    pub(super) fn account(&self, bot: &str, folder: &Path) -> anyhow::Result<Account> {
        let file = folder.join(format!("{bot}.token"));
        std::fs::write(&file, token(bot))?;
        let options = hodhod_platforms::soroush::Options::default();
        Ok(match self {
            Self::Soroush(server) => Account::Soroush(SoroushEntry {
                base_url: Some(server.base_url()),
                token: SecretSource::File(file),
                get_message_prefix: None,
                max_upload: options.max_upload,
                attachment_name: options.attachment_name,
                max_age: None,
            }),
            Self::Divar(servers, _) => {
                let server = servers.iter().find(|(name, _)| name == bot).map(|(_, server)| server.base_url());
                Account::Divar(Box::new(of_divar(bot, &server.unwrap_or_default(), &file)))
            }
        })
    }

    /// Where it calls the host, if it does.
    pub(super) fn webhooks(&self) -> anyhow::Result<Option<WebhooksConfig>> {
        match self {
            Self::Soroush(_) => Ok(None),
            Self::Divar(_, called) => webhooks(*called).map(Some),
        }
    }

    /// Lets the person talk until they have enough.
    pub(super) async fn talk(self, bots: &[String], host: &Host) -> anyhow::Result<()> {
        match self {
            Self::Soroush(server) => Talk::new(server, bots)?.run(host).await,
            Self::Divar(servers, _) => DivarTalk::new(servers)?.run(host).await,
        }
    }
}

fn of_divar(bot: &str, base: &str, file: &Path) -> DivarEntry {
    let default = Options::default();
    let secret = || SecretSource::File(file.to_owned());
    let scopes = [
        "USER_ID",
        "USER_PHONE",
        "USER_POSTS_GET",
        "NOTIFICATION_ACCESS_REVOCATION",
        "CONVERSATION_SEND_MESSAGE",
        "CHAT_POST_CONVERSATIONS_READ",
        "CHAT_POST_CONVERSATIONS_MESSAGE_SEND",
        "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ",
        "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND",
        "CHAT_BOT_USER_MESSAGE_SEND",
        "offline_access",
    ];
    DivarEntry {
        slug: slug(bot),
        api_key: secret(),
        identification_key: secret(),
        oauth: Some(OAuthEntry { client_secret: secret(), scopes: scopes.map(str::to_owned).to_vec() }),
        base_url: Some(base.to_owned()),
        oauth_url: Some(base.to_owned()),
        upload_url: Some(base.to_owned()),
        completion_url: Some(format!("{base}/completion")),
        opening_url: None,
        sources: Vec::new(),
        answer_within: default.answer_within,
        // A person who types is never so quick, and a script is.
        press_window: Duration::ZERO,
        max_age: None,
        media_hosts: Vec::new(),
        allow_private: base.trim_start_matches("http://").parse().into_iter().collect(),
        pace: AppPace::default(),
    }
}

fn webhooks(called: SocketAddr) -> anyhow::Result<WebhooksConfig> {
    Ok(WebhooksConfig { listen: called, public: format!("http://{called}").parse()?, proxies: Vec::new() })
}

/// A token for the local server; it opens nothing else.
pub(super) fn token(bot: &str) -> String {
    format!("local-token-of-{}", slug(bot))
}

fn slug(bot: &str) -> String {
    bot.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}
