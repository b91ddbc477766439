//! Files that came with a message: each has a web address, which Divar chose or let somebody choose.
//!
//! So reading one is a request to anywhere, and it is guarded as requests of bots are: over TLS, to
//! global addresses only, by a look-up of our own whose every answer is looked at, without redirects,
//! and without a proxy that would look up for itself.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use hodhod_core::egress::{Why, is_global};
use hodhod_core::platform::{Download, FileBytes, FileError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::ACCEPT;
use reqwest::{Client, Response, StatusCode, Url, redirect};

use crate::common::transfer::{self, Coming};
use crate::common::{chain, retry_after};

use super::api::now;
use super::config::{ConfigError, Options};

/// How a file is called that came with a message.
const LINK: &str = "link:";

/// Longest web address of a file, in bytes.
const LONGEST: usize = 4096;

/// The key of a file at a web address; `None` if it is none.
pub(super) fn key(link: &str) -> Option<String> {
    let link = link.trim();
    let url = Url::parse(link).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())?;
    (link.len() <= LONGEST && url.username().is_empty() && url.password().is_none()).then(|| format!("{LINK}{link}"))
}

/// The web address behind a key.
pub(super) fn address(key: &str) -> Option<&str> {
    let link = key.strip_prefix(LINK)?;
    (self::key(link).as_deref() == Some(key)).then_some(link)
}

/// Reads files from anywhere that is allowed.
pub(super) struct Reader {
    client: Client,
    hosts: Vec<String>,
    allow_private: Vec<SocketAddr>,
    most: u64,
    quiet: Duration,
}

impl Reader {
    pub(super) fn new(options: &Options) -> Result<Self, ConfigError> {
        let client = Client::builder()
            .user_agent(concat!("hodhod/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.timing.connect)
            .pool_max_idle_per_host(0)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .dns_resolver(Arc::new(Guarded))
            .build();
        Ok(Self {
            client: client.map_err(|error| ConfigError::Client(chain(error.without_url())))?,
            hosts: options.media_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            allow_private: options.allow_private.clone(),
            most: options.max_download,
            quiet: options.timing.file,
        })
    }

    /// Begins to read a file, once. Dropping it or its bytes closes the connection.
    pub(super) async fn read(&self, link: &str) -> Result<Download, FileError> {
        let url = Url::parse(link).map_err(|_| FileError::Refused("it has no address".to_owned()))?;
        self.admit(&url)?;
        let asking = self.client.get(url).header(ACCEPT, "*/*").send();
        let response = transfer::head(self.quiet, asking, told).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(trouble(status, retry_after(response.headers(), now())));
        }
        let size = response.content_length();
        if size.is_some_and(|size| size > self.most) {
            return Err(FileError::TooLarge(self.most));
        }
        Ok(Download { size, bytes: pieces(response, self.most, self.quiet) })
    }

    /// Says whether an address may be asked at all, as far as that shows before its name is looked up.
    fn admit(&self, url: &Url) -> Result<(), FileError> {
        let refused = |why: String| Err(FileError::Refused(why));
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let port = url.port_or_known_default().unwrap_or_default();
        if literal.is_some_and(|address| self.allow_private.contains(&SocketAddr::new(address, port))) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return refused("its address is not https".to_owned());
        }
        if let Some(why) = literal.and_then(|address| is_global(address).err()) {
            return refused(format!("its address is {why}"));
        }
        let of = |known: &String| host == *known || host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'));
        if !self.hosts.is_empty() && !self.hosts.iter().any(of) {
            return refused("its host is not among the media_hosts of the connection".to_owned());
        }
        Ok(())
    }
}

fn pieces(response: Response, most: u64, quiet: Duration) -> FileBytes {
    let state = (response, Coming::new(quiet), 0_u64);
    let pieces = stream::try_unfold(state, move |(mut response, mut coming, before)| async move {
        let Some(piece) = coming.piece(response.chunk(), told).await? else { return Ok(None) };
        let so_far = before + piece.len() as u64;
        if so_far > most { Err(FileError::TooLarge(most)) } else { Ok(Some((piece, (response, coming, so_far)))) }
    });
    pieces.boxed()
}

fn trouble(status: StatusCode, wait: Option<Duration>) -> FileError {
    match (status.as_u16(), wait) {
        (429 | 503, Some(wait)) => FileError::Wait(wait),
        (408 | 429 | 500..=599, _) => FileError::Unavailable(format!("HTTP {}", status.as_u16())),
        (300..=399, _) => FileError::Refused(format!("HTTP {}: redirects are not followed", status.as_u16())),
        _ => FileError::Refused(format!("HTTP {}", status.as_u16())),
    }
}

fn told(error: reqwest::Error) -> FileError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(denied) = error.downcast_ref::<Denied>() {
            return FileError::Refused(denied.to_string());
        }
        cause = error.source();
    }
    FileError::Unavailable(chain(error.without_url()))
}

/// Looks names up, and gives nothing where one of the addresses is not global: all of them, because a
/// name that leads here too is not to be trusted.
struct Guarded;

/// The name leads to where nobody may go.
#[derive(Debug)]
struct Denied(IpAddr, Why);

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its name leads to {}, which is {}", self.0, self.1)
    }
}

impl Error for Denied {}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by whoever connects.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &found {
                is_global(address.ip()).map_err(|why| Denied(address.ip(), why))?;
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(options: Options) -> Reader {
        Reader::new(&options).unwrap()
    }

    fn admitted(reader: &Reader, link: &str) -> bool {
        reader.admit(&Url::parse(link).unwrap()).is_ok()
    }

    #[test]
    fn a_key_is_made_of_web_addresses_only_and_gives_them_back() {
        let link = "https://example.com/پرونده.pdf?x=1";
        assert_eq!(address(&key(link).unwrap()), Some(link));
        for bad in ["", "file:///etc/passwd", "ftp://a/b", "https://", "a/b", "javascript:x", "https://u:p@a/b"] {
            assert_eq!(key(bad), None, "{bad}");
        }
        assert_eq!(key(&format!("https://a/{}", "x".repeat(LONGEST))), None);
        for bad in ["link:", "link: https://a/b", "https://a/b", "token:x", "link:file:///a"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_global_addresses_over_tls_are_asked() {
        let open = reader(Options::default());
        assert!(admitted(&open, "https://cdn.example.com/a") && admitted(&open, "https://1.1.1.1/a"));
        for bad in [
            "http://cdn.example.com/a",
            "https://127.0.0.1/a",
            "https://0x7f.1/a",
            "https://2130706433/a",
            "https://[::1]/a",
            "https://[::ffff:10.0.0.1]/a",
            "https://169.254.169.254/latest",
            "https://192.168.1.1:8443/a",
        ] {
            assert!(!admitted(&open, bad), "{bad}");
        }
    }

    #[test]
    fn the_operator_can_narrow_the_hosts_and_open_a_local_address() {
        let local = "127.0.0.1:8090".parse().unwrap();
        let narrow = reader(Options {
            media_hosts: vec!["DivarCDN.com".to_owned()],
            allow_private: vec![local],
            ..Options::default()
        });
        for good in ["https://divarcdn.com/a", "https://s101.divarcdn.com./a", "http://127.0.0.1:8090/a"] {
            assert!(admitted(&narrow, good), "{good}");
        }
        for bad in ["https://example.com/a", "https://xdivarcdn.com/a", "http://127.0.0.1:8091/a"] {
            assert!(!admitted(&narrow, bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_for_good() {
        let read = reader(Options::default()).read("https://localhost/a").await;
        let Err(FileError::Refused(why)) = read.map(drop) else { panic!("it was not refused") };
        assert!(why.contains("is a loopback address"), "{why}");
    }
}
