//! Which servers a client believes.

use std::fmt;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::load::{certificates, read_bounded};
use crate::sync::Arc;
use crate::{Certificate, TrustError};

/// The certificate authorities whose word a client takes for who a server is.
///
/// The default is the [system's](Self::system). There is no way to take everybody's word.
#[derive(Clone)]
pub struct Trust {
    system: bool,
    own: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The authorities that this machine's system trusts. They are read at the first dial that needs
    /// them, and kept.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            system: true,
            own: Vec::new(),
        }
    }

    /// Nobody: for those who add their own authority and want no other.
    #[must_use]
    pub const fn nobody() -> Self {
        Self {
            system: false,
            own: Vec::new(),
        }
    }

    /// Also the authorities in this PEM text.
    ///
    /// # Errors
    /// There is none in it, or a malformed one.
    pub fn with_pem(self, pem: &[u8]) -> Result<Self, TrustError> {
        self.with_pem_from(pem, "the PEM text")
    }

    /// Also the authorities in this PEM file. It blocks for as long as reading it takes.
    ///
    /// # Errors
    /// As [`with_pem`](Self::with_pem), or the file cannot be read.
    pub fn with_pem_file(self, path: impl AsRef<Path>) -> Result<Self, TrustError> {
        let path = path.as_ref();
        let pem = read_bounded(path).map_err(|cause| TrustError::Read {
            path: path.to_owned(),
            cause,
        })?;
        self.with_pem_from(&pem, &path.display().to_string())
    }

    /// Also whoever signed this certificate, and that is itself for a self-signed one: for tests and
    /// development, where client and server are one program.
    #[must_use]
    pub fn with_certificate(mut self, certificate: &Certificate) -> Self {
        self.own.extend(certificate.anchor());
        self
    }

    fn with_pem_from(mut self, pem: &[u8], place: &str) -> Result<Self, TrustError> {
        let unusable = |detail: String| TrustError::Authority {
            place: place.to_owned(),
            detail,
        };
        let found = certificates(pem).map_err(unusable)?;
        let mut store = RootCertStore::empty();
        for certificate in &found {
            store
                .add(certificate.clone())
                .map_err(|error| unusable(error.to_string()))?;
        }
        self.own.extend(found);
        Ok(self)
    }

    /// All of them, the system's read now.
    pub(crate) fn roots(&self) -> Result<Arc<RootCertStore>, TrustError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.own.iter().cloned());
        let mut detail = "the client was told to trust none of the system's".to_owned();
        if self.system {
            let store = rustls_native_certs::load_native_certs();
            let errors = store.errors.iter().map(ToString::to_string);
            let errors = errors.collect::<Vec<_>>().join(", ");
            let (added, ignored) = roots.add_parsable_certificates(store.certs);
            tracing::debug!(added, ignored, errors, "read the system's authorities");
            detail = format!("the system's store has {added} ({ignored} malformed) {errors}");
        }
        if roots.is_empty() {
            return Err(TrustError::Nobody { detail });
        }
        Ok(Arc::new(roots))
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("system", &self.system)
            .field("own", &self.own.len())
            .finish()
    }
}
