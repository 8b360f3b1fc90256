//! Certificates and trust for Trunkline's transports, over rustls.
//!
//! What users hold ([`Certificate`], [`Trust`]) shows nothing of rustls; the functions that make
//! its configurations are for the crates of transports, so that all of them share one certificate,
//! one reload and one crypto provider.
//!
//! | file | what it holds |
//! |---|---|
//! | `certificate.rs`, `load.rs` | [`Certificate`]: from PEM files, reloaded in place |
//! | `watch.rs` | reloading when the files change |
//! | `self_signed.rs` | certificates for development (feature `self-signed`) |
//! | `trust.rs` | [`Trust`]: which servers a client believes |
//! | `pinned.rs`, `validity.rs` | a certificate believed for its hash |
//! | `config.rs` | [`server_config`], [`client_config`], [`pinned_client_config`]; the crypto provider |
#![forbid(unsafe_code)]

mod certificate;
mod config;
mod error;
mod load;
mod pinned;
#[cfg(feature = "self-signed")]
mod self_signed;
mod sync;
mod trust;
mod validity;
mod watch;

pub use certificate::Certificate;
pub use config::{client_config, pinned_client_config, server_config};
pub use error::{CertificateError, TrustError};
pub use load::MAX_FILE_BYTES;
pub use trust::Trust;
pub use watch::WATCH_LEAST;
