//! Frames that carry a number to be known by.

use serde_bytes::ByteBuf;
use trunkline_protocol::{
    AckId, Args, Body, Code, Encoding, EventName, Frame, IntoArgs, NamespaceName, Payload,
    Prepared, Sequenced, Value,
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

/// Makes frames, each with a number of its own.
#[derive(Debug, Default)]
pub(super) struct Making {
    next: u64,
}

impl Making {
    /// A frame of one of eight kinds, most of them events, with so many bytes of filling.
    pub(super) fn sequenced(&mut self, kind: usize, filling: usize) -> Prepared {
        self.next += 1;
        let number = self.next;
        let root = NamespaceName::root();
        let ack_id = AckId::new(number).expect("a small number");
        match kind {
            0 => Prepared::connect(&root, &Value::encode(&number).expect("a number")),
            1 => Prepared::disconnect(&root, Code::DISCONNECTED, &number.to_string()),
            2 => Prepared::failed(&root, ack_id, Code::INTERNAL, "", &Value::nil()),
            3 => Prepared::ack(&root, ack_id, &args(number, filling)),
            _ => Prepared::event(&root, None, &event(), &args(number, filling)),
        }
    }

    pub(super) fn datagram(&self, filling: u8) -> Prepared {
        let args = args(self.next, filling.into());
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

/// The default limit.
const DEPTH: u32 = 64;
