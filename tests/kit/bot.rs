//! A bot of a configuration.

use std::path::{Path, PathBuf};

use crate::component;

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

    /// Its table in the configuration.
    pub(crate) fn table(&self, connection: &str) -> String {
        let Self { name, component, grants, limits, config } = self;
        format!(
            "\n[bots.{name}]\nplugin = {component:?}\nconnections = [{connection:?}]\ngrants = {{ {grants} }}\n\
             limits = {{ {limits} }}\nconfig = {{ {config} }}\n"
        )
    }
}
