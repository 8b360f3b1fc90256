//! A certificate for the servers of one run, which the load generator trusts and no other.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
};

use rcgen::CertifiedKey;
use rustls::ClientConfig;
use tempfile::TempDir;

use crate::stream;

/// A self-signed certificate for one address, in files that are removed with it.
#[derive(Debug)]
pub struct Identity {
    files: TempDir,
    trust: Arc<ClientConfig>,
}

impl Identity {
    /// Makes a certificate for 127.0.0.1 and writes it, and its key, to a folder of their own.
    pub fn new() -> io::Result<Self> {
        Self::of(Ipv4Addr::LOCALHOST.into())
    }

    /// The same for another address.
    pub fn of(address: IpAddr) -> io::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([address.to_string()]).map_err(io::Error::other)?;
        let files = tempfile::tempdir()?;
        let trust = stream::trust(cert.der().clone()).map_err(io::Error::other)?;
        let identity = Self { files, trust };
        fs::write(identity.certificate(), cert.pem())?;
        fs::write(identity.key(), signing_key.serialize_pem())?;
        Ok(identity)
    }

    /// The file of the certificate.
    pub fn certificate(&self) -> PathBuf {
        self.files.path().join("certificate.pem")
    }

    /// The file of its key.
    pub fn key(&self) -> PathBuf {
        self.files.path().join("key.pem")
    }

    /// What a client that trusts the certificate needs.
    pub fn trust(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.trust)
    }
}

/// The files of a server's certificate and key; without them it speaks no TLS.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Files {
    /// Certificate chain in PEM. The server speaks TLS.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// Its key in PEM.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
}

impl Files {
    /// Certificate and key, if they were given.
    pub fn given(self) -> Option<(PathBuf, PathBuf)> {
        self.certificate.zip(self.key)
    }
}
