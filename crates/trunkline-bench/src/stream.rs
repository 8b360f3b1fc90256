//! The load generator's end of a connection: TCP, or TLS over it.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, TcpStream},
    sync::Arc,
};

use mio::{Interest, Registry, Token};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};

/// A stream that blocks until it is [made a part of a poll](Self::into_polled).
#[derive(Debug)]
pub(crate) enum Blocking {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Blocking {
    /// With a configuration the stream is TLS; the handshake is done by the first write.
    pub(crate) fn new(
        stream: TcpStream,
        host: IpAddr,
        tls: Option<&Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let Some(config) = tls else {
            return Ok(Self::Plain(stream));
        };
        let client = ClientConnection::new(Arc::clone(config), ServerName::from(host))
            .map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(client, stream))))
    }

    pub(crate) fn into_polled(self) -> io::Result<Polled> {
        let polled = |stream: TcpStream| {
            stream.set_nonblocking(true)?;
            Ok::<_, io::Error>(mio::net::TcpStream::from_std(stream))
        };
        Ok(match self {
            Self::Plain(stream) => Polled::Plain(polled(stream)?),
            Self::Tls(stream) => {
                let (client, stream) = stream.into_parts();
                Polled::Tls(Box::new(StreamOwned::new(client, polled(stream)?)))
            }
        })
    }
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A stream that never blocks.
#[derive(Debug)]
pub(crate) enum Polled {
    Plain(mio::net::TcpStream),
    Tls(Box<StreamOwned<ClientConnection, mio::net::TcpStream>>),
}

impl Polled {
    pub(crate) fn register(&mut self, registry: &Registry, index: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut stream.sock,
        };
        registry.register(stream, Token(index), interest)
    }

    /// Whether a read that filled less than its buffer has emptied the socket. One of TLS may end
    /// with a record.
    pub(crate) fn short_reads_are_the_last(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Writes what TLS holds back.
    pub(crate) fn flush_held(&mut self) -> io::Result<()> {
        match self {
            Self::Tls(stream) if stream.conn.wants_write() => match stream.flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                flushed => flushed,
            },
            _ => Ok(()),
        }
    }
}

impl Read for Polled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Polled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Trusts this one certificate.
pub(crate) fn trust(
    certificate: CertificateDer<'static>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let config = builder.with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}
