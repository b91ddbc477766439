//! What is shared by the requests of all bots: how names are looked up, and whom TLS trusts.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use futures::future::BoxFuture;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;
use tokio::sync::Semaphore;

/// Names of all bots that are looked up at once. Each holds a thread, which the system's look-up does not give
/// back before it is done.
const LOOKUPS: usize = 16;

/// Looks names up.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a name, each with the port.
    fn resolve(&self, name: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// How the world is reached.
#[derive(Clone)]
pub struct Network {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) tls: Arc<ClientConfig>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl Network {
    /// Names as this machine looks them up, and the authorities that it trusts.
    ///
    /// # Errors
    /// When the machine trusts nobody: its certificates are not there or cannot be read.
    pub fn system() -> Result<Self, rustls::Error> {
        Self::new(Arc::new(System::default()), [])
    }

    /// Names as `resolver` looks them up, and the authorities that this machine trusts, and `more`.
    ///
    /// # Errors
    /// When nobody is trusted.
    pub fn new(
        resolver: Arc<dyn Resolve>,
        more: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(default_provider());
        let verifier = Verifier::new_with_extra_roots(more, provider.clone())?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { resolver, tls: Arc::new(config) })
    }
}

/// The look-up of the operating system.
struct System(Arc<Semaphore>);

impl Default for System {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolve for System {
    fn resolve(&self, name: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let permits = self.0.clone();
        Box::pin(async move {
            let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            let looked_up = tokio::task::spawn_blocking(move || {
                // For as long as the thread is held, also where nobody waits for it any more.
                let _permit = permit;
                (name, port).to_socket_addrs().map(Iterator::collect)
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}
