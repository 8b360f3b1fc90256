//! An echo server and client, for WebSocket implementations other than ours to talk to.
//!
//! `echo` listens on a free port and prints `listening on ADDRESS`. It sends every message back,
//! except for these texts:
//!
//! | text | what it does |
//! |---|---|
//! | `burst BYTES` | sends binary messages of 125, 126, 65,535 and 65,536 bytes in turn, at least that many bytes in all and in one flush, then the text `blocked N`: how often the socket took only a part |
//! | `close CODE REASON` | closes |
//! | `last end` | sends how the connection before this one ended |
//!
//! `echo URL` dials an echo server instead, sends it messages of the same lengths, checks what comes
//! back, closes with 3001, and prints `echoed N messages`.

use std::error::Error;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use trunkline_transport::{
    Connection, ConnectionEnd, DialRequest, Dialer, Message, MessageKind, MessageSender,
};
use trunkline_websocket::{Config, Handler, Handshake, Listener, ListenerConfig, WebSocketDialer};

/// Where WebSocket's header changes its form.
const LENGTHS: [usize; 4] = [125, 126, 65_535, 65_536];

const MAX_MESSAGE: usize = 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(url) => dial(url).await,
        None => listen().await,
    }
}

async fn listen() -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind("127.0.0.1:0", ListenerConfig::default()).await?;
    println!("listening on {}", listener.local_addr());
    listener.serve(Arc::new(Echo::default())).await;
    Ok(())
}

#[derive(Default)]
struct Echo {
    last_end: Mutex<String>,
}

impl Handler for Echo {
    async fn connected(self: Arc<Self>, mut connection: Connection, _handshake: Handshake) {
        let end = self.run(&mut connection).await;
        *self.last_end.lock().unwrap_or_else(PoisonError::into_inner) = end.to_string();
        // Sends the answer to a close; whoever has it may ask for the end.
        let _ = poll_fn(|cx| connection.sender.poll_flush(cx)).await;
    }
}

impl Echo {
    async fn run(&self, connection: &mut Connection) -> ConnectionEnd {
        loop {
            let message = match receive_and_flush(connection).await {
                Ok(message) => message,
                Err(end) => return end,
            };
            if let Err(end) = self.answer(connection, &message).await {
                return end;
            }
        }
    }

    async fn answer(
        &self,
        connection: &mut Connection,
        message: &Message,
    ) -> Result<(), ConnectionEnd> {
        let sender = &mut *connection.sender;
        let text = match message.kind {
            MessageKind::Text => std::str::from_utf8(&message.bytes).unwrap_or_default(),
            MessageKind::Binary => "",
        };
        if let Some(bytes) = text.strip_prefix("burst ") {
            let blocked = burst(sender, bytes.parse().unwrap_or(0)).await?;
            sender.push(
                MessageKind::Text,
                &[format!("blocked {blocked}").as_bytes()],
            );
        } else if let Some((code, reason)) = text
            .strip_prefix("close ")
            .and_then(|rest| rest.split_once(' '))
        {
            let code = code.parse().unwrap_or(1000);
            poll_fn(|cx| sender.poll_close(cx, code, reason)).await?;
        } else if text == "last end" {
            let end = self
                .last_end
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            sender.push(MessageKind::Text, &[end.as_bytes()]);
        } else {
            sender.push(message.kind, &[&message.bytes]);
        }
        Ok(())
    }
}

/// The next message; what is buffered (answers, pongs) leaves meanwhile.
async fn receive_and_flush(connection: &mut Connection) -> Result<Message, ConnectionEnd> {
    poll_fn(|cx| {
        let received = connection.receiver.poll_receive(cx);
        if received.is_pending() {
            // An error of the sending half shows in the receiving half as well.
            let _ = connection.sender.poll_flush(cx);
        }
        received
    })
    .await
}

/// Sends everything in one flush; gives how often the socket took only a part.
async fn burst(sender: &mut dyn MessageSender, bytes: usize) -> Result<u64, ConnectionEnd> {
    let mut index = 0;
    while sender.buffered() < bytes {
        sender.push(MessageKind::Binary, &[&pattern(index)]);
        index += 1;
    }
    let mut blocked = 0;
    poll_fn(|cx| {
        let flushed = sender.poll_flush(cx);
        blocked += u64::from(flushed.is_pending());
        flushed
    })
    .await?;
    Ok(blocked)
}

/// The message number `index`: a shifted count, so that a lost or repeated byte shows.
fn pattern(index: usize) -> Vec<u8> {
    (0..LENGTHS[index % LENGTHS.len()])
        .map(|at| ((at + index) % 251) as u8)
        .collect()
}

async fn dial(url: String) -> Result<(), Box<dyn Error>> {
    let request = DialRequest {
        url,
        protocols: vec!["trunkline.v1.msgpack".into(), "trunkline.v1.json".into()],
        headers: http::HeaderMap::new(),
        max_message: MAX_MESSAGE,
        proxy: None,
        certificate_hashes: Vec::new(),
    };
    let mut connection = WebSocketDialer::new(Config::default())
        .dial(&request)
        .await?;
    let count = 64;
    for index in 0..count {
        connection
            .sender
            .push(MessageKind::Binary, &[&pattern(index)]);
    }
    connection
        .sender
        .push(MessageKind::Text, &["häll".as_bytes(), "ø".as_bytes()]);
    for index in 0..count {
        let message = receive_and_flush(&mut connection).await?;
        if message.kind != MessageKind::Binary || message.bytes != pattern(index) {
            return Err(format!("message {index} came back as another").into());
        }
    }
    let message = receive_and_flush(&mut connection).await?;
    if message.kind != MessageKind::Text || message.bytes != "hällø" {
        return Err(format!("the text came back as {message:?}").into());
    }
    poll_fn(|cx| connection.sender.poll_close(cx, 3001, "enough")).await?;
    let end = poll_fn(|cx| match connection.receiver.poll_receive(cx) {
        Poll::Ready(Err(end)) => Poll::Ready(end),
        Poll::Ready(Ok(_)) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending => Poll::Pending,
    });
    match end.await {
        ConnectionEnd::ClosedHere => println!("echoed {} messages", count + 1),
        other => return Err(other.into()),
    }
    Ok(())
}
