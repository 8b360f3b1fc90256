//! Believing a server for its certificate's hash alone, as browsers do for development
//! (W3C WebTransport, "custom certificate requirements").

use std::fmt;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest as _, Sha256};

use crate::config::provider;
use crate::sync::Arc;
use crate::validity::Validity;

/// Believes whoever shows one of these certificates and has its key, whatever its name.
pub(crate) struct Pinned(pub(crate) Vec<[u8; 32]>);

impl Pinned {
    fn judge(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), PinError> {
        let hash: [u8; 32] = Sha256::digest(certificate).into();
        if !self.0.contains(&hash) {
            return Err(PinError::Hash);
        }
        let validity = Validity::of(certificate).ok_or(PinError::Malformed)?;
        let now = now.as_secs();
        if now < validity.from || now > validity.until {
            return Err(PinError::Time);
        }
        let is_short = validity.until - validity.from <= PINNED_MAX.as_secs();
        is_short.then_some(()).ok_or(PinError::Long)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.judge(end_entity, now);
        // What rustls has for certificates shows its own types' names in place of the text.
        judged.map_err(|why| Error::Other(OtherError(Arc::new(why))))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    /// ECDSA alone, as browsers have it: a server with another key has nothing to sign with.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
        ]
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pinned").field(&self.0.len()).finish()
    }
}

/// Why a certificate is not believed.
#[derive(Debug, thiserror::Error)]
enum PinError {
    #[error("the certificate is none of those whose hashes were told")]
    Hash,
    #[error("the certificate is malformed")]
    Malformed,
    #[error("the certificate has expired, or is not valid yet")]
    Time,
    #[error(
        "the certificate is valid for more than 14 days, which is too long for its hash to count"
    )]
    Long,
}

/// How long a certificate may be valid to be believed for its hash.
pub(crate) const PINNED_MAX: Duration = Duration::from_secs(14 * 24 * 3600);

#[cfg(all(test, feature = "self-signed"))]
#[allow(clippy::unwrap_used, reason = "also the helpers here are tests")]
mod tests {
    use std::time::SystemTime;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// One that is valid from an hour ago for so long.
    fn valid_for(validity: Duration) -> CertificateDer<'static> {
        let from = SystemTime::now() - Duration::from_secs(3600);
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = from.into();
        params.not_after = (from + validity).into();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn judged(certificate: &CertificateDer<'_>, hash: [u8; 32], later: Duration) -> String {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap() + later;
        let now = UnixTime::since_unix_epoch(since);
        let judged = Pinned(vec![[0; 32], hash]).judge(certificate, now);
        judged.map_or_else(|error| error.to_string(), |()| "believed".to_owned())
    }

    fn hash(certificate: &CertificateDer<'_>) -> [u8; 32] {
        Sha256::digest(certificate).into()
    }

    #[test]
    fn a_certificate_is_believed_for_its_hash_while_it_is_valid() {
        let certificate = valid_for(14 * DAY);
        let judged = |later| judged(&certificate, hash(&certificate), later);
        assert_eq!(judged(Duration::ZERO), "believed");
        assert_eq!(judged(13 * DAY), "believed");
        assert!(judged(14 * DAY).contains("expired"));
    }

    #[test]
    fn another_hash_a_long_life_and_nonsense_are_not_believed() {
        let certificate = valid_for(14 * DAY);
        assert!(judged(&certificate, [1; 32], Duration::ZERO).contains("none of those"));
        let long = valid_for(15 * DAY);
        assert!(judged(&long, hash(&long), Duration::ZERO).contains("14 days"));
        for nonsense in [
            &b""[..],
            b"\x30",
            b"\x30\x03\x30\x84\xff",
            &certificate[..40],
        ] {
            let nonsense = CertificateDer::from(nonsense.to_vec());
            let judged = judged(&nonsense, hash(&nonsense), Duration::ZERO);
            assert!(judged.contains("malformed"), "{judged}");
        }
    }
}
