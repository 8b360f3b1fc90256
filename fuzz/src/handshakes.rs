//! The first frames of both sides, and attempts to resume.

use trunkline_protocol::{
    Answer, Attachment, ClientHandshake, Encoding, Frame, Hello, Limits, MAX_HELLO_BYTES, Resume,
    Secret, SessionId, Time, VERSION, Value, read_hello,
};

use crate::input::Input;

/// The first byte is the encoding, the second whose message it is, the rest the message.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let encoding = input.encoding();
    let choice = input.byte();
    let message = input.rest();
    match choice % 3 {
        0 => at_the_server(encoding, message),
        1 => at_the_client(encoding, &our_hello(None), message),
        _ => at_the_client(encoding, &our_hello(Some(SESSION)), message),
    }
}

fn at_the_server(encoding: Encoding, message: &[u8]) {
    let hello = match read_hello(encoding, message) {
        Ok(hello) => hello,
        Err(violation) => {
            assert!(!violation.to_close().reason.is_empty());
            return;
        }
    };
    assert!(message.len() <= MAX_HELLO_BYTES);
    let again = hello.encode(encoding);
    if again.len() <= MAX_HELLO_BYTES {
        assert_eq!(read_hello(encoding, &again).as_ref(), Ok(&hello));
    }
    if let Some(resume) = &hello.resume {
        attach(encoding, resume);
    }
}

/// The attempt, and again: what has been taken once is stale.
fn attach(encoding: Encoding, resume: &Resume) {
    let now = Time::from_ms(0);
    let ours = Secret::from_text(SECRET);
    let is_ours = resume.secret == ours;
    for same_principal in [false, true] {
        let mut attachment = Attachment::new(ours.hash(), encoding);
        let taken = attachment.attach(resume, same_principal, encoding, now);
        if taken.is_ok() {
            assert!(is_ours && same_principal && resume.attach > 0);
            assert_eq!(attachment.current(), resume.attach);
            let again = attachment.attach(resume, same_principal, encoding, now);
            assert!(again.is_err(), "an attach that is not above the last");
        } else {
            assert_eq!(attachment.current(), 0, "a refusal touches nothing");
        }
    }
}

fn at_the_client(encoding: Encoding, hello: &Hello, message: &[u8]) {
    let offered = hello.resume.as_ref().map(|resume| &resume.session);
    let again = match ClientHandshake::sent(encoding, hello).read(message) {
        Ok(Answer::Resumed(welcome)) => {
            assert_eq!(Some(&welcome.session), offered);
            welcome.encode(encoding)
        }
        Ok(Answer::Fresh(welcome)) => {
            assert!(welcome.secret.is_some() && welcome.received == 0);
            welcome.encode(encoding)
        }
        Ok(Answer::Closed(close)) => close.encode(encoding),
        Err(violation) => {
            assert!(!violation.to_close().reason.is_empty());
            return;
        }
    };
    assert_eq!(
        Frame::decode(encoding, &again).map(|frame| frame.kind()),
        Frame::decode(encoding, message).map(|frame| frame.kind())
    );
}

fn our_hello(session: Option<&str>) -> Hello {
    Hello {
        v: VERSION,
        agent: "fuzz".to_owned(),
        auth: Value::nil(),
        resume: session.map(|session| Resume {
            session: SessionId::try_from(session).expect("a short id"),
            secret: Secret::from_text(SECRET),
            attach: 1,
            received: 0,
            strict: false,
        }),
        features: Vec::new(),
        limits: Limits::default(),
        ping_interval: None,
    }
}

/// The session of the vectors, which the seeds are.
const SESSION: &str = "c2Vzc2lvbi1pZC0wMDAwMQ";

/// Its secret.
const SECRET: &str = "s3cr3t-s3cr3t-s3cr3t-A";
