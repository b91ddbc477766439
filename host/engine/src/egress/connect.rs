//! From a target to a stream of bytes: one look-up, every address checked, one of them connected to.

use std::net::SocketAddr;
use std::sync::Arc;

use hodhod_core::egress::{Host, Policy, Scheme, Target};
use hodhod_core::ids::BotName;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Duration;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

use super::error;
use super::network::Network;

/// Addresses of one name that are tried. Who has more has them for balance, and a few do.
const ADDRESSES: usize = 8;

/// What one address gets to answer where there are others to try.
const TRY: Duration = Duration::from_secs(2);

/// A connection, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Network {
    /// Connects to a target that was admitted, after a permit of `lookups` where its name has to be looked up.
    pub(super) async fn connect(
        &self,
        bot: &BotName,
        policy: &Policy,
        target: &Target,
        lookups: &Arc<Semaphore>,
    ) -> Result<Box<dyn Stream>, Error> {
        let addresses = self.addresses(target, lookups).await?;
        // All of them, and not only the one that is tried: a name that leads here too is not to be trusted.
        for address in &addresses {
            policy.admit_address(*address).map_err(|denial| {
                tracing::debug!(%bot, host = %target, %denial, "a request is not allowed");
                error::denied(&denial)
            })?;
        }
        let tcp = first(&addresses).await?;
        match target.scheme {
            Scheme::Http => Ok(Box::new(tcp)),
            Scheme::Https => {
                let connector = TlsConnector::from(self.tls.clone());
                let tls = connector.connect(server_name(&target.host)?, tcp).await;
                Ok(Box::new(tls.map_err(|error| error::tls(&error))?))
            }
        }
    }

    async fn addresses(&self, target: &Target, lookups: &Arc<Semaphore>) -> Result<Vec<SocketAddr>, Error> {
        let name = match &target.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
            Host::Name(name) => name.clone(),
        };
        let failed = || Error::DnsError { rcode: None, info_code: None };
        // It is never closed.
        let permit = lookups.clone().acquire_owned().await.map_err(|_| failed())?;
        let looking = self.resolver.resolve(name, target.port);
        // By a task that goes on when nobody waits for it any more, as the look-up itself does.
        let looking = tokio::spawn(async move {
            let _permit = permit;
            looking.await
        });
        let found = looking.await.map_err(|_| failed())?.map_err(|_| failed())?;
        if found.is_empty() {
            return Err(Error::DestinationNotFound);
        }
        // Nothing but the address: no port, flow or zone that a look-up made up.
        Ok(found.into_iter().map(|found| SocketAddr::new(found.ip(), target.port)).collect())
    }
}

/// The first address that answers.
async fn first(addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
    let mut last = Error::DestinationNotFound;
    let tried = addresses.len().min(ADDRESSES);
    for (place, address) in addresses.iter().take(tried).enumerate() {
        let connecting = TcpStream::connect(address);
        let connected = if place + 1 == tried {
            connecting.await
        } else {
            tokio::time::timeout(TRY, connecting).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        };
        match connected {
            Ok(tcp) => {
                // Without it small requests wait for acknowledgements; with or without it they arrive.
                let _slower = tcp.set_nodelay(true);
                return Ok(tcp);
            }
            Err(error) => last = error::connecting(&error),
        }
    }
    Err(last)
}

/// Whose certificate is asked for.
fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        // A name with an underscore, say, for which there are no certificates.
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::TlsCertificateError),
    }
}
