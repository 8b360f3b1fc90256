//! Frames that carry a number to be known by.

use serde_bytes::ByteBuf;
use trunkline_protocol::{
    AckId, Args, Body, Code, Encoding, EventName, Frame, IntoArgs, NamespaceName, Overflow,
    Payload, Prepared, Sequenced, Value,
};

/// What a frame is known by, and in which order it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Asking(u64),
    Answering(u64),
}

impl Number {
    pub(super) const fn asking(self) -> Option<u64> {
        match self {
            Self::Asking(number) => Some(number),
            Self::Answering(_) => None,
        }
    }
}

/// Makes frames, each with a number of its own, whose last digit to the base of eight is its kind.
#[derive(Debug, Default)]
pub(super) struct Making {
    made: u64,
}

impl Making {
    /// A frame of one of eight kinds, most of them events, with so many bytes of filling.
    pub(super) fn sequenced(&mut self, kind: usize, filling: usize) -> Prepared {
        self.made += 1;
        let number = KINDS * self.made + kind as u64 % KINDS;
        let root = NamespaceName::root();
        let ack_id = AckId::new(number).expect("a small number");
        let event_with = |overflow| {
            let args = args(number, filling);
            Prepared::event_with_overflow(&root, &event(), &args, overflow)
        };
        match number % KINDS {
            0 => Prepared::connect(&root, &Value::encode(&number).expect("a number")),
            1 => Prepared::disconnect(&root, Code::DISCONNECTED, &number.to_string()),
            2 => Prepared::failed(&root, ack_id, Code::INTERNAL, "", &Value::nil()),
            3 => Prepared::ack(&root, ack_id, &args(number, filling)),
            DROPPED_WHEN_OLD => event_with(Overflow::DropOldest),
            DROPPED_FOR_NEWER => event_with(Overflow::Latest),
            _ => event_with(Overflow::Disconnect),
        }
    }

    /// Whether the frame with this number is one that a slow peer may cost.
    pub(super) const fn may_be_dropped(number: u64) -> bool {
        matches!(number % KINDS, DROPPED_WHEN_OLD | DROPPED_FOR_NEWER)
    }

    pub(super) const fn is_event(number: u64) -> bool {
        number % KINDS >= DROPPED_WHEN_OLD
    }

    pub(super) fn datagram(&self, filling: u8) -> Prepared {
        let args = args(self.made, filling.into());
        Prepared::datagram(&NamespaceName::root(), &event(), &args)
    }
}

fn event() -> EventName {
    EventName::try_from("said").expect("a name")
}

fn args(number: u64, filling: usize) -> Payload {
    let filling = ByteBuf::from(vec![0; filling]);
    Args((number, filling))
        .into_args()
        .expect("a number and bytes")
}

pub(super) fn number_of(frame: &Sequenced<'_>) -> Number {
    match frame {
        Sequenced::Connect { auth, .. } => {
            let value = auth.value(DEPTH).expect("what a peer of ours writes");
            Number::Asking(value.decode().expect("its number"))
        }
        Sequenced::Disconnect { reason, .. } => Number::Asking(reason.parse().expect("its number")),
        Sequenced::Event { args, .. } => Number::Asking(first(args)),
        Sequenced::Failed { ack_id, .. } => Number::Answering(ack_id.number()),
        Sequenced::Ack { ack_id, args, .. } => {
            assert_eq!(first(args), ack_id.number());
            Number::Answering(ack_id.number())
        }
        other => panic!("nobody pushes {other:?}"),
    }
}

pub(super) fn number_of_prepared(frame: &Prepared) -> Number {
    let message = frame.to_message(Encoding::MessagePack, 1);
    match Frame::decode(Encoding::MessagePack, &message) {
        Ok(Frame::Sequenced { frame, .. }) => number_of(&frame),
        other => panic!("a sequenced frame became {other:?}"),
    }
}

fn first(args: &Body<'_>) -> u64 {
    let args = args.args(DEPTH).expect("what a peer of ours writes");
    args.first().expect("its number")
}

/// How many kinds of frames are made.
const KINDS: u64 = 8;

/// The events that go when too much waits; those after them are events too.
const DROPPED_WHEN_OLD: u64 = 4;

/// The events that go when a newer one waits.
const DROPPED_FOR_NEWER: u64 = 5;

/// The default limit.
const DEPTH: u32 = 64;
