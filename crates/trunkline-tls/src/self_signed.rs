//! Certificates for development, made on the spot.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use crate::certificate::Source;
use crate::load::pair;
use crate::sync::Mutex;
use crate::{Certificate, CertificateError};

/// How long one is valid: with [`EARLY`] the 14 days for which browsers believe one by its hash (W3C
/// WebTransport, "custom certificate requirements").
const VALID: Duration = Duration::from_secs(14 * DAY - HOUR);

/// How long before it is made one is valid already, for clocks that are behind.
const EARLY: Duration = Duration::from_secs(HOUR);

/// At what age one is made anew, if it is watched: early enough for whoever was given its hash.
const RENEWED: Duration = Duration::from_secs(11 * DAY);

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl Certificate {
    /// Makes a certificate for these names and addresses, signed by itself: for development. It is
    /// valid from an hour ago for 14 days, with an ECDSA key: one that browsers believe by its
    /// [hash](Self::sha256). [`watch`](Self::watch) makes it anew after 11 days.
    ///
    /// No client trusts it by itself; one of this crate does with
    /// [`Trust::with_certificate`](crate::Trust::with_certificate), until it is made anew.
    ///
    /// # Errors
    /// A name is none.
    pub fn self_signed<I>(names: I) -> Result<Self, CertificateError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let made = SystemTime::now();
        let current = make(&names, made)?;
        let made = Mutex::new(made);
        Ok(Self::new(Source::Names { names, made }, None, current))
    }
}

/// A certificate for these names with a key of its own.
pub(crate) fn make(names: &[String], now: SystemTime) -> Result<CertifiedKey, CertificateError> {
    let wrong = |cause: rcgen::Error| CertificateError::SelfSigned {
        names: names.join(", "),
        detail: cause.to_string(),
    };
    let mut params = CertificateParams::new(names).map_err(wrong)?;
    params.distinguished_name = DistinguishedName::new();
    let name = "Trunkline, for development";
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (now - EARLY).into();
    params.not_after = (now + VALID).into();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(wrong)?;
    let certificate = params.self_signed(&key).map_err(wrong)?;
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let place = "memory";
    pair(chain, key, place, place)
}

/// Whether one that was made then is to be made anew.
pub(crate) fn is_due(made: SystemTime, now: SystemTime) -> bool {
    now.duration_since(made).is_ok_and(|age| age >= RENEWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_made_anew_well_before_it_runs_out() {
        let made = SystemTime::UNIX_EPOCH;
        assert!(!is_due(made, made) && !is_due(made, made + RENEWED - Duration::from_secs(1)));
        assert!(is_due(made, made + RENEWED));
        assert!(RENEWED + Duration::from_secs(2 * DAY) < VALID);
        // A clock that was set back says nothing of age.
        assert!(!is_due(made + RENEWED, made));
    }

    #[test]
    fn one_made_anew_has_another_hash() {
        let certificate = Certificate::self_signed(["localhost"]).unwrap();
        let before = certificate.sha256();
        assert_eq!(certificate.clone().sha256(), before);
        certificate.reload().unwrap();
        assert_ne!(certificate.sha256(), before);
        assert_eq!(certificate.reloads(), 1);
    }
}
