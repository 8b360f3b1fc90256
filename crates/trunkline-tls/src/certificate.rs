//! A server's certificate, which can be exchanged while connections are accepted.

use std::fmt;
use std::path::PathBuf;
#[cfg(feature = "self-signed")]
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};

use crate::CertificateError;
use crate::load::{Files, Stamp};
#[cfg(feature = "self-signed")]
use crate::self_signed::{is_due, make};
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
    pub(crate) source: Source,
    current: Mutex<Arc<CertifiedKey>>,
    /// The files as they were when they were last read, whether that went well or not. Held while
    /// they are read, so that an older content never replaces a newer one.
    stamp: Mutex<Option<Stamp>>,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
}

/// Where a certificate comes from, and comes from again.
#[derive(Debug)]
pub(crate) enum Source {
    Files(Files),
    /// Made here for these names; at what time.
    #[cfg(feature = "self-signed")]
    Names {
        names: Vec<String>,
        made: Mutex<SystemTime>,
    },
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
        Ok(Self::new(Source::Files(files), Some(stamp), current))
    }

    pub(crate) fn new(source: Source, stamp: Option<Stamp>, current: CertifiedKey) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                current: Mutex::new(Arc::new(current)),
                stamp: Mutex::new(stamp),
                reloads: AtomicU64::new(0),
                failed_reloads: AtomicU64::new(0),
            }),
        }
    }

    /// Whether it was made by `self_signed`: then clients know it by its hash alone.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        match &self.inner.source {
            Source::Files(_) => false,
            #[cfg(feature = "self-signed")]
            Source::Names { .. } => true,
        }
    }

    /// Reads the files again: connections accepted from now on get what is in them. One
    /// that was made by `self_signed` is made anew, with another key.
    ///
    /// It blocks as [`from_pem_files`](Self::from_pem_files) does.
    ///
    /// # Errors
    /// As there. Then the certificate before stays in use, and an error is logged and
    /// [counted](Self::failed_reloads).
    pub fn reload(&self) -> Result<(), CertificateError> {
        // Held to the end, so that an older content never replaces a newer one.
        let mut stamp = lock(&self.inner.stamp);
        let loaded = match &self.inner.source {
            Source::Files(files) => {
                // Taken before the content: what changes in between is seen as a change later.
                *stamp = Some(files.stamp());
                files.load()
            }
            #[cfg(feature = "self-signed")]
            Source::Names { names, made } => {
                let now = SystemTime::now();
                make(names, now).inspect(|_| *lock(made) = now)
            }
        };
        match loaded {
            Ok(loaded) => {
                *lock(&self.inner.current) = Arc::new(loaded);
                self.inner.reloads.fetch_add(1, Ordering::Relaxed);
                let source = &self.inner.source;
                tracing::info!(?source, "certificate reloaded");
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

    /// The SHA-256 of the server's own certificate as it is now, by which a browser can be told to
    /// believe it (`serverCertificateHashes`), if it is one
    /// that browsers take so, as those of `self_signed` are.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        let current = self.inner.current();
        let own = current.cert.first().map_or(&[][..], AsRef::as_ref);
        Sha256::digest(own).into()
    }

    /// Whether the files look otherwise than when they were last read, or the certificate that was
    /// made here is to be made anew.
    pub(crate) fn is_stale(&self) -> bool {
        match &self.inner.source {
            Source::Files(files) => {
                let stamp = lock(&self.inner.stamp);
                *stamp != Some(files.stamp())
            }
            #[cfg(feature = "self-signed")]
            Source::Names { made, .. } => is_due(*lock(made), SystemTime::now()),
        }
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
            .field("source", &self.inner.source)
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
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
