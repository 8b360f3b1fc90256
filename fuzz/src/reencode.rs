//! From a decoded frame back to a message.

use trunkline_protocol::{
    AckId, Body, Code, Encoding, EventName, Frame, Key, Kind, NamespaceName, Payload, Prepared,
    Sequenced, SocketId, Value, encode_ignorable, encode_ping, encode_pong, encode_received,
};

/// The message of a frame; none if its content does not decode.
pub(crate) fn encode(frame: &Frame<'_>, encoding: Encoding) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match frame {
        Frame::Hello(hello) => return Some(hello.encode(encoding)),
        Frame::Welcome(welcome) => return Some(welcome.encode(encoding)),
        Frame::Auth(auth) => return Some(auth.encode(encoding)),
        Frame::GoAway(go_away) => return Some(go_away.encode(encoding)),
        Frame::Close(close) => return Some(close.encode(encoding)),
        Frame::Ping { t, received } => encode_ping(encoding, *t, *received, &mut out),
        Frame::Pong { t, received } => encode_pong(encoding, *t, *received, &mut out),
        Frame::Received { received } => encode_received(encoding, *received, &mut out),
        Frame::Ignorable { kind } => {
            assert!(encode_ignorable(encoding, *kind, &mut out), "{kind:?}");
        }
        Frame::Sequenced { seq, frame } => {
            return Some(sequenced(frame)?.to_message(encoding, *seq));
        }
        Frame::Datagram {
            namespace,
            event,
            args,
        } => {
            let frame = Prepared::datagram(&name(namespace), &event_name(event), &payload(args)?);
            return Some(frame.to_message(encoding, 0));
        }
        Frame::Latest {
            namespace,
            event,
            key,
            version,
            args,
        } => {
            let key = Key::try_from(&**key).expect("the decoder checks keys");
            let (namespace, event) = (name(namespace), event_name(event));
            let frame = Prepared::latest(&namespace, &event, &key, *version, &payload(args)?);
            return Some(frame.to_message(encoding, 0));
        }
    }
    Some(out)
}

fn sequenced(frame: &Sequenced<'_>) -> Option<Prepared> {
    Some(match frame {
        Sequenced::Connect { namespace, auth } => {
            Prepared::connect(&name(namespace), &value(auth)?)
        }
        Sequenced::Connected {
            namespace,
            connect,
            socket_id,
            data,
        } => {
            let socket_id = SocketId::try_from(&**socket_id).expect("the decoder checks ids");
            Prepared::connected(&name(namespace), *connect, &socket_id, &value(data)?)
        }
        Sequenced::Refused {
            namespace,
            connect,
            code,
            message,
            data,
        } => Prepared::refused(&name(namespace), *connect, *code, message, &value(data)?),
        Sequenced::Disconnect {
            namespace,
            code,
            reason,
        } => Prepared::disconnect(&name(namespace), *code, reason),
        Sequenced::Event {
            namespace,
            ack_id,
            event,
            args,
        } => Prepared::event(
            &name(namespace),
            *ack_id,
            &event_name(event),
            &payload(args)?,
        ),
        Sequenced::Ack {
            namespace,
            ack_id,
            args,
        } => Prepared::ack(&name(namespace), *ack_id, &payload(args)?),
        Sequenced::Failed {
            namespace,
            ack_id,
            code,
            message,
            data,
        } => failed(namespace, *ack_id, *code, message, data)?,
        Sequenced::Ignorable { kind } => ignorable(*kind),
    })
}

fn failed(
    namespace: &str,
    ack_id: AckId,
    code: Code,
    message: &str,
    data: &Body<'_>,
) -> Option<Prepared> {
    let data = value(data)?;
    Some(Prepared::failed(
        &name(namespace),
        ack_id,
        code,
        message,
        &data,
    ))
}

fn ignorable(kind: Kind) -> Prepared {
    Prepared::ignorable(kind).expect("the decoder says only of ignorable kinds that they are")
}

fn name(namespace: &str) -> NamespaceName {
    NamespaceName::try_from(namespace).expect("the decoder checks namespaces")
}

fn event_name(event: &str) -> EventName {
    EventName::try_from(event).expect("the decoder checks events")
}

fn payload(args: &Body<'_>) -> Option<Payload> {
    args.args(DEPTH).ok()
}

fn value(body: &Body<'_>) -> Option<Value> {
    body.value(DEPTH).ok()
}

/// The depth of content that both sides take when neither says otherwise.
const DEPTH: u32 = 64;
