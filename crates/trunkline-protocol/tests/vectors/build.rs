//! From the meaning of a case to our encoding of it.
#![allow(
    clippy::unwrap_used,
    reason = "a case that is not well formed is to fail the test"
)]

use serde_json::Value as Json;
use trunkline_protocol::{
    AckId, Alternative, Auth, Close, Code, Datagrams, Encoding, EventName, GoAway, Hello, Key,
    Limits, NamespaceName, Payload, Prepared, Resume, ResumeRefusal, Secret, SessionId, SocketId,
    Value, Welcome, encode_ping, encode_pong, encode_received,
};

use crate::plain::Plain;

/// The message of a frame with this meaning.
pub(crate) fn message(kind: &str, frame: &Json, encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    match kind {
        "HELLO" => return hello(frame).encode(encoding),
        "WELCOME" => return welcome(frame).encode(encoding),
        "GOAWAY" => return go_away(frame).encode(encoding),
        "CLOSE" => return close(frame).encode(encoding),
        "AUTH" => return auth(frame).encode(encoding),
        "PING" => encode_ping(
            encoding,
            number(frame, "t"),
            number(frame, "received"),
            &mut out,
        ),
        "PONG" => encode_pong(
            encoding,
            number(frame, "t"),
            number(frame, "received"),
            &mut out,
        ),
        "RECEIVED" => encode_received(encoding, number(frame, "received"), &mut out),
        _ => {
            let prepared = prepared(kind, frame);
            assert_eq!(prepared.kind().name(), Some(kind));
            assert_eq!(prepared.len(encoding), prepared.suffix(encoding).len());
            return prepared.to_message(encoding, optional_number(frame, "seq").unwrap_or(0));
        }
    }
    out
}

fn prepared(kind: &str, frame: &Json) -> Prepared {
    let namespace = NamespaceName::try_from(text(frame, "ns")).unwrap();
    let event = || EventName::try_from(text(frame, "event")).unwrap();
    let ack_id = || optional_number(frame, "ack_id").map(|number| AckId::new(number).unwrap());
    let (connect, data) = (optional_number(frame, "connect"), value(&frame["data"]));
    match kind {
        "CONNECT" => Prepared::connect(&namespace, &value(&frame["auth"])),
        "CONNECTED" => {
            let socket_id = SocketId::try_from(text(frame, "socket_id")).unwrap();
            Prepared::connected(&namespace, connect.unwrap(), &socket_id, &data)
        }
        "REFUSED" => {
            let message = text(frame, "message");
            Prepared::refused(&namespace, connect.unwrap(), code(frame), message, &data)
        }
        "DISCONNECT" => Prepared::disconnect(&namespace, code(frame), text(frame, "reason")),
        "EVENT" => Prepared::event(&namespace, ack_id(), &event(), &args(frame)),
        "ACK" => Prepared::ack(&namespace, ack_id().unwrap(), &args(frame)),
        "FAILED" => {
            let message = text(frame, "message");
            Prepared::failed(&namespace, ack_id().unwrap(), code(frame), message, &data)
        }
        "DATAGRAM" => Prepared::datagram(&namespace, &event(), &args(frame)),
        "LATEST" => {
            let key = Key::try_from(text(frame, "key")).unwrap();
            let version = number(frame, "version");
            Prepared::latest(&namespace, &event(), &key, version, &args(frame))
        }
        _ => panic!("no encoder for {kind}"),
    }
}

fn hello(frame: &Json) -> Hello {
    let resume = &frame["resume"];
    Hello {
        v: number(frame, "v"),
        agent: text(frame, "agent").to_owned(),
        auth: value(&frame["auth"]),
        resume: (!resume.is_null()).then(|| Resume {
            session: SessionId::try_from(text(resume, "session")).unwrap(),
            secret: Secret::from_text(text(resume, "secret")),
            attach: number(resume, "attach"),
            received: number(resume, "received"),
            strict: resume["strict"].as_bool().unwrap(),
        }),
        features: texts(&frame["features"]),
        limits: limits(&frame["limits"]),
        ping_interval: optional_number(frame, "ping_interval"),
    }
}

fn welcome(frame: &Json) -> Welcome {
    Welcome {
        v: number(frame, "v"),
        session: SessionId::try_from(text(frame, "session")).unwrap(),
        secret: frame["secret"].as_str().map(Secret::from_text),
        resumed: frame["resumed"].as_bool().unwrap(),
        reason: frame["reason"].as_str().map(ResumeRefusal::from),
        received: number(frame, "received"),
        ping_interval: number(frame, "ping_interval"),
        ping_timeout: number(frame, "ping_timeout"),
        resume_window: number(frame, "resume_window"),
        limits: limits(&frame["limits"]),
        features: texts(&frame["features"]),
        datagrams: match text(frame, "datagrams") {
            "native" => Datagrams::Native,
            "emulated" => Datagrams::Emulated,
            "none" => Datagrams::None,
            other => panic!("no such word: {other}"),
        },
        alternatives: array(&frame["alternatives"])
            .iter()
            .map(alternative)
            .collect(),
    }
}

fn alternative(json: &Json) -> Alternative {
    let hash = |hash: &Json| match Plain::marked(hash) {
        Plain::Bytes(bytes) => bytes,
        other => panic!("a hash is bytes, not {other:?}"),
    };
    Alternative {
        transport: text(json, "transport").to_owned(),
        url: text(json, "url").to_owned(),
        hashes: array(&json["hashes"]).iter().map(hash).collect(),
    }
}

fn limits(json: &Json) -> Limits {
    let figure = |key| u32::try_from(number(json, key)).unwrap();
    Limits {
        frame: figure("frame"),
        datagram: figure("datagram"),
        replay: figure("replay"),
        inbound: figure("inbound"),
        queue: figure("queue"),
        name: figure("name"),
        depth: figure("depth"),
        namespaces: figure("namespaces"),
        rooms: figure("rooms"),
        pending_acks: figure("pending_acks"),
        latest_keys: figure("latest_keys"),
    }
}

fn auth(frame: &Json) -> Auth {
    Auth {
        auth: value(&frame["auth"]),
        wanted: frame["wanted"].as_bool().unwrap(),
        expires: optional_number(frame, "expires"),
    }
}

fn go_away(frame: &Json) -> GoAway {
    GoAway {
        reason: text(frame, "reason").to_owned(),
        slot: number(frame, "slot"),
        deadline: number(frame, "deadline"),
        url: frame["url"].as_str().map(str::to_owned),
    }
}

fn close(frame: &Json) -> Close {
    Close {
        code: code(frame),
        reason: text(frame, "reason").to_owned(),
        retry_after: optional_number(frame, "retry_after"),
        url: frame["url"].as_str().map(str::to_owned),
        attach: optional_number(frame, "attach"),
        data: value(&frame["data"]),
    }
}

fn args(frame: &Json) -> Payload {
    Payload::from_values(array(&frame["args"]).iter().map(value)).unwrap()
}

fn value(json: &Json) -> Value {
    Value::encode(&Plain::marked(json)).unwrap()
}

fn code(frame: &Json) -> Code {
    Code::new(u16::try_from(number(frame, "code")).unwrap())
}

fn texts(json: &Json) -> Vec<String> {
    array(json)
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn array(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text {key}"))
}

fn number(json: &Json, key: &str) -> u64 {
    optional_number(json, key).unwrap_or_else(|| panic!("no number {key}"))
}

fn optional_number(json: &Json, key: &str) -> Option<u64> {
    json[key].as_u64()
}
