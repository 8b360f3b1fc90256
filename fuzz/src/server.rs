//! What a client sends to a server, message by message: whatever it is, others are not harmed, and
//! nothing of it is left behind.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use trunkline_protocol::{Encoding, Frame, Secret, SessionId};
use trunkline_server::{Args, Data, Failure, Limits, Request, Server, Socket, Value};
use trunkline_transport::memory;
use trunkline_transport::{Connection, MessageKind, MessageReceiver, MessageSender};

use crate::input::Input;
use crate::stream::run_in_virtual_time;

/// The first byte is the encoding, the second says whether a good HELLO goes ahead. Then messages:
/// JSON in lines, MessagePack each behind a byte with its length. An empty one cuts the connection,
/// and the next begins on another. In JSON, `{session}` and `{secret}` stand for those of the newest
/// session that was begun, so that it can be resumed.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let encoding = input.encoding();
    let says_hello = input.below(2) == 0;
    run_in_virtual_time(async {
        let under_way = Arc::new(());
        let server = server(&under_way);
        let mut client = Client::dial(&server, encoding, None);
        if says_hello {
            client.send(hello(encoding)).await;
        }
        for _ in 0..MESSAGES_MAX {
            if input.is_empty() {
                break;
            }
            match next(&mut input, encoding) {
                [] => client = Client::dial(&server, encoding, client.begun.take()),
                message => client.send(&client.filled_in(message)).await,
            }
            client.read();
        }
        drop(client);
        check_nothing_is_left(&server, &under_way).await;
    });
}

fn next<'a>(input: &mut Input<'a>, encoding: Encoding) -> &'a [u8] {
    match encoding {
        Encoding::Json => input.until(b"\n"),
        Encoding::MessagePack => {
            let length = input.byte().into();
            input.up_to(length)
        }
    }
}

/// A server with something of everything, and limits that a short input reaches. Handlers that are
/// under way hold a reference to `under_way`.
fn server(under_way: &Arc<()>) -> Server {
    let limits = Limits {
        frame: 1_024,
        replay: 512,
        inbound: 512,
        queue: 1_024,
        namespaces: 3,
        rooms: 2,
        pending_acks: 2,
        ..Limits::default()
    };
    let server = Server::builder()
        .limits(limits)
        .resume_window(Duration::from_secs(5))
        .build();
    let root = server.namespace("/");
    root.on("echo", |Args(values): Args<Vec<Value>>| async move {
        Ok::<_, Failure>(values)
    });
    root.on(
        "join",
        |socket: Socket, Data(room): Data<String>| async move {
            socket.join(&room)?;
            socket.within(&room).emit("joined", &room)?;
            Ok::<_, Failure>(())
        },
    );
    root.on(
        "ask",
        |socket: Socket, Data(what): Data<Value>| async move {
            let asked = socket.emit_with_ack::<Value, _>("asked", &what);
            Ok::<_, Failure>(asked.timeout(Duration::from_secs(2)).await.is_ok())
        },
    );
    root.on("slow", || async {
        tokio::time::sleep(Duration::from_secs(1)).await
    })
    .concurrent(2);
    root.on("leave", |socket: Socket| async move {
        socket.disconnect("asked to")
    });
    let never = Arc::clone(under_way);
    root.on("never", move || {
        let never = Arc::clone(&never);
        async move {
            std::future::pending::<()>().await;
            drop(never);
        }
    });
    root.on_detach(|| async {});
    root.on_resume(|| async { yield_now().await });
    root.on_disconnect(|socket: Socket| async move { drop(socket.rooms()) });
    let slow = server.namespace("/slow");
    slow.on_connect(|Data(auth): Data<Value>| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match auth.decode::<bool>() {
            Ok(true) => Ok(auth),
            _ => Err(Failure::new(4001, "no")),
        }
    });
    slow.on("echo", |Data(value): Data<Value>| async move {
        Ok::<_, Failure>(value)
    });
    server
}

/// A client made of one connection.
struct Client {
    encoding: Encoding,
    sender: Box<dyn MessageSender>,
    receiver: Box<dyn MessageReceiver>,
    /// The number of the newest sequenced frame that came.
    last: Option<u64>,
    /// The id and the secret of the newest session.
    begun: Option<(SessionId, Secret)>,
    _link: memory::Link,
}

impl Client {
    fn dial(server: &Server, encoding: Encoding, begun: Option<(SessionId, Secret)>) -> Self {
        let config = memory::Config {
            protocol: encoding.subprotocol().to_owned(),
            ..memory::Config::default()
        };
        let (near, far, link) = memory::pair(config);
        let server = server.clone();
        tokio::spawn(async move { server.accept(near, Request::default()).await });
        let Connection {
            sender, receiver, ..
        } = far;
        Self {
            encoding,
            sender,
            receiver,
            last: None,
            begun,
            _link: link,
        }
    }

    fn filled_in(&self, message: &[u8]) -> Vec<u8> {
        match (self.encoding, &self.begun, str::from_utf8(message)) {
            (Encoding::Json, Some((id, secret)), Ok(text)) => text
                .replace("{session}", id)
                .replace("{secret}", secret.expose())
                .into_bytes(),
            _ => message.to_vec(),
        }
    }

    async fn send(&mut self, message: &[u8]) {
        let kind = match self.encoding {
            Encoding::Json if str::from_utf8(message).is_err() => return,
            Encoding::Json => MessageKind::Text,
            Encoding::MessagePack => MessageKind::Binary,
        };
        self.sender.push(kind, &[message]);
        // A server that has closed takes nothing more.
        let _ = poll_fn(|cx| self.sender.poll_flush(cx)).await;
        for _ in 0..YIELDS {
            yield_now().await;
        }
    }

    /// Reads what has come; all of it is frames, numbered one after the other.
    fn read(&mut self) {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Ok(message)) = self.receiver.poll_receive(&mut cx) {
            let frame = Frame::decode(self.encoding, &message.bytes);
            let frame = frame.unwrap_or_else(|error| {
                panic!("the server sends {:02x?}: {error}", &message.bytes[..])
            });
            if let Frame::Welcome(welcome) = &frame
                && let Some(secret) = &welcome.secret
            {
                self.begun = Some((welcome.session.clone(), secret.clone()));
            }
            if let Frame::Sequenced { seq, .. } = frame {
                assert!(
                    self.last.is_none_or(|last| seq == last + 1),
                    "{seq} after {:?}",
                    self.last
                );
                self.last = Some(seq);
            }
        }
    }
}

/// All sessions end by themselves, and take their sockets, rooms and acks with them.
async fn check_nothing_is_left(server: &Server, under_way: &Arc<()>) {
    for _ in 0..LEFT_BEHIND_MAX_S {
        if left_behind(server, under_way).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    if let Some(left) = left_behind(server, under_way) {
        panic!("left behind after {LEFT_BEHIND_MAX_S} s: {left}");
    }
}

fn left_behind(server: &Server, under_way: &Arc<()>) -> Option<String> {
    let stats = server.stats();
    let in_namespaces: usize = ["/", "/slow"]
        .iter()
        .map(|name| server.namespace(name))
        .map(|namespace| namespace.socket_count() + namespace.room_count())
        .sum();
    // This one, and the registered handler's.
    let handlers = Arc::strong_count(under_way) - 2;
    let any = stats.sessions + stats.pending_acks + in_namespaces + handlers > 0;
    any.then(|| format!("{stats:?}, {in_namespaces} sockets and rooms, {handlers} handlers"))
}

fn hello(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Json => br#"[0,{"v":1,"agent":"fuzz"}]"#,
        Encoding::MessagePack => b"\x92\x00\x82\xa1v\x01\xa5agent\xa4fuzz",
    }
}

/// Longer inputs take longer and find no more.
const MESSAGES_MAX: usize = 200;

/// Turns that the server has after each message.
const YIELDS: usize = 8;

/// When a server that was left alone has forgotten everything, in seconds: handshake, heartbeat,
/// resume window, handlers that do not end.
const LEFT_BEHIND_MAX_S: u64 = 120;
