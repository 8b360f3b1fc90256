//! Why a certificate or a client's trust cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a [`Certificate`](crate::Certificate) cannot be used.
///
/// None of the texts shows anything of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read, or is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// There is no certificate in it, or one that is malformed.
    #[error("no usable certificate in {place}: {detail}")]
    Chain {
        /// The file, or where else it came from.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no private key in it, or one that cannot be used.
    #[error("no usable private key in {place}: {detail}")]
    Key {
        /// The file, or where else it came from.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Certificate and key are not a pair, as while one of two files is replaced already.
    #[error("the key in {key} is not that of the certificate in {chain}")]
    Mismatch {
        /// Where the certificate came from.
        chain: String,
        /// Where the key came from.
        key: String,
    },
    /// No certificate could be made for these names.
    #[error("cannot make a certificate for {names}: {detail}")]
    SelfSigned {
        /// The names.
        names: String,
        /// What is wrong.
        detail: String,
    },
}

/// Why a client's [`Trust`](crate::Trust) cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A file cannot be read, or is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// There is no certificate of an authority in it, or one that is malformed.
    #[error("no usable certificate of an authority in {place}: {detail}")]
    Authority {
        /// The file, or where else it came from.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
    /// No authority is trusted at all, so no server could be.
    #[error(
        "no certificate authority is trusted: {detail}; install the system's (Debian: the package \
         ca-certificates), or add your own to `Trust`"
    )]
    Nobody {
        /// What the system's store said.
        detail: String,
    },
}
