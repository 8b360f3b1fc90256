//! What rustls is configured with; the one place that names a crypto provider.

use std::sync::OnceLock;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ServerConfig};

use crate::pinned::Pinned;
use crate::sync::Arc;
use crate::{Certificate, Trust, TrustError};

/// TLS 1.2 and 1.3 for a server, whose certificate follows every
/// [`reload`](Certificate::reload); `protocols` are those of ALPN, in order of preference.
///
/// At most 256 sessions are remembered for resumption by clients.
#[must_use]
pub fn server_config(certificate: &Certificate, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()
        .expect(VERSIONS);
    let mut config = builder
        .with_no_client_auth()
        .with_cert_resolver(certificate.resolver());
    config.alpn_protocols = owned(protocols);
    Arc::new(config)
}

/// TLS 1.2 and 1.3 for a client; `protocols` as for [`server_config`].
///
/// Reads the system's store if `trust` wants it: a hundred files or so, which may block for some
/// milliseconds. Do it once.
///
/// # Errors
/// Nobody is trusted.
pub fn client_config(trust: &Trust, protocols: &[&[u8]]) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = trust.roots()?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()
        .expect(VERSIONS);
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = owned(protocols);
    Ok(Arc::new(config))
}

/// TLS 1.3 for a client that believes whoever shows a certificate with one of these SHA-256 hashes, and
/// has its key: whatever its name and whoever signed it, as browsers do it for development. The
/// certificate must have an ECDSA key, and be valid now and for 14 days in all at most.
#[must_use]
pub fn pinned_client_config(hashes: &[[u8; 32]], protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect(VERSIONS);
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(hashes.to_vec())))
        .with_no_client_auth();
    config.alpn_protocols = owned(protocols);
    // The session of a server whose certificate is no longer told is not to be resumed.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// The provider is named here, and the process's default neither read nor set: what another part of
/// a program chooses must not change what this one does.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider()))
}

fn owned(protocols: &[&[u8]]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.to_vec()).collect()
}

const VERSIONS: &str = "ring has cipher suites for TLS 1.2 and 1.3";
