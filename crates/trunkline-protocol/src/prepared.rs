//! A frame encoded once for all its recipients.

mod prefix;
mod suffix;

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

pub use self::prefix::Prefix;
use self::prefix::unsigned_len;
use self::suffix::{INLINE_BYTES, Suffix, json_suffix};
use crate::ignorable::FILLER;
use crate::message_pack::{Reader, Token};
use crate::{
    AckId, Class, Code, Encoding, EventName, Frame, Key, Kind, NamespaceName, Overflow, Payload,
    Sequenced, SocketId, Value,
};

/// Everything of a frame but `[kind, seq` (or `[kind` where there is no number), shared by all its
/// recipients and by their replay logs.
///
/// MessagePack is encoded at once, JSON on first use. Cloning is cheap.
///
/// Specification: encoding.md, frames.md.
#[derive(Clone)]
pub struct Prepared(Arc<Shared>);

struct Shared {
    kind: Kind,
    /// The length of the frame's array.
    length: u8,
    overflow: Overflow,
    /// Small ones lie in the shared allocation itself: one is what an ack costs.
    message_pack: SmallVec<[u8; INLINE_BYTES]>,
    json: OnceLock<Box<[u8]>>,
}

impl Prepared {
    /// A CONNECT.
    #[must_use]
    pub fn connect(namespace: &NamespaceName, auth: &Value) -> Self {
        Suffix::new(
            Kind::CONNECT,
            auth.as_message_pack().len() + namespace.len(),
        )
        .namespace(namespace)
        .value(auth)
        .finish()
    }

    /// A CONNECTED; `connect` is the seq of the CONNECT it answers.
    #[must_use]
    pub fn connected(
        namespace: &NamespaceName,
        connect: u64,
        socket_id: &SocketId,
        data: &Value,
    ) -> Self {
        let usual = data.as_message_pack().len() + namespace.len() + socket_id.len();
        Suffix::new(Kind::CONNECTED, usual)
            .namespace(namespace)
            .integer(connect)
            .text(socket_id)
            .value(data)
            .finish()
    }

    /// A REFUSED; `connect` is the seq of the CONNECT it answers.
    #[must_use]
    pub fn refused(
        namespace: &NamespaceName,
        connect: u64,
        code: Code,
        message: &str,
        data: &Value,
    ) -> Self {
        let usual = data.as_message_pack().len() + namespace.len() + message.len();
        Suffix::new(Kind::REFUSED, usual)
            .namespace(namespace)
            .integer(connect)
            .integer(code.number().into())
            .text(message)
            .value(data)
            .finish()
    }

    /// A DISCONNECT.
    #[must_use]
    pub fn disconnect(namespace: &NamespaceName, code: Code, reason: &str) -> Self {
        Suffix::new(Kind::DISCONNECT, namespace.len() + reason.len())
            .namespace(namespace)
            .integer(code.number().into())
            .text(reason)
            .finish()
    }

    /// An EVENT; with an `ack_id` it asks for an answer.
    #[must_use]
    pub fn event(
        namespace: &NamespaceName,
        ack_id: Option<AckId>,
        event: &EventName,
        args: &Payload,
    ) -> Self {
        let usual = args.as_message_pack().len() + namespace.len() + event.len();
        let suffix = Suffix::new(Kind::EVENT, usual).namespace(namespace);
        let suffix = match ack_id {
            Some(ack_id) => suffix.integer(ack_id.number()),
            None => suffix.nil(),
        };
        suffix.text(event).args(args).finish()
    }

    /// An EVENT without an `ack_id`, of which the sender may drop some while they wait.
    #[must_use]
    pub fn event_with_overflow(
        namespace: &NamespaceName,
        event: &EventName,
        args: &Payload,
        overflow: Overflow,
    ) -> Self {
        let usual = args.as_message_pack().len() + namespace.len() + event.len();
        Suffix::new(Kind::EVENT, usual)
            .overflow(overflow)
            .namespace(namespace)
            .nil()
            .text(event)
            .args(args)
            .finish()
    }

    /// An ACK.
    #[must_use]
    pub fn ack(namespace: &NamespaceName, ack_id: AckId, args: &Payload) -> Self {
        Suffix::new(Kind::ACK, args.as_message_pack().len() + namespace.len())
            .namespace(namespace)
            .integer(ack_id.number())
            .args(args)
            .finish()
    }

    /// A FAILED.
    #[must_use]
    pub fn failed(
        namespace: &NamespaceName,
        ack_id: AckId,
        code: Code,
        message: &str,
        data: &Value,
    ) -> Self {
        let usual = data.as_message_pack().len() + namespace.len() + message.len();
        Suffix::new(Kind::FAILED, usual)
            .namespace(namespace)
            .integer(ack_id.number())
            .integer(code.number().into())
            .text(message)
            .value(data)
            .finish()
    }

    /// A DATAGRAM.
    #[must_use]
    pub fn datagram(namespace: &NamespaceName, event: &EventName, args: &Payload) -> Self {
        let usual = args.as_message_pack().len() + namespace.len() + event.len();
        Suffix::new(Kind::DATAGRAM, usual)
            .namespace(namespace)
            .text(event)
            .args(args)
            .finish()
    }

    /// A LATEST.
    #[must_use]
    pub fn latest(
        namespace: &NamespaceName,
        event: &EventName,
        key: &Key,
        version: u64,
        args: &Payload,
    ) -> Self {
        let usual = args.as_message_pack().len() + namespace.len() + event.len() + key.len();
        Suffix::new(Kind::LATEST, usual)
            .namespace(namespace)
            .text(event)
            .text(key)
            .integer(version)
            .args(args)
            .finish()
    }

    /// A numbered frame of no meaning, which peers must count and drop.
    ///
    /// Returns `None` unless `kind` is one of the numbered ignorable ones (0x60 to 0x7f).
    #[must_use]
    pub fn ignorable(kind: Kind) -> Option<Self> {
        let is_numbered = kind.class() == Class::IgnorableSequenced;
        is_numbered.then(|| Suffix::new(kind, FILLER.len()).text(FILLER).finish())
    }

    /// Whether both are one frame, shared: equal content alone is not enough.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The frame's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The id of the ack that it asks for, if it is an EVENT that asks for one.
    #[must_use]
    pub fn ack_id(&self) -> Option<AckId> {
        if self.kind() != Kind::EVENT {
            return None;
        }
        // Its fields begin with the namespace and the id, whatever the length of its args.
        let mut fields = Reader::new(&self.0.message_pack);
        fields.token().ok()?;
        match fields.token() {
            Ok(Token::Unsigned(number)) => AckId::new(number),
            _ => None,
        }
    }

    /// The EVENT that it is, to be told to whoever emitted it; nothing for other kinds.
    ///
    /// `depth` is the limit on nesting that it was made under.
    #[must_use]
    pub fn to_event(&self, depth: u32) -> Option<PreparedEvent> {
        let message = self.to_message(Encoding::MessagePack, 1);
        let Ok(Frame::Sequenced {
            frame:
                Sequenced::Event {
                    namespace,
                    ack_id,
                    event,
                    args,
                },
            ..
        }) = Frame::decode(Encoding::MessagePack, &message)
        else {
            return None;
        };
        Some(PreparedEvent {
            namespace: NamespaceName::try_from(&*namespace).ok()?,
            ack_id,
            event: EventName::try_from(&*event).ok()?,
            args: args.args(depth).ok()?,
        })
    }

    /// What becomes of it when too much waits.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.0.overflow
    }

    /// What an event has in common with those that a newer one replaces: namespace and name, as they
    /// are encoded. Nothing for other kinds.
    pub(crate) fn event_key(&self) -> &[u8] {
        match self.kind() {
            Kind::EVENT => self.fields(&["ns", "ack_id", "event"]),
            _ => &[],
        }
    }

    /// What a LATEST has in common with those that a newer one replaces: namespace, event and key, as
    /// they are encoded. Nothing for other kinds.
    pub(crate) fn latest_key(&self) -> &[u8] {
        match self.kind() {
            Kind::LATEST => self.fields(&["ns", "event", "key"]),
            _ => &[],
        }
    }

    /// The version of a LATEST; nothing for other kinds.
    pub(crate) fn latest_version(&self) -> Option<u64> {
        let rest = &self.0.message_pack[self.latest_key().len()..];
        match Reader::new(rest).token() {
            Ok(Token::Unsigned(version)) if self.kind() == Kind::LATEST => Some(version),
            _ => None,
        }
    }

    /// The first fields behind the prefix, as they are encoded.
    fn fields(&self, names: &[&str]) -> &[u8] {
        let fields = &self.0.message_pack;
        let mut reader = Reader::new(fields);
        for _field in names {
            reader.value().expect("a frame that was encoded here");
        }
        &fields[..fields.len() - reader.rest().len()]
    }

    /// Whether it is of this namespace: the first field of every kind that has one.
    pub(crate) fn is_of(&self, namespace: &NamespaceName) -> bool {
        match Reader::new(&self.0.message_pack).token() {
            Ok(Token::Nil) => namespace.is_root(),
            Ok(Token::Text(name)) => !namespace.is_root() && name == namespace.as_bytes(),
            _ => false,
        }
    }

    /// What follows the prefix, the same for every recipient.
    #[must_use]
    pub fn suffix(&self, encoding: Encoding) -> &[u8] {
        match encoding {
            Encoding::MessagePack => &self.0.message_pack,
            Encoding::Json => self
                .0
                .json
                .get_or_init(|| json_suffix(&self.0.message_pack).into()),
        }
    }

    /// The suffix's length in bytes. In JSON it is encoded for it if it was not yet.
    #[must_use]
    pub fn len(&self, encoding: Encoding) -> usize {
        self.suffix(encoding).len()
    }

    /// What one recipient's frame begins with. `seq` counts for numbered kinds alone; the others
    /// ignore it.
    #[must_use]
    pub fn prefix(&self, encoding: Encoding, seq: u64) -> Prefix {
        let kind = self.kind();
        match encoding {
            Encoding::MessagePack => Prefix::message_pack(kind, self.0.length, seq),
            Encoding::Json => {
                let mut prefix = Prefix::empty();
                prefix.push(b"[");
                prefix.push_digits(kind.number().into());
                if kind.is_numbered() {
                    prefix.push(b",");
                    prefix.push_digits(seq);
                }
                prefix
            }
        }
    }

    /// The length of a numbered frame's message.
    pub(crate) fn message_len(&self, encoding: Encoding, seq: u64) -> usize {
        let prefix = match encoding {
            Encoding::MessagePack => 2 + unsigned_len(seq),
            Encoding::Json => self.prefix(encoding, seq).len(),
        };
        prefix + self.len(encoding)
    }

    /// The whole frame as a message: for tests and for what is sent once.
    #[must_use]
    pub fn to_message(&self, encoding: Encoding, seq: u64) -> Vec<u8> {
        [&*self.prefix(encoding, seq), self.suffix(encoding)].concat()
    }
}

/// Writes the message of an ACK in MessagePack, piece by piece: that of [`Prepared::ack`], without the
/// allocation of a frame that waits or is shared.
#[inline]
pub(crate) fn write_ack(
    namespace: &NamespaceName,
    ack_id: AckId,
    args: &Payload,
    seq: u64,
    mut write: impl FnMut(&[u8]),
) {
    const FIELDS: u8 = 5;
    let mut head = Prefix::message_pack(Kind::ACK, FIELDS, seq);
    if namespace.is_root() {
        head.push_nil();
    } else {
        head.push_name_header(namespace.len() as u8);
        write(&head);
        write(namespace.as_bytes());
        head = Prefix::empty();
    }
    head.push_integer(ack_id.number());
    write(&head);
    write(args.as_message_pack());
}

/// What an EVENT holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedEvent {
    /// Where it was emitted.
    pub namespace: NamespaceName,
    /// The id of the ack it asks for.
    pub ack_id: Option<AckId>,
    /// Its name.
    pub event: EventName,
    /// Its args.
    pub args: Payload,
}

impl std::fmt::Debug for Prepared {
    /// Kind and length alone: content does not belong into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Prepared({}, {} bytes)",
            self.0.kind,
            self.0.message_pack.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message_pack::write;

    fn event_name(name: &str) -> EventName {
        EventName::try_from(name).unwrap()
    }

    fn event() -> Prepared {
        let args = Payload::from_message_pack(vec![0x91, 0xc4, 0x01, 0xff].into()).unwrap();
        Prepared::event(&NamespaceName::root(), None, &event_name("said"), &args)
    }

    #[test]
    fn recipients_differ_in_the_prefix_alone() {
        let event = event();
        let message_pack = b"\xc0\xc0\xa4said\x91\xc4\x01\xff";
        assert_eq!(event.suffix(Encoding::MessagePack), message_pack);
        assert_eq!(
            event.suffix(Encoding::Json),
            br#",null,null,"said",[{"$bin":"_w"}]]"#
        );
        assert_eq!(
            &*event.prefix(Encoding::MessagePack, 300),
            &[0x96, 20, 0xcd, 1, 44]
        );
        assert_eq!(&*event.prefix(Encoding::Json, 300), b"[20,300");
        assert_eq!(event.len(Encoding::MessagePack), message_pack.len());
    }

    #[test]
    fn the_id_of_the_ack_that_is_asked_for_is_read_from_the_header() {
        let (name, other) = (event_name("said"), NamespaceName::try_from("/b").unwrap());
        let args = Payload::from_message_pack(vec![0x91, 0x07].into()).unwrap();
        for number in [0, 7, 200, 70_000, crate::MAX_INTEGER] {
            let id = AckId::new(number);
            for namespace in [&NamespaceName::root(), &other] {
                let asking = Prepared::event(namespace, id, &name, &args);
                assert_eq!(asking.ack_id(), id, "{number} in {namespace}");
                let asked = asking.to_event(64).unwrap();
                assert_eq!(asked.ack_id, id, "{number} in {namespace}");
            }
        }
        assert_eq!(event().ack_id(), None, "nobody asks");
        let answer = Prepared::ack(&other, AckId::new(7).unwrap(), &args);
        assert_eq!(answer.ack_id(), None, "it is the answer");
        let refused = Prepared::refused(&other, 7, Code::NORMAL, "", &Value::nil());
        assert_eq!(refused.ack_id(), None);
    }

    #[test]
    fn best_effort_frames_have_no_number() {
        let name = EventName::try_from("at").unwrap();
        let datagram = Prepared::datagram(&NamespaceName::root(), &name, &Payload::empty());
        assert_eq!(
            datagram.to_message(Encoding::Json, 9),
            br#"[32,null,"at",[]]"#
        );
        assert_eq!(
            datagram.to_message(Encoding::MessagePack, 9),
            b"\x94\x20\xc0\xa2at\x90"
        );
    }

    #[test]
    fn prefixes_are_in_the_shortest_format_at_every_width() {
        let event = event();
        let numbers = (0..53).flat_map(|width| [(1_u64 << width) - 1, 1 << width]);
        for seq in numbers.chain([crate::MAX_INTEGER]) {
            let mut expected = vec![0x96, 20];
            write::unsigned(&mut expected, seq);
            assert_eq!(&*event.prefix(Encoding::MessagePack, seq), expected);
            let expected = format!("[20,{seq}");
            assert_eq!(&*event.prefix(Encoding::Json, seq), expected.as_bytes());
            for encoding in Encoding::ALL {
                let message = event.to_message(encoding, seq);
                assert_eq!(event.message_len(encoding, seq), message.len());
            }
        }
    }

    #[test]
    fn clones_share_the_json_that_was_made_once() {
        let event = event();
        let clone = event.clone();
        let first = event.suffix(Encoding::Json).as_ptr();
        assert_eq!(first, clone.suffix(Encoding::Json).as_ptr());
    }
}
