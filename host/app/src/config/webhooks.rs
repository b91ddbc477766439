//! Where platforms call the host.

use std::net::SocketAddr;

use hodhod_core::ids::ConnectionName;
use hodhod_core::network::Network;
use serde::Deserialize;
use url::Url;

use super::Problem;

/// What is written where something is missing.
const EXAMPLE: &str = "webhooks = { listen = \"127.0.0.1:8601\", public = \"https://bot.example.ir\" }";

/// The table as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWebhooks {
    listen: Option<String>,
    public: Option<String>,
    #[serde(default)]
    proxies: Vec<String>,
}

/// Where platforms call the host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WebhooksConfig {
    /// Where the host listens.
    pub(crate) listen: SocketAddr,
    /// How that is reached from outside.
    pub(crate) public: Url,
    /// The proxies in front of it, which say where requests come from.
    pub(crate) proxies: Vec<Network>,
}

impl WebhooksConfig {
    /// The address of something that a platform calls at a connection.
    pub(crate) fn address(&self, platform: &str, connection: &ConnectionName, path: &str) -> String {
        let mut address = self.public.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().push(platform).push(connection.as_str());
            segments.extend(path.split('/').filter(|segment| !segment.is_empty()));
        }
        address.into()
    }
}

/// Complains of a connection whose platform calls, where nothing says how.
pub(super) fn missing(at: &str) -> Problem {
    Problem::new(at, "its platform calls the host, and nothing says where")
        .write(format!("[host]\n           {EXAMPLE}"))
}

pub(super) fn check(raw: &RawWebhooks, problems: &mut Vec<Problem>) -> Option<WebhooksConfig> {
    let mut wrong =
        |key: &str, what: String| problems.push(Problem::new(format!("host.webhooks.{key}"), what).write(EXAMPLE));
    let listen = match raw.listen.as_deref().map(str::parse) {
        Some(Ok(listen)) => Some(listen),
        Some(Err(_)) => {
            wrong("listen", "it is not an address and a port".to_owned());
            None
        }
        None => {
            wrong("listen", "it is missing: the address and port to listen at".to_owned());
            None
        }
    };
    let public = match raw.public.as_deref().map(public) {
        Some(Ok(public)) => Some(public),
        Some(Err(what)) => {
            wrong("public", what);
            None
        }
        None => {
            wrong("public", "it is missing: how that address is reached from outside".to_owned());
            None
        }
    };
    let mut proxies = Vec::new();
    for text in &raw.proxies {
        match text.parse::<Network>() {
            Ok(proxy) => proxies.push(proxy),
            Err(error) => problems.push(
                Problem::new("host.webhooks.proxies", format!("{text:?}: {error}")).write("proxies = [\"127.0.0.1\"]"),
            ),
        }
    }
    Some(WebhooksConfig { listen: listen?, public: public?, proxies })
}

fn public(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_plain || url.cannot_be_a_base() {
        return Err(format!("{text:?} must begin with https:// and end with its path"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(public: &str) -> Result<WebhooksConfig, String> {
        let text = format!("listen = \"127.0.0.1:8601\"\npublic = \"{public}\"\nproxies = [\"127.0.0.1\"]");
        let mut problems = Vec::new();
        let raw: RawWebhooks = toml::from_str(&text).unwrap();
        check(&raw, &mut problems).ok_or_else(|| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn addresses_of_connections_are_made_of_the_public_one() {
        let address = |public: &str, name: &str| checked(public).unwrap().address("divar", &name.into(), "oauth");
        assert_eq!(address("https://bot.example.ir", "shop"), "https://bot.example.ir/divar/shop/oauth");
        assert_eq!(
            address("https://example.ir/bots/", "a shop/ب"),
            "https://example.ir/bots/divar/a%20shop%2F%D8%A8/oauth"
        );
        assert_eq!(checked("https://bot.example.ir").unwrap().proxies, ["127.0.0.1".parse::<Network>().unwrap()]);
    }

    #[test]
    fn what_is_no_public_address_is_refused() {
        for wrong in ["bot.example.ir", "ftp://bot.example.ir", "https://u@bot.example.ir", "https://a.ir/?x", "data:x"]
        {
            assert!(checked(wrong).unwrap_err().starts_with("host.webhooks.public: "), "{wrong}");
        }
    }
}
