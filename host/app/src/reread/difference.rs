//! What differs between two configurations, and what has to be done for it.

use std::collections::{BTreeMap, BTreeSet};

use hodhod_core::ids::{BotName, ConnectionName};

use crate::config::{BotEntry, Config, ConnectionConfig};
use crate::secret::Fingerprint;

/// A configuration, and what its credentials were when it was read.
pub(crate) struct Settings {
    pub(super) config: Config,
    connections: BTreeMap<ConnectionName, Fingerprint>,
    bots: BTreeMap<BotName, Fingerprint>,
}

impl Settings {
    /// Of a configuration that was read just now.
    pub(crate) fn of(config: Config) -> Self {
        let token = |connection: &ConnectionConfig| (connection.name.clone(), Fingerprint::of(connection.secrets()));
        let secrets = |bot: &BotEntry| (bot.name.clone(), Fingerprint::of(bot.http.sources()));
        Self {
            connections: config.connections.iter().map(token).collect(),
            bots: config.bots.iter().map(secrets).collect(),
            config,
        }
    }

    /// With what the host itself was started with, which stays until it is started anew.
    pub(super) fn with_host_of(mut self, running: &Self) -> Self {
        self.config.host = running.config.host.clone();
        self
    }
}

/// What there is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Connections that are to be received from, by an account that is new.
    pub(super) opened: BTreeSet<ConnectionName>,
    /// Of these, those that there were before.
    reopened: BTreeSet<ConnectionName>,
    /// Connections that send otherwise than before, and go on receiving.
    paced: BTreeSet<ConnectionName>,
    /// Connections that go.
    pub(super) closed: Vec<ConnectionName>,
    /// Bots that are new.
    added: Vec<BotName>,
    /// Bots that may use something else, are told something else or have another file.
    pub(super) changed: Vec<BotName>,
    /// Bots of which nothing differs but an account that they serve.
    pub(super) reconnected: Vec<BotName>,
    /// Bots that go.
    pub(super) removed: Vec<BotName>,
    /// What takes a restart, in words.
    pub(super) pending: Vec<String>,
}

impl Difference {
    /// What makes `new` of `old`.
    pub(super) fn between(old: &Settings, new: &Settings) -> Self {
        let mut this = Self { pending: pending(old, new), ..Self::default() };
        for connection in &new.config.connections {
            let name = connection.name.clone();
            let Some(before) = old.config.connections.iter().find(|before| before.name == name) else {
                this.opened.insert(name);
                continue;
            };
            let same_account = ConnectionConfig { policy: before.policy, ..connection.clone() } == *before
                && old.connections.get(&name) == new.connections.get(&name);
            if !same_account {
                this.reopened.insert(name.clone());
                this.opened.insert(name);
            } else if connection.policy != before.policy {
                this.paced.insert(name);
            }
        }
        let is_in = |config: &Config, name: &ConnectionName| config.connections.iter().any(|of| of.name == *name);
        let before = old.config.connections.iter().map(|connection| connection.name.clone());
        this.closed = before.filter(|name| !is_in(&new.config, name)).collect();
        for bot in &new.config.bots {
            let name = bot.name.clone();
            match old.config.bots.iter().find(|before| before.name == name) {
                None => this.added.push(name),
                Some(before) if before != bot || old.bots.get(&name) != new.bots.get(&name) => this.changed.push(name),
                Some(_) if bot.connections.iter().any(|served| this.opened.contains(served)) => {
                    this.reconnected.push(name);
                }
                Some(_) => {}
            }
        }
        let is_in = |config: &Config, name: &BotName| config.bots.iter().any(|bot| bot.name == *name);
        let before = old.config.bots.iter().map(|bot| bot.name.clone());
        this.removed = before.filter(|name| !is_in(&new.config, name)).collect();
        this
    }

    /// True where there is nothing to do, whatever waits for a restart.
    pub(super) fn is_empty(&self) -> bool {
        Self { pending: Vec::new(), ..Self::default() } == Self { pending: Vec::new(), ..self.clone() }
    }

    /// True for a connection that gets an account that is new.
    pub(super) fn opens(&self, name: &ConnectionName) -> bool {
        self.opened.contains(name)
    }

    /// True for a connection whose sends go on otherwise than before.
    pub(super) fn relinks(&self, name: &ConnectionName) -> bool {
        self.opens(name) || self.paced.contains(name)
    }

    /// True for a bot whose plugin has to be loaded.
    pub(super) fn loads(&self, name: &BotName) -> bool {
        self.added.contains(name) || self.changed.contains(name)
    }

    /// True for a bot that only learns of an account.
    pub(super) fn reconnects(&self, name: &BotName) -> bool {
        self.reconnected.contains(name)
    }

    /// What is done, for a person.
    pub(super) fn words(&self) -> Vec<String> {
        let opened = self.opened.iter().map(|name| {
            let what = if self.reopened.contains(name) { "is opened anew" } else { "is added" };
            format!("connection {name} {what}")
        });
        let paced = self.paced.iter().map(|name| format!("connection {name} sends by another policy"));
        let closed = self.closed.iter().map(|name| format!("connection {name} is closed; what waits for it waits"));
        let added = self.added.iter().map(|name| format!("bot {name} is added"));
        let changed = self.changed.iter().map(|name| format!("bot {name} is changed"));
        let removed = self.removed.iter().map(|name| format!("bot {name} is removed; its events wait"));
        opened.chain(paced).chain(closed).chain(added).chain(changed).chain(removed).collect()
    }
}

/// What differs of the host itself.
fn pending(old: &Settings, new: &Settings) -> Vec<String> {
    let (old, new) = (&old.config.host, &new.config.host);
    let differs = [
        ("state", old.state != new.state),
        ("listen", old.listen != new.listen),
        ("admin_token", old.admin_token != new.admin_token),
        ("grace", old.grace != new.grace),
        ("keep_free", old.keep_free != new.keep_free),
        ("workers", old.workers != new.workers),
        ("turns", old.turns != new.turns),
        ("remember", old.retention.remember != new.retention.remember),
        ("keep_dead", old.retention.keep_dead != new.retention.keep_dead),
        ("log", old.log != new.log),
        ("traces", old.traces != new.traces),
        ("webhooks", old.webhooks != new.webhooks),
    ];
    let mut keys: Vec<&str> = differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect();
    if keys.is_empty() && old != new {
        keys.push("…");
    }
    keys.into_iter().map(|key| format!("host.{key}: what it is now takes a restart of the host")).collect()
}

#[cfg(test)]
mod tests;
