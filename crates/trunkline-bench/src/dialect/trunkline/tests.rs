use serde::Serialize;
use serde_bytes::{ByteBuf, Bytes};

use super::*;

type Ignored = serde::de::IgnoredAny;

/// What the session said since the last call, as unmasked frames.
fn said(outgoing: &mut Outgoing) -> Vec<Vec<u8>> {
    let mut masked = Vec::new();
    outgoing.write_to(&mut masked).unwrap();
    let mut frames = Vec::new();
    while !masked.is_empty() {
        let length = usize::from(masked[1] & 0x7f);
        assert!(length <= 125, "the frames of these tests are short");
        let mask = [masked[2], masked[3], masked[4], masked[5]];
        let payload = masked[6..6 + length]
            .iter()
            .enumerate()
            .map(|(i, b)| b ^ mask[i % 4]);
        frames.push(payload.collect());
        masked.drain(..6 + length);
    }
    frames
}

fn pack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::encode::to_vec_named(value).unwrap()
}

struct Talk {
    session: Session,
    outgoing: Outgoing,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        Self {
            session: Session::default(),
            outgoing: Outgoing::new(1),
            now: Instant::now(),
        }
    }

    fn hears<'a>(&mut self, message: &'a [u8]) -> Result<Incoming<'a>, DialectError> {
        self.session.receive(message, self.now, &mut self.outgoing)
    }

    fn says(&mut self) -> Vec<Vec<u8>> {
        said(&mut self.outgoing)
    }
}

#[test]
fn a_greeting_is_hello_and_a_numbered_connect_to_the_root() {
    let mut talk = Talk::new();
    talk.session.greet(&mut talk.outgoing);
    let frames = talk.says();
    let hello = [
        &[0x92, 0x00, 0x82, 0xa1][..],
        b"v",
        &[0x01, 0xa5],
        b"agent",
        &[0xaf],
    ]
    .concat();
    assert_eq!(frames[0], [&hello[..], b"trunkline-bench"].concat());
    assert_eq!(frames[1], [0x94, 0x10, 0x01, 0xc0, 0xc0]);
    assert_eq!(frames.len(), 2);
}

#[test]
fn events_are_numbered_on_and_carry_one_argument() {
    let mut talk = Talk::new();
    talk.session
        .event(None, "bcast", b"one", &mut talk.outgoing);
    talk.session
        .event(Some(9), "echo", b"two", &mut talk.outgoing);
    let frames = talk.says();
    type Event = (u64, u64, Option<Ignored>, Option<u64>, String, (ByteBuf,));
    let first: Event = rmp_serde::from_slice(&frames[0]).unwrap();
    let second: Event = rmp_serde::from_slice(&frames[1]).unwrap();
    assert_eq!(
        (first.0, first.1, first.3, &first.4[..]),
        (20, 1, None, "bcast")
    );
    assert_eq!(
        (second.0, second.1, second.3, &second.4[..]),
        (20, 2, Some(9), "echo")
    );
    assert!(first.2.is_none() && second.2.is_none());
    assert_eq!(
        (&first.5.0[..], &second.5.0[..]),
        (&b"one"[..], &b"two"[..])
    );
}

#[test]
fn messages_and_acks_are_read_with_their_payload() {
    let mut talk = Talk::new();
    let event = pack(&(20, 1, (), (), "msg", (Bytes::new(b"abc"),)));
    let ack = pack(&(21, 2, (), 70_000, (Bytes::new(b"def"),)));
    assert_eq!(talk.hears(&event), Ok(Incoming::Message(b"abc")));
    let expected = Incoming::Acknowledged {
        id: 70_000,
        payload: b"def",
    };
    assert_eq!(talk.hears(&ack), Ok(expected));
}

#[test]
fn a_number_that_is_not_the_next_is_an_error() {
    for (got, second) in [(1, 1), (3, 3)] {
        let mut talk = Talk::new();
        let frame = |seq: u64| pack(&(20, seq, (), (), "msg", (Bytes::new(b""),)));
        talk.hears(&frame(1)).unwrap();
        let error = talk.hears(&frame(second)).unwrap_err();
        assert_eq!(error, DialectError::Sequence { expected: 2, got });
    }
}

#[test]
fn numbered_ignorable_frames_are_counted_and_the_others_skipped() {
    let mut talk = Talk::new();
    assert_eq!(talk.hears(&pack(&(0x60, 1, "x"))), Ok(Incoming::Nothing));
    assert_eq!(talk.hears(&pack(&(0x5f,))), Ok(Incoming::Nothing));
    assert_eq!(talk.session.received, 1);
    let error = talk.hears(&pack(&(0x30,))).unwrap_err();
    assert_eq!(error, DialectError::Malformed("unknown kind"));
}

#[test]
fn a_ping_is_answered_with_its_value_and_a_receipt() {
    let mut talk = Talk::new();
    talk.hears(&pack(&(0x60, 1))).unwrap();
    talk.hears(&pack(&(2, 77, 0))).unwrap();
    assert_eq!(talk.says(), [pack(&(3, 77, 1))]);
    talk.session.confirm(&mut talk.outgoing);
    assert!(talk.says().is_empty(), "the pong has confirmed everything");
}

#[test]
fn a_receipt_is_sent_at_a_sixty_fourth_of_the_announced_budget() {
    #[derive(Serialize)]
    struct Announced {
        replay: u64,
    }
    #[derive(Serialize)]
    struct Welcome {
        v: u64,
        unknown: bool,
        limits: Announced,
    }
    let mut talk = Talk::new();
    let welcome = Welcome {
        v: 1,
        unknown: true,
        limits: Announced { replay: 6400 },
    };
    talk.hears(&pack(&(1, welcome))).unwrap();
    let frame = |seq: u64| pack(&(20, seq, (), (), "msg", (Bytes::new(&[0; 41]),)));
    assert_eq!(frame(1).len(), 53);
    talk.hears(&frame(1)).unwrap();
    assert!(talk.says().is_empty());
    talk.hears(&frame(2)).unwrap();
    assert_eq!(talk.says(), [pack(&(4, 2))]);
}

#[test]
fn a_receipt_is_sent_nine_seconds_after_the_first_frame_it_confirms() {
    let mut talk = Talk::new();
    talk.hears(&pack(&(0x60, 1))).unwrap();
    talk.session
        .sweep(talk.now + Duration::from_secs(8), &mut talk.outgoing);
    assert!(talk.says().is_empty());
    talk.session
        .sweep(talk.now + Duration::from_secs(9), &mut talk.outgoing);
    assert_eq!(talk.says(), [pack(&(4, 1))]);
    talk.session
        .sweep(talk.now + Duration::from_secs(60), &mut talk.outgoing);
    assert!(talk.says().is_empty());
}

#[test]
fn refusals_end_with_their_code_and_text() {
    #[derive(Serialize)]
    struct Close {
        code: u64,
        reason: &'static str,
    }
    let refused = |what, code, reason: &str| {
        Err(DialectError::Refused {
            what,
            code,
            reason: reason.to_owned(),
        })
    };
    let close = pack(&(
        6,
        Close {
            code: 3001,
            reason: "no",
        },
    ));
    assert_eq!(Talk::new().hears(&close), refused("CLOSE", 3001, "no"));
    let failed = pack(&(22, 1, (), 5, 3400, "unknown event", ()));
    assert_eq!(
        Talk::new().hears(&failed),
        refused("FAILED", 3400, "unknown event")
    );
    let disconnect = pack(&(19, 1, (), 3401, "gone"));
    assert_eq!(
        Talk::new().hears(&disconnect),
        refused("DISCONNECT", 3401, "gone")
    );
}

#[test]
fn a_frame_of_another_length_than_its_kind_has_is_malformed() {
    let error = Talk::new().hears(&pack(&(2, 77))).unwrap_err();
    assert_eq!(error, DialectError::Malformed("wrong array length"));
}
