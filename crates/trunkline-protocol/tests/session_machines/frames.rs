//! Small helpers for tests that hold the machines in their hands.

use trunkline_protocol::{
    AckId, Args, Code, Encoding, EventName, Frame, IntoArgs, Limits, NamespaceName, Outbound,
    Payload, Prepared, Sequenced, SocketId, Value,
};

/// The encoding of these tests; the simulation runs both.
pub(crate) const ENCODING: Encoding = Encoding::MessagePack;

/// Limits with this window and this queue, in bytes.
pub(crate) fn limits(window: u32, queue: u32) -> Limits {
    Limits {
        replay: window,
        inbound: window,
        queue,
        ..Limits::default()
    }
}

/// A machine of a fresh session, attached.
pub(crate) fn attached(window: u32, queue: u32) -> Outbound {
    let limits = limits(window, queue);
    let mut outbound = Outbound::new(ENCODING, &limits, &limits);
    outbound.attach(0).unwrap();
    outbound
}

pub(crate) fn root() -> NamespaceName {
    NamespaceName::root()
}

/// An event whose args are a string of `bytes`.
pub(crate) fn event_of(name: &str, bytes: usize) -> Prepared {
    let args = Args(("x".repeat(bytes),)).into_args().unwrap();
    Prepared::event(&root(), None, &EventName::try_from(name).unwrap(), &args)
}

/// An event without args.
pub(crate) fn event(name: &str) -> Prepared {
    Prepared::event(
        &root(),
        None,
        &EventName::try_from(name).unwrap(),
        &Payload::empty(),
    )
}

pub(crate) fn ack_id(number: u64) -> AckId {
    AckId::new(number).unwrap()
}

pub(crate) fn ack(number: u64) -> Prepared {
    Prepared::ack(&root(), ack_id(number), &Payload::empty())
}

pub(crate) fn failed(number: u64) -> Prepared {
    Prepared::failed(&root(), ack_id(number), Code::INTERNAL, "", &Value::nil())
}

pub(crate) fn namespace(name: &str) -> NamespaceName {
    NamespaceName::try_from(name).unwrap()
}

pub(crate) fn connect(name: &str) -> Prepared {
    Prepared::connect(&namespace(name), &Value::nil())
}

pub(crate) fn connected(connect: u64) -> Prepared {
    let socket = SocketId::try_from("a socket").unwrap();
    Prepared::connected(&root(), connect, &socket, &Value::nil())
}

pub(crate) fn disconnect(name: &str) -> Prepared {
    Prepared::disconnect(&namespace(name), Code::DISCONNECTED, "")
}

/// All that the machine sends now.
pub(crate) fn sent(outbound: &mut Outbound) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while outbound.transmit(&mut |parts| messages.push(parts.concat())) {}
    messages
}

/// The same, as the number and the word by which a test knows each frame; unnumbered ones have 0.
pub(crate) fn told(outbound: &mut Outbound) -> Vec<(u64, String)> {
    sent(outbound)
        .iter()
        .map(|message| describe(message))
        .collect()
}

fn describe(message: &[u8]) -> (u64, String) {
    match Frame::decode(ENCODING, message).unwrap() {
        Frame::Sequenced {
            seq,
            frame: Sequenced::Event { event, .. },
        } => (seq, event.into_owned()),
        Frame::Sequenced {
            seq,
            frame: Sequenced::Ack { ack_id, .. },
        } => (seq, format!("ACK {ack_id}")),
        Frame::Sequenced {
            seq,
            frame: Sequenced::Failed { ack_id, .. },
        } => (seq, format!("FAILED {ack_id}")),
        Frame::Sequenced { seq, frame } => (seq, frame.kind().to_string()),
        other => (0, other.kind().to_string()),
    }
}

/// `(1, "first")` and so on, for comparing with [`told`].
pub(crate) fn expected(frames: &[(u64, &str)]) -> Vec<(u64, String)> {
    frames
        .iter()
        .map(|(seq, word)| (*seq, (*word).to_owned()))
        .collect()
}

/// The words alone.
pub(crate) fn words(outbound: &mut Outbound) -> Vec<String> {
    told(outbound).into_iter().map(|(_, word)| word).collect()
}
