//! A server for one client that behaves, or commits one fault at the tenth answer.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use serde_bytes::{ByteBuf, Bytes};
use tokio_tungstenite::tungstenite::{
    Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
    http::HeaderValue,
};
use trunkline_bench::{dialect::Dialect, target::Target};

/// What goes wrong at the tenth answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It is not sent.
    Lose,
    /// It is sent twice.
    Double,
    /// Its last byte differs.
    Change,
    /// Its frame number is the previous one's again.
    RepeatNumber,
}

/// Serves on a thread of its own until its client has gone.
pub(crate) struct StubServer {
    address: SocketAddr,
    dialect: Dialect,
}

impl StubServer {
    pub(crate) fn start(dialect: Dialect, fault: Fault) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client comes");
            stream.set_nodelay(true).expect("it is a TCP stream");
            Serving {
                socket: upgrade(stream),
                dialect,
                fault,
                answers: 0,
                sent: 0,
            }
            .run();
        });
        Self { address, dialect }
    }

    pub(crate) fn target(&self) -> Target {
        Target::at(self.address, self.dialect)
    }
}

/// Selects the subprotocol that is asked for, if any.
#[expect(
    clippy::result_large_err,
    reason = "tungstenite's callback has this signature"
)]
fn upgrade(stream: TcpStream) -> WebSocket<TcpStream> {
    let select = |request: &Request, mut response: Response| {
        let name = "sec-websocket-protocol";
        if let Some(asked) = request.headers().get(name) {
            assert_eq!(asked, HeaderValue::from_static("trunkline.v1.msgpack"));
            response.headers_mut().insert(name, asked.clone());
        }
        Ok(response)
    };
    accept_hdr(stream, select).expect("the client upgrades")
}

struct Serving {
    socket: WebSocket<TcpStream>,
    dialect: Dialect,
    fault: Fault,
    answers: u32,
    sent: u64,
}

/// An event that was asked for: its ack id, its name and its payload.
type Asked = (Option<u64>, String, ByteBuf);

impl Serving {
    /// Ends, as a test's server may, when the client has gone.
    fn run(mut self) {
        while let Ok(message) = self.socket.read() {
            if let Message::Binary(request) = message
                && self.answer(&request).is_err()
            {
                return;
            }
        }
    }

    fn answer(&mut self, request: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
        let asked = match self.dialect {
            Dialect::SocketIo => return Err("the stub has no Socket.IO".into()),
            Dialect::Room => rmp_serde::from_slice(request)?,
            Dialect::Trunkline => match self.session_frame(request)? {
                Some(asked) => asked,
                None => return Ok(()),
            },
        };
        self.answers += 1;
        let (id, event, mut payload) = asked;
        assert_eq!(event, if id.is_some() { "echo" } else { "bcast" });
        let fault = if self.answers == 10 {
            self.fault
        } else {
            Fault::None
        };
        match fault {
            Fault::None => self.send(id, &payload),
            Fault::Lose => Ok(()),
            Fault::Double => self
                .send(id, &payload)
                .and_then(|()| self.send(id, &payload)),
            Fault::Change => {
                *payload
                    .last_mut()
                    .expect("only the greeting has no payload") ^= 1;
                self.send(id, &payload)
            }
            Fault::RepeatNumber => {
                self.sent -= 1;
                self.send(id, &payload)
            }
        }
    }

    /// Answers Trunkline's own frames and returns what an EVENT asks for.
    fn session_frame(
        &mut self,
        request: &[u8],
    ) -> Result<Option<Asked>, Box<dyn std::error::Error>> {
        // The second byte is the kind: the first is a short array's marker.
        match request[1] {
            0 => {
                let nothing = std::collections::BTreeMap::<&str, u64>::new();
                self.write(&rmp_serde::to_vec(&(1, nothing))?)?;
            }
            16 => {
                let number = self.number();
                self.write(&rmp_serde::to_vec(&(17, number, (), 1, "stub", ()))?)?;
            }
            20 => {
                type Event = (u64, u64, (), Option<u64>, String, (ByteBuf,));
                let (_, _, (), id, event, (payload,)): Event = rmp_serde::from_slice(request)?;
                return Ok(Some((id, event, payload)));
            }
            _ => {}
        }
        Ok(None)
    }

    fn send(&mut self, id: Option<u64>, payload: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
        let payload = Bytes::new(payload);
        let frame = match (self.dialect, id) {
            (Dialect::SocketIo, _) => return Err("the stub has no Socket.IO".into()),
            (Dialect::Room, Some(id)) => rmp_serde::to_vec(&(id, payload)),
            (Dialect::Room, None) => rmp_serde::to_vec(&("msg", payload)),
            (Dialect::Trunkline, Some(id)) => {
                rmp_serde::to_vec(&(21, self.number(), (), id, (payload,)))
            }
            (Dialect::Trunkline, None) => {
                rmp_serde::to_vec(&(20, self.number(), (), (), "msg", (payload,)))
            }
        };
        self.write(&frame?)
    }

    fn number(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
        Ok(self.socket.send(Message::binary(frame.to_vec()))?)
    }
}
