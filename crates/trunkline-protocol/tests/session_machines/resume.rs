//! Resuming: who may, what is replayed, and what a client makes of the answer.

use trunkline_protocol::{
    Answer, AttachRefusal, Attachment, ClientHandshake, Close, Code, Datagrams, Disposition,
    Encoding, Hello, Limits, MAX_HELLO_BYTES, Resume, ResumeRefusal, Role, Secret, SessionId, Time,
    VERSION, Value, Violation, Welcome, read_hello,
};

use crate::frames::{ENCODING, attached, event, expected, told, words};

const NOW: Time = Time::from_ms(1_000);

fn secret() -> Secret {
    Secret::new([7; 16])
}

fn resume(attach: u64) -> Resume {
    let session = SessionId::try_from("a session").unwrap();
    Resume {
        session,
        secret: secret(),
        attach,
        received: 3,
        strict: false,
    }
}

fn hello(resume: Option<Resume>) -> Hello {
    Hello {
        v: VERSION,
        agent: "a test".to_owned(),
        auth: Value::nil(),
        resume,
        features: Vec::new(),
        limits: Limits::default(),
        ping_interval: None,
    }
}

fn welcome(resumed: bool) -> Welcome {
    Welcome {
        v: VERSION,
        session: SessionId::try_from("a session").unwrap(),
        secret: (!resumed).then(secret),
        resumed,
        reason: None,
        received: 0,
        ping_interval: 25_000,
        ping_timeout: 20_000,
        resume_window: 120_000,
        limits: Limits::default(),
        features: Vec::new(),
        datagrams: Datagrams::None,
        alternatives: Vec::new(),
    }
}

/// What the client that sent this HELLO makes of an answer.
fn answer(hello: &Hello, message: &[u8]) -> Result<Answer, Violation> {
    ClientHandshake::sent(ENCODING, hello).read(message)
}

#[test]
fn what_is_unconfirmed_is_replayed_in_order_ahead_of_anything_new() {
    let mut outbound = attached(10_000, 10_000);
    for name in ["one", "two", "three"] {
        outbound.push(event(name)).unwrap();
    }
    told(&mut outbound);
    outbound.detach();
    outbound.push(event("while detached")).unwrap();
    assert!(told(&mut outbound).is_empty());
    outbound.attach(1).unwrap();
    outbound.push(event("after")).unwrap();
    let replayed = [
        (2, "two"),
        (3, "three"),
        (4, "while detached"),
        (5, "after"),
    ];
    assert_eq!(told(&mut outbound), expected(&replayed));
}

#[test]
fn a_replay_that_is_cut_short_begins_again_where_the_peer_says() {
    let mut outbound = attached(10_000, 10_000);
    for name in ["one", "two", "three"] {
        outbound.push(event(name)).unwrap();
    }
    told(&mut outbound);
    for _ in 0..3 {
        outbound.attach(0).unwrap();
        assert!(outbound.transmit(&mut |_| ()), "one frame, and then a cut");
        outbound.detach();
    }
    outbound.attach(1).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(2, "two"), (3, "three")]));
}

#[test]
fn the_greater_receipt_counts_at_a_resume() {
    let mut outbound = attached(10_000, 10_000);
    for name in ["one", "two", "three"] {
        outbound.push(event(name)).unwrap();
    }
    told(&mut outbound);
    outbound.receive_receipt(2).unwrap();
    // HELLO was written before the receipt.
    outbound.attach(1).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(3, "three")]));
    outbound.attach(3).unwrap();
    assert!(outbound.is_settled());
}

#[test]
fn control_frames_of_one_connection_are_not_sent_on_the_next() {
    let mut outbound = attached(10_000, 10_000);
    outbound.ping(1);
    outbound.pong(2);
    outbound.send_receipt(3);
    outbound.close(Close::new(Code::PING_TIMEOUT, "dead"));
    outbound.attach(0).unwrap();
    assert!(words(&mut outbound).is_empty());
    assert!(!outbound.is_closing());
}

#[test]
fn frames_that_flew_ahead_are_numbered_and_not_sent_twice() {
    let mut outbound = attached(10_000, 10_000);
    outbound.adopt(vec![event("flew"), event("flew too")]);
    outbound.push(event("after")).unwrap();
    assert_eq!(told(&mut outbound), expected(&[(3, "after")]));
    outbound.attach(1).unwrap();
    assert_eq!(
        told(&mut outbound),
        expected(&[(2, "flew too"), (3, "after")])
    );
}

#[test]
fn each_refusal_leaves_the_session_as_it_was() {
    let mut attachment = Attachment::new(secret().hash(), Encoding::MessagePack);
    attachment
        .attach(&resume(4), true, Encoding::MessagePack, NOW)
        .unwrap();
    let forged = Resume {
        secret: Secret::new([8; 16]),
        ..resume(9)
    };
    let offers = [
        (&forged, true, Encoding::MessagePack, AttachRefusal::Unknown),
        (
            &resume(9),
            false,
            Encoding::MessagePack,
            AttachRefusal::Unknown,
        ),
        (&resume(9), true, Encoding::Json, AttachRefusal::Encoding),
        (
            &resume(4),
            true,
            Encoding::MessagePack,
            AttachRefusal::Stale {
                offered: 4,
                current: 4,
            },
        ),
        (
            &resume(1),
            true,
            Encoding::MessagePack,
            AttachRefusal::Stale {
                offered: 1,
                current: 4,
            },
        ),
    ];
    for (offer, same_principal, encoding, refusal) in offers {
        assert_eq!(
            attachment.attach(offer, same_principal, encoding, NOW),
            Err(refusal)
        );
        assert_eq!(attachment.current(), 4);
    }
    attachment
        .attach(&resume(5), true, Encoding::MessagePack, NOW)
        .unwrap();
}

#[test]
fn a_stranger_learns_nothing_from_the_order_of_the_checks() {
    // Wrong secret and stale, wrong secret and another encoding: always the same answer.
    let mut attachment = Attachment::new(secret().hash(), Encoding::MessagePack);
    attachment
        .attach(&resume(4), true, Encoding::MessagePack, NOW)
        .unwrap();
    let forged = Resume {
        secret: Secret::from_text(""),
        ..resume(1)
    };
    for encoding in Encoding::ALL {
        let refused = attachment.attach(&forged, true, encoding, NOW);
        assert_eq!(refused, Err(AttachRefusal::Unknown));
    }
}

#[test]
fn every_reason_for_a_fresh_session_is_read_back() {
    let offer = hello(Some(resume(1)));
    for reason in [
        ResumeRefusal::Unknown,
        ResumeRefusal::Expired,
        ResumeRefusal::Overflow,
        ResumeRefusal::Encoding,
        ResumeRefusal::Moved,
        ResumeRefusal::Other("a later one".to_owned()),
    ] {
        let told = Welcome {
            reason: Some(reason.clone()),
            ..welcome(false)
        };
        match answer(&offer, &told.encode(ENCODING)).unwrap() {
            Answer::Fresh(welcome) => assert_eq!(welcome.reason, Some(reason)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_client_takes_only_what_answers_its_hello() {
    let (fresh, resuming) = (hello(None), hello(Some(resume(1))));
    let resumed = welcome(true).encode(ENCODING);
    assert!(matches!(
        answer(&resuming, &resumed),
        Ok(Answer::Resumed(_))
    ));
    assert!(answer(&fresh, &resumed).is_err(), "nothing was offered");
    let without_secret = Welcome {
        secret: None,
        ..welcome(false)
    };
    assert!(answer(&fresh, &without_secret.encode(ENCODING)).is_err());
    let other_version = Welcome {
        v: 2,
        ..welcome(false)
    };
    assert!(matches!(
        answer(&fresh, &other_version.encode(ENCODING)),
        Err(Violation::Version { found: 2 })
    ));
    let event = event("too early").to_message(ENCODING, 1);
    assert!(matches!(
        answer(&fresh, &event),
        Err(Violation::Unexpected { .. })
    ));
}

#[test]
fn a_close_in_answer_to_hello_says_what_becomes_of_the_session() {
    let offer = hello(Some(Resume {
        strict: true,
        ..resume(1)
    }));
    let closes = [
        (Code::SESSION_UNKNOWN, Disposition::Fresh),
        (Code::STALE_ATTACH, Disposition::Resume),
        (Code::TOO_MANY_ATTACHES, Disposition::ResumeLater),
        (Code::ENDED, Disposition::Over),
        (Code::UNAUTHORIZED, Disposition::Over),
    ];
    for (code, disposition) in closes {
        let close = Close {
            retry_after: Some(5),
            ..Close::new(code, "why")
        };
        match answer(&offer, &close.encode(ENCODING)).unwrap() {
            Answer::Closed(told) => {
                assert_eq!(*told, close);
                assert_eq!(told.code.disposition(Role::Server), disposition, "{code}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_server_reads_nothing_but_hello_first() {
    let hello = hello(Some(resume(2)));
    let message = hello.encode(ENCODING);
    assert_eq!(read_hello(ENCODING, &message).unwrap(), hello);
    let early = event("early").to_message(ENCODING, 1);
    assert!(matches!(
        read_hello(ENCODING, &early),
        Err(Violation::Unexpected { .. })
    ));
    let newer = Hello {
        v: 2,
        ..hello.clone()
    }
    .encode(ENCODING);
    assert!(matches!(
        read_hello(ENCODING, &newer),
        Err(Violation::Version { found: 2 })
    ));
    let large = Hello {
        agent: "x".repeat(MAX_HELLO_BYTES),
        ..hello
    };
    assert!(matches!(
        read_hello(ENCODING, &large.encode(ENCODING)),
        Err(Violation::TooLarge {
            limit: MAX_HELLO_BYTES,
            ..
        })
    ));
    for end in 0..message.len() {
        assert!(
            read_hello(ENCODING, &message[..end]).is_err(),
            "cut at {end}"
        );
    }
}
