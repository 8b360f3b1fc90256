//! The secret that lets a client resume its session.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A session's secret, as its text on the wire. Fixed for the session's life.
///
/// Any text can be offered as a secret: a malformed one is simply a wrong one, so that both get the
/// same answer. `Debug` shows nothing of it, and there is no `Display`.
///
/// Specification: session.md.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The secret of 128 random bits: 22 characters of base64url on the wire.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random).into())
    }

    /// The secret with this text, whatever it is.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The text that goes on the wire. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a server keeps of the secret.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl PartialEq for Secret {
    /// In constant time for texts of equal length.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a [`Secret`]: it tells a right secret from a wrong one and cannot be offered.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Whether this is the hash of `secret`, in constant time.
    #[must_use]
    pub fn matches(&self, secret: &Secret) -> bool {
        self.0.ct_eq(&secret.hash().0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_matches() {
        let hash = Secret::new([7; 16]).hash();
        assert!(hash.matches(&Secret::from_text(Secret::new([7; 16]).expose())));
        assert!(!hash.matches(&Secret::new([8; 16])));
        assert!(!hash.matches(&Secret::from_text("")));
        assert!(!hash.matches(&Secret::from_text("not base64url at all!")));
    }

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        let secret = Secret::new([7; 16]);
        let shown = format!("{secret:?} {:?}", secret.hash());
        assert_eq!(shown, "Secret(…) SecretHash(…)");
    }
}
