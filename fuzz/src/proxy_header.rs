//! A header of the PROXY protocol, in pieces, and what follows it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt as _;
use trunkline_websocket::fuzzing;

use crate::input::Input;
use crate::stream::{Script, Written, run_in_virtual_time};

/// The first byte says into which pieces the rest is cut.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let pieces = input.byte();
    let bytes = input.rest().to_vec();
    let (named, left) = read(0, &bytes);
    let (again, left_again) = read(pieces, &bytes);
    assert_eq!(
        (named.as_ref().ok(), left),
        (again.as_ref().ok(), left_again)
    );
    let taken = bytes.len() - left;
    assert!(taken <= LONGEST, "{taken} bytes were taken");
    let Ok(named) = named else { return };
    let header = &bytes[..taken];
    let says = match header.starts_with(SIGNATURE) {
        true => version_2(header),
        false => version_1(header),
    };
    assert_eq!(named, says, "{:?}", String::from_utf8_lossy(header));
    // What follows a header has no part in it.
    let (alone, left) = read(pieces, header);
    assert_eq!((alone.ok(), left), (Some(named), 0));
}

/// Whom the header names, and how much of the bytes is left.
fn read(pieces: u8, bytes: &[u8]) -> (io::Result<Option<SocketAddr>>, usize) {
    let bytes = bytes.to_vec();
    run_in_virtual_time(async {
        let mut stream = Script::new(pieces, Written::default(), |_| bytes);
        let named = fuzzing::read_proxy_header(&mut stream).await;
        let mut rest = Vec::new();
        let left = stream.read_to_end(&mut rest).await;
        (named, left.expect("the script has no errors"))
    })
}

/// A line of text that was accepted: one that has no client, or names it in its third word.
fn version_1(header: &[u8]) -> Option<SocketAddr> {
    let line = header.strip_suffix(b"\r\n").expect("a whole line");
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        // Whatever else stands there is to be ignored, text or not.
        return None;
    }
    let line = str::from_utf8(line).expect("a line is text");
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!(words[0], "PROXY");
    assert_eq!(words.len(), 6, "{line:?}");
    let address: IpAddr = words[2].parse().expect("an address");
    assert_eq!(address.is_ipv4(), words[1] == "TCP4", "{line:?}");
    Some(SocketAddr::new(address, words[4].parse().expect("a port")))
}

/// Bytes that were accepted: what stands where the specification puts it.
fn version_2(header: &[u8]) -> Option<SocketAddr> {
    let [command, family] = [header[12], header[13]];
    assert_eq!(command >> 4, 2, "another version");
    assert_eq!(usize::from(port(header, 14)) + 16, header.len());
    if command & 0xf == 0 {
        return None;
    }
    match family >> 4 {
        1 => {
            let address: [u8; 4] = header[16..20].try_into().expect("4 bytes");
            Some((Ipv4Addr::from(address), port(header, 24)).into())
        }
        2 => {
            let address: [u8; 16] = header[16..32].try_into().expect("16 bytes");
            Some((Ipv6Addr::from(address), port(header, 48)).into())
        }
        _ => None,
    }
}

fn port(header: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header that is taken, bytes.
const LONGEST: usize = 1_024;
