//! From a decoded frame to its meaning, in the names the vectors use.

use trunkline_protocol::{
    Alternative, BadArgs, Body, Code, Frame, Hello, Limits, Resume, Sequenced, Value, Welcome,
};

use crate::plain::Plain;

const DEPTH: u32 = 64;

/// The whole meaning of a frame.
pub(crate) fn of_frame(frame: &Frame<'_>) -> Result<Plain, BadArgs> {
    let Plain::Map(mut meaning) = of_header(frame) else {
        panic!("a meaning is a map");
    };
    if let Some((field, body)) = body(frame) {
        let value = match field {
            "args" => body
                .args(DEPTH)?
                .decode()
                .expect("args decode into any value"),
            _ => plain(&body.value(DEPTH)?),
        };
        meaning.insert(field.to_owned(), value);
    }
    Ok(Plain::Map(meaning))
}

/// The meaning of everything but the body.
pub(crate) fn of_header(frame: &Frame<'_>) -> Plain {
    match frame {
        Frame::Hello(hello) => of_hello(hello),
        Frame::Welcome(welcome) => of_welcome(welcome),
        Frame::Ping { t, received } | Frame::Pong { t, received } => {
            map([("t", integer(*t)), ("received", integer(*received))])
        }
        Frame::Received { received } => map([("received", integer(*received))]),
        Frame::GoAway(go_away) => map([
            ("reason", text(&go_away.reason)),
            ("slot", integer(go_away.slot)),
            ("deadline", integer(go_away.deadline)),
            ("url", or_nil(go_away.url.as_deref(), text)),
        ]),
        Frame::Close(close) => map([
            ("code", integer(close.code.number().into())),
            ("reason", text(&close.reason)),
            ("retry_after", or_nil(close.retry_after, integer)),
            ("url", or_nil(close.url.as_deref(), text)),
            ("attach", or_nil(close.attach, integer)),
            ("data", plain(&close.data)),
        ]),
        Frame::Auth(auth) => map([
            ("auth", plain(&auth.auth)),
            ("wanted", Plain::Boolean(auth.wanted)),
            ("expires", or_nil(auth.expires, integer)),
        ]),
        Frame::Sequenced { seq, frame } => of_sequenced(*seq, frame),
        Frame::Datagram {
            namespace, event, ..
        } => map([("ns", text(namespace)), ("event", text(event))]),
        Frame::Latest {
            namespace,
            event,
            key,
            version,
            ..
        } => map([
            ("ns", text(namespace)),
            ("event", text(event)),
            ("key", text(key)),
            ("version", integer(*version)),
        ]),
        Frame::Ignorable { kind } => map([("kind", integer(kind.number().into()))]),
    }
}

fn of_sequenced(seq: u64, frame: &Sequenced<'_>) -> Plain {
    let (namespace, fields) = match frame {
        Sequenced::Connect { namespace, .. } => (namespace, vec![]),
        Sequenced::Connected {
            namespace,
            connect,
            socket_id,
            ..
        } => (
            namespace,
            vec![
                ("connect", integer(*connect)),
                ("socket_id", text(socket_id)),
            ],
        ),
        Sequenced::Refused {
            namespace,
            connect,
            code,
            message,
            ..
        } => {
            let connect = ("connect", integer(*connect));
            (
                namespace,
                vec![connect, of_code(*code), ("message", text(message))],
            )
        }
        Sequenced::Disconnect {
            namespace,
            code,
            reason,
        } => (namespace, vec![of_code(*code), ("reason", text(reason))]),
        Sequenced::Event {
            namespace,
            ack_id,
            event,
            ..
        } => {
            let ack_id = or_nil(*ack_id, |ack_id| integer(ack_id.number()));
            (namespace, vec![("ack_id", ack_id), ("event", text(event))])
        }
        Sequenced::Ack {
            namespace, ack_id, ..
        } => (namespace, vec![("ack_id", integer(ack_id.number()))]),
        Sequenced::Failed {
            namespace,
            ack_id,
            code,
            message,
            ..
        } => {
            let ack_id = ("ack_id", integer(ack_id.number()));
            (
                namespace,
                vec![ack_id, of_code(*code), ("message", text(message))],
            )
        }
        Sequenced::Ignorable { kind } => {
            return map([
                ("seq", integer(seq)),
                ("kind", integer(kind.number().into())),
            ]);
        }
    };
    let common = [("seq", integer(seq)), ("ns", text(namespace))];
    map(common.into_iter().chain(fields))
}

fn of_code(code: Code) -> (&'static str, Plain) {
    ("code", integer(code.number().into()))
}

fn body<'a>(frame: &Frame<'a>) -> Option<(&'static str, Body<'a>)> {
    match frame {
        Frame::Datagram { args, .. } | Frame::Latest { args, .. } => Some(("args", *args)),
        Frame::Sequenced { frame, .. } => match frame {
            Sequenced::Connect { auth, .. } => Some(("auth", *auth)),
            Sequenced::Connected { data, .. }
            | Sequenced::Refused { data, .. }
            | Sequenced::Failed { data, .. } => Some(("data", *data)),
            Sequenced::Event { args, .. } | Sequenced::Ack { args, .. } => Some(("args", *args)),
            Sequenced::Disconnect { .. } | Sequenced::Ignorable { .. } => None,
        },
        _ => None,
    }
}

fn of_hello(hello: &Hello) -> Plain {
    map([
        ("v", integer(hello.v)),
        ("agent", text(&hello.agent)),
        ("auth", plain(&hello.auth)),
        ("resume", or_nil(hello.resume.as_ref(), of_resume)),
        ("features", array(&hello.features, |feature| text(feature))),
        ("limits", of_limits(&hello.limits)),
        ("ping_interval", or_nil(hello.ping_interval, integer)),
    ])
}

fn of_resume(resume: &Resume) -> Plain {
    map([
        ("session", text(&resume.session)),
        ("secret", text(resume.secret.expose())),
        ("attach", integer(resume.attach)),
        ("received", integer(resume.received)),
        ("strict", Plain::Boolean(resume.strict)),
    ])
}

fn of_welcome(welcome: &Welcome) -> Plain {
    map([
        ("v", integer(welcome.v)),
        ("session", text(&welcome.session)),
        (
            "secret",
            or_nil(welcome.secret.as_ref(), |secret| text(secret.expose())),
        ),
        ("resumed", Plain::Boolean(welcome.resumed)),
        (
            "reason",
            or_nil(welcome.reason.as_ref(), |reason| text(reason.as_str())),
        ),
        ("received", integer(welcome.received)),
        ("ping_interval", integer(welcome.ping_interval)),
        ("ping_timeout", integer(welcome.ping_timeout)),
        ("resume_window", integer(welcome.resume_window)),
        ("limits", of_limits(&welcome.limits)),
        (
            "features",
            array(&welcome.features, |feature| text(feature)),
        ),
        ("datagrams", text(welcome.datagrams.as_str())),
        ("alternatives", array(&welcome.alternatives, of_alternative)),
    ])
}

fn of_alternative(alternative: &Alternative) -> Plain {
    map([
        ("transport", text(&alternative.transport)),
        ("url", text(&alternative.url)),
        (
            "hashes",
            array(&alternative.hashes, |hash| Plain::Bytes(hash.clone())),
        ),
    ])
}

fn of_limits(limits: &Limits) -> Plain {
    map([
        ("frame", limits.frame),
        ("datagram", limits.datagram),
        ("replay", limits.replay),
        ("inbound", limits.inbound),
        ("queue", limits.queue),
        ("name", limits.name),
        ("depth", limits.depth),
        ("namespaces", limits.namespaces),
        ("rooms", limits.rooms),
        ("pending_acks", limits.pending_acks),
        ("latest_keys", limits.latest_keys),
    ]
    .map(|(key, figure)| (key, integer(figure.into()))))
}

fn map<'k>(members: impl IntoIterator<Item = (&'k str, Plain)>) -> Plain {
    Plain::Map(
        members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

fn array<T>(elements: &[T], each: impl Fn(&T) -> Plain) -> Plain {
    Plain::Array(elements.iter().map(each).collect())
}

fn or_nil<T>(value: Option<T>, each: impl Fn(T) -> Plain) -> Plain {
    value.map_or(Plain::Nil, each)
}

fn text(text: &str) -> Plain {
    Plain::Text(text.to_owned())
}

fn integer(number: u64) -> Plain {
    Plain::Integer(number.into())
}

fn plain(value: &Value) -> Plain {
    value.decode().expect("any value decodes into Plain")
}
