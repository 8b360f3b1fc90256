//! From PEM files to what rustls works with.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::CertificateError;
use crate::config::provider;

/// The largest PEM file that is read, bytes: 1 MiB. A chain with its key takes under 16 KiB.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// The two files a certificate comes from; they may be the same.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// What a pair of files looks like from outside: each one's time of change and length, none where
/// there is no file.
pub(crate) type Stamp = [Option<(SystemTime, u64)>; 2];

impl Files {
    pub(crate) fn stamp(&self) -> Stamp {
        [&self.chain, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    pub(crate) fn load(&self) -> Result<CertifiedKey, CertificateError> {
        let read = |path: &Path| {
            read_bounded(path).map_err(|cause| CertificateError::Read {
                path: path.to_owned(),
                cause,
            })
        };
        let [chain_place, key_place] = [&self.chain, &self.key].map(|path| path.display());
        let chain =
            certificates(&read(&self.chain)?).map_err(|detail| CertificateError::Chain {
                place: chain_place.to_string(),
                detail,
            })?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|cause| {
            CertificateError::Key {
                place: key_place.to_string(),
                detail: cause.to_string(),
            }
        })?;
        pair(chain, key, &chain_place.to_string(), &key_place.to_string())
    }
}

/// Certificate and key, checked to belong together.
pub(crate) fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    chain_place: &str,
    key_place: &str,
) -> Result<CertifiedKey, CertificateError> {
    CertifiedKey::from_der(chain, key, provider()).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch {
            chain: chain_place.to_owned(),
            key: key_place.to_owned(),
        },
        Error::InvalidCertificate(_) => CertificateError::Chain {
            place: chain_place.to_owned(),
            detail: error.to_string(),
        },
        _ => CertificateError::Key {
            place: key_place.to_owned(),
            detail: error.to_string(),
        },
    })
}

/// Every certificate of a PEM text, at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err("there is no `-----BEGIN CERTIFICATE-----` in it".to_owned())
        }
        Ok(certificates) => Ok(certificates),
        Err(cause) => Err(cause.to_string()),
    }
}

pub(crate) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let text = format!("it is over {MAX_FILE_BYTES} bytes, and so no certificate");
        return Err(io::Error::other(text));
    }
    Ok(bytes)
}
