//! What rustls is configured with; the one place that names a crypto provider.

use std::sync::OnceLock;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ServerConfig};

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
