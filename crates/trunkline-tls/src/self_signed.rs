//! Certificates for development, made on the spot.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;

use crate::load::pair;
use crate::{Certificate, CertificateError};

/// How long one is valid, with a day before now for clocks that differ: browsers accept one by its
/// hash for at most 14 days.
const VALID: Duration = Duration::from_secs(13 * 24 * 3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Certificate {
    /// Makes a certificate for these names and addresses, signed by itself: for development. It is
    /// valid for 13 days.
    ///
    /// No client trusts it by itself; one of this crate does with
    /// [`Trust::with_certificate`](crate::Trust::with_certificate).
    ///
    /// # Errors
    /// A name is none.
    pub fn self_signed<I>(names: I) -> Result<Self, CertificateError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let shown = names.join(", ");
        let wrong = |cause: rcgen::Error| CertificateError::SelfSigned {
            names: shown.clone(),
            detail: cause.to_string(),
        };
        let mut params = CertificateParams::new(names).map_err(wrong)?;
        params.distinguished_name = DistinguishedName::new();
        let name = "Trunkline, for development";
        params.distinguished_name.push(DnType::CommonName, name);
        let now = SystemTime::now();
        params.not_before = (now - DAY).into();
        params.not_after = (now + VALID).into();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(wrong)?;
        let certificate = params.self_signed(&key).map_err(wrong)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let place = "memory";
        Ok(Self::new(None, None, pair(chain, key, place, place)?))
    }
}
