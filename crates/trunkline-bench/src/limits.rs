//! What a server's tables and its guests cost at the most that its limits allow: they are filled, and
//! the growth of this process's resident memory is read.

use std::{
    error::Error,
    fmt::{self, Display, Formatter},
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use trunkline::server::{Bind, FloodLimits, ListenerConfig, Server};

use crate::{machine, peer_room::RuntimeKind};

/// Addresses that come, of which the server remembers its default.
const STRANGERS: u64 = 1_000_000;
/// After how many of them memory is looked at.
const STRIDE: u64 = 4_096;
/// Connections of each kind of guest.
const GUESTS: usize = 1_000;
/// Descriptors: both ends of all guests, and some for the program.
const OPEN_FILES: u64 = 4 * GUESTS as u64 + 256;
/// Bytes of a request's head that does not end: nearly what the listener takes.
const HEAD_BYTES: usize = 16_000;
/// Bytes of a HELLO that does not end: nearly what the server takes.
const HELLO_BYTES: usize = 8_000;
/// Longer than a run.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at memory that must agree.
const SETTLING: Duration = Duration::from_millis(300);

/// What was measured.
#[derive(Debug)]
pub struct Costs(Vec<Cost>);

/// One row: how much memory so many of something took.
#[derive(Debug)]
struct Cost {
    what: &'static str,
    count: usize,
    bytes: u64,
}

impl Costs {
    /// Fills everything, one after the other; nothing is given back before the end, so that no row
    /// uses what an earlier one has freed.
    ///
    /// # Errors
    /// The machine does not allow enough open files, or a connection failed.
    pub fn measure() -> Result<Self, Box<dyn Error>> {
        machine::raise_open_files(OPEN_FILES)?;
        let server = Server::new();
        let mut costs = vec![remembered(&server)?];
        let (places, cost) = places(&server)?;
        costs.push(cost);
        let runtime = RuntimeKind::MultiThread.build()?;
        let address = runtime.block_on(listen())?;
        let heads = Guests::unfinished_heads(address, GUESTS)?;
        let hellos = Guests::unfinished_hellos(address, GUESTS)?;
        for guests in [&heads, &hellos] {
            costs.push(guests.cost()?);
        }
        drop((places, heads, hellos));
        Ok(Self(costs))
    }
}

/// A million addresses, each with one attempt: the most memory they took on the way.
fn remembered(server: &Server) -> Result<Cost, Box<dyn Error>> {
    let before = resident()?;
    let mut most = before;
    for number in 0..STRANGERS {
        let address = Ipv6Addr::from_bits(u128::from(number) << 64);
        // Whether it is let in is of no matter here.
        let _ = server.knock(IpAddr::V6(address));
        if number % STRIDE == 0 {
            most = most.max(resident()?);
        }
    }
    Ok(Cost {
        what: "addresses remembered for their attempts",
        count: server.flood_limits().addresses,
        bytes: most - before,
    })
}

/// As many connections as the server takes, each from an address of its own: what the door keeps.
fn places(server: &Server) -> Result<(Vec<impl Sized>, Cost), Box<dyn Error>> {
    let count = server.flood_limits().connections;
    let before = resident()?;
    let addresses = (0..count as u32).map(|number| IpAddr::V4(Ipv4Addr::from_bits(number)));
    let places: Result<Vec<_>, _> = addresses.map(|of| server.enter(Some(of))).collect();
    let places = places.map_err(|refusal| refusal.text().to_owned())?;
    let cost = Cost {
        what: "places of connections, each from another address",
        count,
        bytes: resident()? - before,
    };
    Ok((places, cost))
}

/// A server on a free port that waits for its guests to finish what they say.
async fn listen() -> Result<SocketAddr, Box<dyn Error>> {
    let server = Server::builder()
        // All come from one address.
        .flood_limits(FloodLimits::OFF)
        .handshake_timeout(PATIENCE)
        .build();
    let config = ListenerConfig {
        header_timeout: PATIENCE,
        http_timeout: PATIENCE,
        ..ListenerConfig::default()
    };
    let bound = server.bind_with("127.0.0.1:0", config).await?;
    let address = bound.local_addr();
    tokio::spawn(bound.serve());
    Ok(address)
}

/// Connections that say something and no more.
struct Guests {
    what: &'static str,
    before: u64,
    after: u64,
    connections: Vec<TcpStream>,
}

impl Guests {
    fn unfinished_heads(server: SocketAddr, count: usize) -> Result<Self, Box<dyn Error>> {
        let what = "requests whose head does not end";
        Self::come(count, what, || guest(server, &head(), false))
    }

    fn unfinished_hellos(server: SocketAddr, count: usize) -> Result<Self, Box<dyn Error>> {
        let what = "WebSockets whose HELLO does not end";
        Self::come(count, what, || guest(server, &hello(), true))
    }

    fn come(
        count: usize,
        what: &'static str,
        comes: impl Fn() -> Result<TcpStream, Box<dyn Error>>,
    ) -> Result<Self, Box<dyn Error>> {
        // The first of a kind makes what all of them share.
        let first = comes()?;
        let before = settled()?;
        let connections: Result<Vec<_>, Box<dyn Error>> = (0..count).map(|_| comes()).collect();
        let mut connections = connections?;
        let after = settled()?;
        connections.push(first);
        Ok(Self {
            what,
            before,
            after,
            connections,
        })
    }

    /// # Errors
    /// The server has closed one.
    fn cost(&self) -> Result<Cost, Box<dyn Error>> {
        for connection in &self.connections {
            connection.set_nonblocking(true)?;
            if matches!(connection.peek(&mut [0]), Ok(0)) {
                return Err(format!("the server has closed one of the {}", self.what).into());
            }
        }
        Ok(Cost {
            what: self.what,
            // Without the first.
            count: self.connections.len() - 1,
            bytes: self.after.saturating_sub(self.before),
        })
    }
}

fn guest(server: SocketAddr, says: &[u8], upgraded: bool) -> Result<TcpStream, Box<dyn Error>> {
    let mut stream = TcpStream::connect(server)?;
    if upgraded {
        stream.write_all(UPGRADE)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.extend(byte);
        }
    }
    stream.write_all(says)?;
    Ok(stream)
}

fn head() -> Vec<u8> {
    let mut head = b"GET /trunkline HTTP/1.1\r\nHost: localhost\r\nFill: ".to_vec();
    head.resize(HEAD_BYTES, b'x');
    head
}

/// A masked binary frame that is one byte longer than what comes of it.
fn hello() -> Vec<u8> {
    let length = (HELLO_BYTES + 1) as u16;
    let mut frame = vec![0x82, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.resize(frame.len() + HELLO_BYTES, b'x');
    frame
}

fn resident() -> Result<u64, machine::MachineError> {
    machine::resident_bytes(std::process::id())
}

/// Memory, as soon as it has stopped growing.
fn settled() -> Result<u64, machine::MachineError> {
    let mut before = resident()?;
    loop {
        std::thread::sleep(SETTLING);
        let now = resident()?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

impl Display for Costs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | how many | KiB | bytes each |")?;
        writeln!(f, "|---|---|---|---|")?;
        for Cost { what, count, bytes } in &self.0 {
            let each = *bytes as usize / count;
            writeln!(f, "| {what} | {count} | {} | {each} |", bytes / 1024)?;
        }
        Ok(())
    }
}

const UPGRADE: &[u8] = b"GET /trunkline HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: trunkline.v1.msgpack\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_server_waits_for_guests_that_do_not_end() {
        let address = listen().await.unwrap();
        for guests in [
            Guests::unfinished_heads(address, 3).unwrap(),
            Guests::unfinished_hellos(address, 3).unwrap(),
        ] {
            let cost = guests.cost().unwrap();
            assert_eq!(cost.count, 3, "{cost:?}");
        }
    }

    #[test]
    fn the_tables_take_memory() {
        let server = Server::new();
        let (_places, cost) = places(&server).unwrap();
        assert!(cost.bytes > 0, "{cost:?}");
    }
}
