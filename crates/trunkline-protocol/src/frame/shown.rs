//! A frame as people may see it: JSON, without what is secret.

use super::{Auth, Close, Frame, GoAway, Hello, Sequenced, Welcome};
use crate::json::write_text;
use crate::limits::DEFAULT_DEPTH;
use crate::{Body, Encoding, Kind, Secret, Value, to_json};

impl Frame<'_> {
    /// The frame as JSON for people, as it would travel, but with credentials masked: for taps and
    /// logs that show content on purpose.
    ///
    /// Masked are the `auth` of HELLO, AUTH and CONNECT, the session's secret in HELLO and WELCOME, and
    /// the queries of URLs. Content that breaks the value model is shown as what is wrong with it.
    /// Of frames without a known meaning only the kind is shown. One line, whatever the peer sent.
    #[must_use]
    pub fn to_masked_json(&self) -> String {
        match self {
            Self::Hello(hello) => text_of(masked_hello(hello).encode(Encoding::Json)),
            Self::Welcome(welcome) => text_of(masked_welcome(welcome).encode(Encoding::Json)),
            Self::Ping { t, received } | Self::Pong { t, received } => {
                Shown::of(self.kind()).integer(*t).integer(*received).end()
            }
            Self::Received { received } => Shown::of(self.kind()).integer(*received).end(),
            Self::GoAway(go_away) => text_of(masked_go_away(go_away).encode(Encoding::Json)),
            Self::Close(close) => text_of(masked_close(close).encode(Encoding::Json)),
            Self::Auth(auth) => text_of(masked_auth(auth).encode(Encoding::Json)),
            Self::Sequenced { seq, frame } => show_sequenced(*seq, frame),
            Self::Datagram {
                namespace,
                event,
                args,
            } => Shown::of(self.kind())
                .namespace(namespace)
                .text(event)
                .body(args)
                .end(),
            Self::Latest {
                namespace,
                event,
                key,
                version,
                args,
            } => Shown::of(self.kind())
                .namespace(namespace)
                .text(event)
                .text(key)
                .integer(*version)
                .body(args)
                .end(),
            // Whoever adds a kind says above what of it may be seen.
            _ => Shown::of(self.kind()).masked().end(),
        }
    }
}

fn show_sequenced(seq: u64, frame: &Sequenced<'_>) -> String {
    let shown = Shown::of(frame.kind()).integer(seq);
    match frame {
        Sequenced::Connect { namespace, auth } => shown.namespace(namespace).credentials(auth),
        Sequenced::Connected {
            namespace,
            connect,
            socket_id,
            data,
        } => shown
            .namespace(namespace)
            .integer(*connect)
            .text(socket_id)
            .body(data),
        Sequenced::Refused {
            namespace,
            connect,
            code,
            message,
            data,
        } => shown
            .namespace(namespace)
            .integer(*connect)
            .integer(code.number().into())
            .text(message)
            .body(data),
        Sequenced::Disconnect {
            namespace,
            code,
            reason,
        } => shown
            .namespace(namespace)
            .integer(code.number().into())
            .text(reason),
        Sequenced::Event {
            namespace,
            ack_id,
            event,
            args,
        } => {
            let ack_id = ack_id.map_or("null".to_owned(), |ack_id| ack_id.number().to_string());
            let shown = shown.namespace(namespace).raw(&ack_id);
            shown.text(event).body(args)
        }
        Sequenced::Ack {
            namespace,
            ack_id,
            args,
        } => shown
            .namespace(namespace)
            .integer(ack_id.number())
            .body(args),
        Sequenced::Failed {
            namespace,
            ack_id,
            code,
            message,
            data,
        } => shown
            .namespace(namespace)
            .integer(ack_id.number())
            .integer(code.number().into())
            .text(message)
            .body(data),
        Sequenced::Ignorable { .. } => shown.masked(),
    }
    .end()
}

/// A frame's array in the making.
struct Shown(Vec<u8>);

impl Shown {
    fn of(kind: Kind) -> Self {
        Self(format!("[{}", kind.number()).into())
    }

    fn raw(mut self, json: &str) -> Self {
        self.0.push(b',');
        self.0.extend_from_slice(json.as_bytes());
        self
    }

    fn integer(self, number: u64) -> Self {
        self.raw(&number.to_string())
    }

    fn text(mut self, text: &str) -> Self {
        self.0.push(b',');
        write_text(text, &mut self.0);
        self
    }

    fn namespace(self, name: &str) -> Self {
        match name {
            "/" => self.raw("null"),
            name => self.text(name),
        }
    }

    /// Transcoded even from JSON, whose white space may hold line breaks.
    fn body(self, body: &Body<'_>) -> Self {
        match body.value(DEFAULT_DEPTH) {
            Ok(value) => self.raw(&to_json(value.as_message_pack())),
            Err(bad) => self.text(&format!("(bad content: {bad})")),
        }
    }

    /// That there are credentials may be seen, but not their size.
    fn credentials(self, body: &Body<'_>) -> Self {
        match body.value(DEFAULT_DEPTH) {
            Ok(value) if value.is_nil() => self.raw("null"),
            _ => self.masked(),
        }
    }

    fn masked(self) -> Self {
        self.text(MASK)
    }

    fn end(mut self) -> String {
        self.0.push(b']');
        text_of(self.0)
    }
}

fn masked_hello(hello: &Hello) -> Hello {
    let mut hello = hello.clone();
    hello.auth = masked(&hello.auth);
    if let Some(resume) = &mut hello.resume {
        resume.secret = Secret::from_text(MASK);
    }
    hello
}

fn masked_welcome(welcome: &Welcome) -> Welcome {
    let mut welcome = welcome.clone();
    if welcome.secret.is_some() {
        welcome.secret = Some(Secret::from_text(MASK));
    }
    for alternative in &mut welcome.alternatives {
        alternative.url = without_query(&alternative.url);
    }
    welcome
}

fn masked_auth(auth: &Auth) -> Auth {
    Auth {
        auth: masked(&auth.auth),
        ..auth.clone()
    }
}

/// That there are credentials may be seen, but nothing else of them.
fn masked(credentials: &Value) -> Value {
    match credentials.is_nil() {
        true => Value::nil(),
        false => Value::encode(MASK).unwrap_or_default(),
    }
}

fn masked_go_away(go_away: &GoAway) -> GoAway {
    GoAway {
        url: go_away.url.as_deref().map(without_query),
        ..go_away.clone()
    }
}

fn masked_close(close: &Close) -> Close {
    Close {
        url: close.url.as_deref().map(without_query),
        ..close.clone()
    }
}

/// A URL whose user and query, which may be a ticket, are masked.
fn without_query(url: &str) -> String {
    let (head, query) = match url.find(['?', '#']) {
        Some(position) => (&url[..position], format!("?{MASK}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = head
        .find("://")
        .map_or(("", head), |position| head.split_at(position + 3));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    [scheme, host, path, &query].concat()
}

fn text_of(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_default()
}

/// What stands where something is not shown.
const MASK: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        let frame = Frame::decode(Encoding::Json, json.as_bytes()).unwrap();
        frame.to_masked_json()
    }

    #[test]
    fn frames_are_shown_as_they_travel() {
        for json in [
            "[2,1700,5]",
            "[4,5]",
            r#"[20,7,null,3,"say",["hello",{"at":1}]]"#,
            r#"[20,8,"/org",null,"say",[]]"#,
            r#"[21,2,null,3,[1]]"#,
            r#"[22,2,null,3,4001,"no",null]"#,
            r#"[16,1,null,null]"#,
            r#"[7,{"wanted":true,"expires":1000}]"#,
            r#"[17,1,null,1,"s",null]"#,
            r#"[19,4,"/org",4001,"bye"]"#,
            r#"[32,null,"move",[1,2]]"#,
            r#"[33,null,"move","me",9,[1,2]]"#,
        ] {
            assert_eq!(shown(json), json);
        }
    }

    #[test]
    fn no_secret_and_no_credential_is_shown() {
        for json in [
            r#"[0,{"v":1,"agent":"x","auth":{"token":"s3cret"},"resume":{"session":"id","secret":"s3cret","attach":1,"received":0},"limits":{}}]"#,
            r#"[1,{"v":1,"session":"id","secret":"s3cret","resumed":false,"received":0,"ping_interval":1,"ping_timeout":1,"resume_window":1,"limits":{},"features":[],"datagrams":"emulated","alternatives":[{"transport":"websocket","url":"https://u:s3cret@h/p?t=s3cret"}]}]"#,
            r#"[5,{"reason":"r","slot":0,"deadline":1,"url":"https://h/p?ticket=s3cret"}]"#,
            r#"[6,{"code":1000,"reason":"r","url":"https://s3cret@h/p#s3cret"}]"#,
            r#"[7,{"auth":{"token":"s3cret"}}]"#,
            r#"[16,1,null,{"token":"s3cret"}]"#,
            r#"[64,"s3cret"]"#,
            r#"[96,1,"s3cret"]"#,
        ] {
            let shown = shown(json);
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.contains(MASK), "{shown}");
        }
    }

    #[test]
    fn one_frame_is_one_line_and_bad_content_is_named() {
        assert_eq!(
            shown("[20,1,null,null,\"a\\nb\",\n[\n1 ]\n]"),
            r#"[20,1,null,null,"a\nb",[1]]"#
        );
        let bad = shown(r#"[20,1,null,null,"a",[{"b":1,"b":2}]]"#);
        assert!(bad.contains("(bad content: "), "{bad}");
        assert!(!bad.contains("\"b\""), "{bad}");
        let broken = [0x94, 16, 1, 0xc0, 0xa6, b's', b'3', b'c'];
        let frame = Frame::decode(Encoding::MessagePack, &broken).unwrap();
        assert_eq!(frame.to_masked_json(), r#"[16,1,null,"***"]"#);
    }

    #[test]
    fn both_encodings_look_the_same() {
        let json = r#"[20,7,"/org",3,"say",["hello",{"at":1}]]"#;
        let args = Body::new(Encoding::Json, br#"["hello",{"at":1}]"#).args(64);
        let args = args.unwrap();
        let message = [
            &[0x96, 20, 7, 0xa4][..],
            b"/org",
            &[3, 0xa3],
            b"say",
            args.as_message_pack(),
        ]
        .concat();
        let frame = Frame::decode(Encoding::MessagePack, &message).unwrap();
        assert_eq!(frame.to_masked_json(), json);
    }
}
