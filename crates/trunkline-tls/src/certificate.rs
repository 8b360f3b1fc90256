//! A server's certificate, which can be exchanged while connections are accepted.

use std::fmt;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::CertificateError;
use crate::load::{Files, Stamp};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, lock};

/// A server's certificate chain with its key.
///
/// A cheap handle; all clones are the same certificate, so that a listener follows a
/// [`reload`](Self::reload) of any of them. Connections there are keep what they began with.
#[derive(Clone)]
pub struct Certificate {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// None for one that came from no file.
    pub(crate) files: Option<Files>,
    current: Mutex<Arc<CertifiedKey>>,
    /// The files as they were when they were last read, whether that went well or not. Held while
    /// they are read, so that an older content never replaces a newer one.
    stamp: Mutex<Option<Stamp>>,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
}

impl Certificate {
    /// Reads a certificate chain, the server's own first, and its private key (PKCS #8, PKCS #1 or
    /// SEC1), both as PEM. The two files may be one.
    ///
    /// Reads two small files; it blocks for as long as that takes.
    ///
    /// # Errors
    /// A file cannot be read, holds nothing usable, or the two are no pair. Nothing is checked that
    /// only a client can judge: names, times, and who has signed it.
    pub fn from_pem_files(
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, CertificateError> {
        let (chain, key) = (chain.into(), key.into());
        let files = Files { chain, key };
        let stamp = files.stamp();
        let current = files.load()?;
        Ok(Self::new(Some(files), Some(stamp), current))
    }

    pub(crate) fn new(files: Option<Files>, stamp: Option<Stamp>, current: CertifiedKey) -> Self {
        Self {
            inner: Arc::new(Inner {
                files,
                current: Mutex::new(Arc::new(current)),
                stamp: Mutex::new(stamp),
                reloads: AtomicU64::new(0),
                failed_reloads: AtomicU64::new(0),
            }),
        }
    }

    /// Reads the files again: connections accepted from now on get what is in them. One that came
    /// from no file stays as it is.
    ///
    /// It blocks as [`from_pem_files`](Self::from_pem_files) does.
    ///
    /// # Errors
    /// As there. Then the certificate before stays in use, and an error is logged and
    /// [counted](Self::failed_reloads).
    pub fn reload(&self) -> Result<(), CertificateError> {
        let Some(files) = &self.inner.files else {
            return Ok(());
        };
        let mut stamp = lock(&self.inner.stamp);
        // Taken before the content: what changes in between is seen as a change later.
        *stamp = Some(files.stamp());
        match files.load() {
            Ok(loaded) => {
                *lock(&self.inner.current) = Arc::new(loaded);
                self.inner.reloads.fetch_add(1, Ordering::Relaxed);
                let chain = files.chain.display();
                tracing::info!(%chain, "certificate reloaded");
                Ok(())
            }
            Err(error) => {
                self.inner.failed_reloads.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "certificate not reloaded: the one before stays in use");
                Err(error)
            }
        }
    }

    /// Reloads that went well, since the start.
    #[must_use]
    pub fn reloads(&self) -> u64 {
        self.inner.reloads.load(Ordering::Relaxed)
    }

    /// Reloads that failed, since the start.
    #[must_use]
    pub fn failed_reloads(&self) -> u64 {
        self.inner.failed_reloads.load(Ordering::Relaxed)
    }

    /// Whether the files look otherwise than when they were last read.
    pub(crate) fn is_stale(&self) -> bool {
        let Some(files) = &self.inner.files else {
            return false;
        };
        let stamp = lock(&self.inner.stamp);
        *stamp != Some(files.stamp())
    }

    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.inner) as _
    }

    /// The last of the chain, from which it is trusted.
    pub(crate) fn anchor(&self) -> Option<CertificateDer<'static>> {
        self.inner.current().cert.last().cloned()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.inner.files)
            .field("failed_reloads", &self.failed_reloads())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&lock(&self.current))
    }
}

impl ResolvesServerCert for Inner {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}
