//! The PROXY protocol, versions 1 and 2: what a proxy says ahead of a connection's first byte.

use std::io;
use std::net::SocketAddr;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Reads the header, and nothing behind it. None if it names no client: the proxy speaks for itself
/// then (a health check), or of something that has no address.
///
/// # Errors
/// There is no header, or one that is malformed or too long; or the connection ended.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    // The shortest header of version 1; version 2 has one byte more ahead of its length.
    let mut header = vec![0; SHORTEST];
    stream.read_exact(&mut header).await?;
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        header.resize(V2_FIXED, 0);
        stream.read_exact(&mut header[SHORTEST..]).await?;
        let rest = u16::from_be_bytes([header[V2_FIXED - 2], header[V2_FIXED - 1]]);
        let length = V2_FIXED + usize::from(rest);
        if length > V2_LONGEST {
            return Err(invalid(format!(
                "a PROXY header of {length} bytes where {V2_LONGEST} are allowed"
            )));
        }
        header.resize(length, 0);
        stream.read_exact(&mut header[V2_FIXED..]).await?;
        return version_2(&header);
    }
    if !header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        let text = "no PROXY header, which this listener wants of this proxy";
        return Err(invalid(text.into()));
    }
    // Byte by byte, since what comes behind the line is not ours to take.
    while !header.ends_with(b"\r\n") {
        if header.len() >= V1_LONGEST {
            return Err(invalid("a PROXY header without an end".into()));
        }
        header.push(stream.read_u8().await?);
    }
    version_1(&header)
}

fn version_1(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let header = v1::Header::try_from(header).map_err(|error| invalid(error.to_string()))?;
    Ok(match header.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(of) => Some((of.source_address, of.source_port).into()),
        v1::Addresses::Tcp6(of) => Some((of.source_address, of.source_port).into()),
    })
}

fn version_2(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let header = v2::Header::try_from(header).map_err(|error| invalid(error.to_string()))?;
    Ok(match (header.command, header.addresses) {
        (v2::Command::Local, _) => None,
        (_, v2::Addresses::IPv4(of)) => Some((of.source_address, of.source_port).into()),
        (_, v2::Addresses::IPv6(of)) => Some((of.source_address, of.source_port).into()),
        (_, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => None,
    })
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// `PROXY UNKNOWN`, CR, LF.
const SHORTEST: usize = 15;

/// A line of version 1, as its specification bounds it.
const V1_LONGEST: usize = 107;

/// Signature, command, family and length.
const V2_FIXED: usize = 16;

/// The longest header of version 2 taken, its extensions included.
const V2_LONGEST: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x01\x02\x00\x50";

    /// What is read of it, and how much is left.
    async fn of(bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, usize) {
        let mut stream = bytes;
        let read = read(&mut stream).await;
        (read, stream.len())
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_what_follows() {
        let (named, left) = of(b"PROXY TCP4 192.0.2.1 10.0.0.1 258 80\r\nGET /").await;
        assert_eq!(
            (named.unwrap().unwrap().to_string(), left),
            ("192.0.2.1:258".into(), 5)
        );
        let (named, left) = of(b"PROXY TCP6 2001:db8::1 fd00::1 258 80\r\n").await;
        assert_eq!(
            (named.unwrap().unwrap().to_string(), left),
            ("[2001:db8::1]:258".into(), 0)
        );
        let (named, left) = of(&[V2, b"GET /"].concat()).await;
        assert_eq!(
            (named.unwrap().unwrap().to_string(), left),
            ("192.0.2.1:258".into(), 5)
        );
    }

    #[tokio::test]
    async fn a_proxy_may_speak_for_itself() {
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        for header in [&b"PROXY UNKNOWN\r\n"[..], local] {
            let (named, left) = of(header).await;
            assert_eq!((named.unwrap(), left), (None, 0));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_an_error_within_bounds() {
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 10_000]].concat();
        let (error, left) = of(&endless).await;
        assert!(error.unwrap_err().to_string().contains("without an end"));
        assert_eq!(left, endless.len() - V1_LONGEST);
        let huge = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
        let (error, _) = of(huge).await;
        assert!(error.unwrap_err().to_string().contains("65551 bytes"));
        let (error, _) = of(b"GET /trunkline HTTP/1.1\r\n").await;
        assert!(error.unwrap_err().to_string().contains("no PROXY header"));
        for cut in 0..V2.len() {
            assert!(of(&V2[..cut]).await.0.is_err(), "{cut}");
        }
        for broken in [
            &b"PROXY TCP4 999.0.2.1 10.0.0.1 258 80\r\n"[..],
            b"PROXY TCP4 192.0.2.1 10.0.0.1 99999 80\r\n",
            b"PROXY TCP4 2001:db8::1 fd00::1 258 80\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\xc0\0\x02\x01\x0a\0\0\x01\x01\x02\0\x50",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\xc0\0\x02\x01",
        ] {
            assert!(of(broken).await.0.is_err(), "{broken:?}");
        }
    }
}
