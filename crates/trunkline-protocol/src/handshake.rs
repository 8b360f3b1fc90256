//! The first frame of each side.

use crate::{
    Close, Encoding, Frame, Hello, MAX_HELLO_BYTES, SessionId, VERSION, Violation, Welcome,
};

/// Reads a client's first message as HELLO.
///
/// # Errors
/// It is larger than [`MAX_HELLO_BYTES`], another frame, or of another version.
pub fn read_hello(encoding: Encoding, message: &[u8]) -> Result<Hello, Violation> {
    if message.len() > MAX_HELLO_BYTES {
        return Err(Violation::TooLarge {
            size: message.len(),
            limit: MAX_HELLO_BYTES,
        });
    }
    match Frame::decode(encoding, message)? {
        Frame::Hello(hello) if hello.v == VERSION => Ok(*hello),
        Frame::Hello(hello) => Err(Violation::Version { found: hello.v }),
        other => Err(Violation::Unexpected {
            kind: other.kind(),
            when: "before HELLO",
        }),
    }
}

/// A client between its HELLO and the server's answer.
#[derive(Debug)]
pub struct ClientHandshake {
    encoding: Encoding,
    /// The session that was offered.
    resuming: Option<SessionId>,
    /// A fresh session in its place is not wanted.
    is_strict: bool,
}

/// The server's answer to HELLO.
#[derive(Debug)]
pub enum Answer {
    /// The session goes on: attach at WELCOME's receipt and replay.
    Resumed(Box<Welcome>),
    /// A fresh session. If one was offered for resuming, it is lost; the reason is in WELCOME.
    Fresh(Box<Welcome>),
    /// No session came of this connection; the code says what to do.
    Closed(Box<Close>),
}

impl ClientHandshake {
    /// After this HELLO was sent.
    #[must_use]
    pub fn sent(encoding: Encoding, hello: &Hello) -> Self {
        let resume = hello.resume.as_ref();
        Self {
            encoding,
            resuming: resume.map(|resume| resume.session.clone()),
            is_strict: resume.is_some_and(|resume| resume.strict),
        }
    }

    /// Reads the server's first message.
    ///
    /// # Errors
    /// It is neither WELCOME nor CLOSE, or WELCOME does not fit this HELLO.
    pub fn read(self, message: &[u8]) -> Result<Answer, Violation> {
        match Frame::decode(self.encoding, message)? {
            Frame::Welcome(welcome) if welcome.v != VERSION => {
                Err(Violation::Version { found: welcome.v })
            }
            Frame::Welcome(welcome) if self.resumed_by(&welcome) => Ok(Answer::Resumed(welcome)),
            Frame::Welcome(welcome) if is_fresh(&welcome) && !self.is_strict => {
                Ok(Answer::Fresh(welcome))
            }
            Frame::Close(close) => Ok(Answer::Closed(close)),
            other => Err(Violation::Unexpected {
                kind: other.kind(),
                when: "in answer to HELLO",
            }),
        }
    }

    /// The session that was offered goes on, and no other.
    fn resumed_by(&self, welcome: &Welcome) -> bool {
        welcome.resumed && self.resuming.as_ref() == Some(&welcome.session)
    }
}

/// A session that nobody has sent anything in yet.
fn is_fresh(welcome: &Welcome) -> bool {
    !welcome.resumed && welcome.secret.is_some() && welcome.received == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Datagrams, Limits, Resume, Secret, Value};

    fn hello(session: Option<&str>) -> Hello {
        Hello {
            v: VERSION,
            agent: "test".to_owned(),
            auth: Value::nil(),
            resume: session.map(|session| Resume {
                session: SessionId::try_from(session).unwrap(),
                secret: Secret::new([1; 16]),
                attach: 1,
                received: 0,
                strict: false,
            }),
            features: Vec::new(),
            limits: Limits::default(),
            ping_interval: None,
        }
    }

    fn welcome(session: &str, resumed: bool, received: u64) -> Vec<u8> {
        let welcome = Welcome {
            v: VERSION,
            session: SessionId::try_from(session).unwrap(),
            secret: (!resumed).then(|| Secret::new([2; 16])),
            resumed,
            reason: None,
            received,
            ping_interval: 1,
            ping_timeout: 1,
            resume_window: 1,
            limits: Limits::default(),
            features: Vec::new(),
            datagrams: Datagrams::None,
            alternatives: Vec::new(),
        };
        welcome.encode(Encoding::Json)
    }

    fn read(hello: &Hello, message: &[u8]) -> Result<Answer, Violation> {
        ClientHandshake::sent(Encoding::Json, hello).read(message)
    }

    #[test]
    fn a_welcome_resumes_only_the_session_that_was_offered() {
        let offered = hello(Some("mine"));
        let resumed = read(&offered, &welcome("mine", true, 5));
        assert!(matches!(resumed, Ok(Answer::Resumed(_))));
        let another = read(&offered, &welcome("another", true, 5));
        assert!(matches!(another, Err(Violation::Unexpected { .. })));
        let unasked = read(&hello(None), &welcome("mine", true, 0));
        assert!(matches!(unasked, Err(Violation::Unexpected { .. })));
    }

    #[test]
    fn a_strict_resume_is_not_answered_with_a_fresh_session() {
        let mut strict = hello(Some("mine"));
        strict.resume.as_mut().unwrap().strict = true;
        let resumed = read(&strict, &welcome("mine", true, 5));
        assert!(matches!(resumed, Ok(Answer::Resumed(_))));
        let fresh = read(&strict, &welcome("new", false, 0));
        assert!(matches!(fresh, Err(Violation::Unexpected { .. })));
    }

    #[test]
    fn a_fresh_session_has_received_nothing_yet() {
        let fresh = read(&hello(None), &welcome("new", false, 0));
        assert!(matches!(fresh, Ok(Answer::Fresh(_))));
        let impossible = read(&hello(None), &welcome("new", false, 1));
        assert!(matches!(impossible, Err(Violation::Unexpected { .. })));
    }
}
