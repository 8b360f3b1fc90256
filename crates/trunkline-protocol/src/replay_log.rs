//! Frames that have a number and no receipt: what a resume replays.

use std::collections::VecDeque;

use crate::prepared::write_ack;
use crate::queue::FRAME_BYTES;
use crate::{AckId, Encoding, Kind, NamespaceName, Payload, Prepared};

/// Numbered, unconfirmed frames in order, and how far the present connection has been handed them.
///
/// A frame that may have other recipients is shared with them. Small answers have one recipient, so
/// their bytes are copied into one ring: under load every kept answer would else be an allocation of
/// its own, written and freed when no processor's cache holds it any more.
#[derive(Debug, Default)]
pub(crate) struct ReplayLog {
    entries: VecDeque<Entry>,
    /// The messages of copied entries, one behind the other.
    copies: VecDeque<u8>,
    /// Bytes of all messages.
    bytes: usize,
    /// Entries the present connection has been handed, and their bytes in `copies`.
    sent: usize,
    sent_copies: usize,
    /// The others were there when the present connection came, or were added behind those. If not, they are
    /// acks that have just been added.
    replays: bool,
}

#[derive(Debug)]
enum Entry {
    Shared(Prepared),
    /// A message of this length in the ring.
    Copied(u32),
}

impl ReplayLog {
    /// Adds a frame with its number.
    pub(crate) fn push(&mut self, frame: Prepared, encoding: Encoding, seq: u64) {
        let length = frame.message_len(encoding, seq);
        self.bytes += length;
        let answers = matches!(frame.kind(), Kind::ACK | Kind::FAILED);
        match u32::try_from(length) {
            Ok(length) if answers && length <= COPIED_MAX => {
                self.copies.extend(&*frame.prefix(encoding, seq));
                self.copies.extend(frame.suffix(encoding));
                self.entries.push_back(Entry::Copied(length));
            }
            _ => self.entries.push_back(Entry::Shared(frame)),
        }
    }

    /// Adds an ACK with its number, in MessagePack, as [`push`](Self::push) would its frame; false, and no
    /// effect, if it may be too long to be copied.
    pub(crate) fn push_ack(
        &mut self,
        namespace: &NamespaceName,
        ack_id: AckId,
        args: &Payload,
        seq: u64,
    ) -> bool {
        if ACK_HEAD_MAX + namespace.len() + args.as_message_pack().len() > COPIED_MAX as usize {
            return false;
        }
        let before = self.copies.len();
        write_ack(namespace, ack_id, args, seq, |piece| {
            self.copies.extend(piece)
        });
        let length = self.copies.len() - before;
        self.bytes += length;
        self.entries.push_back(Entry::Copied(length as u32));
        true
    }

    /// Drops the oldest frame, number `seq`: it is confirmed.
    pub(crate) fn confirm(&mut self, encoding: Encoding, seq: u64) {
        match self.entries.pop_front() {
            Some(Entry::Shared(frame)) => self.bytes -= frame.message_len(encoding, seq),
            Some(Entry::Copied(length)) => {
                let length = length as usize;
                self.bytes -= length;
                self.copies.drain(..length);
                self.sent_copies = self.sent_copies.saturating_sub(length);
            }
            None => return,
        }
        self.sent = self.sent.saturating_sub(1);
        self.replays &= !self.is_sent();
    }

    /// Writes the next frame that the present connection has not been handed; `first` is the number
    /// of the oldest one kept. False if there is none.
    pub(crate) fn transmit(
        &mut self,
        encoding: Encoding,
        first: u64,
        write: &mut dyn FnMut(&[&[u8]]),
    ) -> bool {
        match self.entries.get(self.sent) {
            Some(Entry::Shared(frame)) => {
                let prefix = frame.prefix(encoding, first + self.sent as u64);
                write(&[&prefix, frame.suffix(encoding)]);
            }
            Some(&Entry::Copied(length)) => {
                let (from, to) = (self.sent_copies, self.sent_copies + length as usize);
                let (front, back) = self.copies.as_slices();
                let split = front.len();
                write(&[
                    &front[from.min(split)..to.min(split)],
                    &back[from.max(split) - split..to.max(split) - split],
                ]);
                self.sent_copies = to;
            }
            None => return false,
        }
        self.sent += 1;
        self.replays &= !self.is_sent();
        true
    }

    /// A new connection: everything is to be handed to it.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
        self.sent_copies = 0;
        self.replays = !self.is_empty();
    }

    /// Everything has been handed to the present connection already.
    pub(crate) fn skip(&mut self) {
        self.sent = self.entries.len();
        self.sent_copies = self.copies.len();
        self.replays = false;
    }

    /// The EVENTs of a namespace that have no receipt, in order.
    pub(crate) fn events_of(&self, namespace: &NamespaceName) -> Vec<Prepared> {
        let of_it = self.entries.iter().filter_map(|entry| match entry {
            Entry::Shared(frame) => Some(frame),
            Entry::Copied(_) => None,
        });
        of_it
            .filter(|frame| frame.kind() == Kind::EVENT && frame.is_of(namespace))
            .cloned()
            .collect()
    }

    /// Empties the log: the frames that were shared, and how many answers were copied.
    pub(crate) fn take(&mut self) -> (Vec<Prepared>, usize) {
        let entries = std::mem::take(self).entries;
        let all = entries.len();
        let shared: Vec<_> = entries
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Shared(frame) => Some(frame),
                Entry::Copied(_) => None,
            })
            .collect();
        let copied = all - shared.len();
        (shared, copied)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the present connection has been handed everything.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent == self.entries.len()
    }

    /// Whether what an earlier connection was handed waits for the present one.
    pub(crate) const fn is_replaying(&self) -> bool {
        self.replays
    }

    /// Acks that no connection has been handed, and their bytes; only where nothing is to be replayed.
    pub(crate) fn fresh(&self) -> (usize, usize) {
        match self.replays {
            true => (0, 0),
            false => (
                self.entries.len() - self.sent,
                self.copies.len() - self.sent_copies,
            ),
        }
    }

    /// Bytes of all messages.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it takes in memory, about: the messages, and [`FRAME_BYTES`] for each.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.bytes + self.entries.len() * FRAME_BYTES
    }

    /// Lets the memory of an empty log go.
    pub(crate) fn release_memory(&mut self) {
        if self.entries.is_empty() {
            *self = Self::default();
        }
    }
}

/// The largest answer that is copied; a larger one costs its allocation little.
pub(crate) const COPIED_MAX: u32 = 512;

/// What an ACK has at most in MessagePack beside its namespace's name and its args: `[kind, seq`, the
/// name's header and the id.
const ACK_HEAD_MAX: usize = 2 + 9 + 2 + 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AckId, EventName, IntoArgs as _, NamespaceName, Payload};

    const ENCODING: Encoding = Encoding::MessagePack;

    fn answer(number: u64) -> Prepared {
        let id = AckId::new(number).unwrap();
        Prepared::ack(&NamespaceName::root(), id, &Payload::empty())
    }

    fn event() -> Prepared {
        let name = EventName::try_from("event").unwrap();
        Prepared::event(&NamespaceName::root(), None, &name, &Payload::empty())
    }

    /// What a connection is handed from here on.
    fn handed(log: &mut ReplayLog, first: u64) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while log.transmit(ENCODING, first, &mut |parts| messages.push(parts.concat())) {}
        messages
    }

    #[test]
    fn answers_and_events_are_replayed_as_they_were_sent_also_around_the_rings_end() {
        let mut log = ReplayLog::default();
        let (mut first, mut expected) = (1, VecDeque::new());
        for seq in 1..=5000_u64 {
            let frame = if seq % 5 == 0 { event() } else { answer(seq) };
            expected.push_back(frame.to_message(ENCODING, seq));
            if seq % 5 == 1 {
                let (root, id) = (NamespaceName::root(), AckId::new(seq).unwrap());
                assert!(log.push_ack(&root, id, &Payload::empty(), seq));
            } else {
                log.push(frame, ENCODING, seq);
            }
            assert_eq!(
                handed(&mut log, first),
                expected
                    .range(expected.len() - 1..)
                    .cloned()
                    .collect::<Vec<_>>()
            );
            if seq % 7 == 0 {
                // Confirmed up to somewhere in the middle, then replayed from there.
                for _ in 0..5 {
                    expected.pop_front();
                    log.confirm(ENCODING, first);
                    first += 1;
                }
                log.rewind();
                assert_eq!(handed(&mut log, first), Vec::from(expected.clone()));
            }
            assert_eq!(log.bytes(), expected.iter().map(Vec::len).sum::<usize>());
        }
        for seq in first..=5000 {
            log.confirm(ENCODING, seq);
        }
        assert_eq!((log.bytes(), log.len(), log.copies.len()), (0, 0, 0));
        log.release_memory();
        assert_eq!((log.entries.capacity(), log.copies.capacity()), (0, 0));
    }

    #[test]
    fn an_ack_that_is_written_in_place_is_its_frame() {
        let widths = [
            0,
            0x7f,
            0x80,
            0xff,
            0x100,
            0xffff,
            0x1_0000,
            crate::MAX_INTEGER,
        ];
        let names = [1, 2, 31, 32, 255].map(|length| format!("/{}", "n".repeat(length - 1)));
        let namespaces = names.map(|name| match &*name {
            "/" => NamespaceName::root(),
            name => NamespaceName::try_from(name).unwrap(),
        });
        for (namespace, args) in (namespaces.iter()).flat_map(|it| [(it, 0), (it, 64), (it, 200)]) {
            let args = (&"x".repeat(args)).into_args().unwrap();
            for (id, seq) in widths
                .iter()
                .flat_map(|id| widths.map(|seq| (*id, seq.max(1))))
            {
                let id = AckId::new(id).unwrap();
                let frame = Prepared::ack(namespace, id, &args);
                let mut log = ReplayLog::default();
                assert!(log.push_ack(namespace, id, &args, seq));
                let message = frame.to_message(ENCODING, seq);
                assert_eq!(log.bytes(), message.len());
                assert_eq!(handed(&mut log, seq), [message]);
            }
        }
    }

    #[test]
    fn an_ack_that_may_be_too_long_is_not_copied() {
        let mut log = ReplayLog::default();
        let (namespace, id) = (NamespaceName::root(), AckId::new(7).unwrap());
        let taken = (400..600).filter(|&length| {
            let args = (&"x".repeat(length)).into_args().unwrap();
            log.push_ack(&namespace, id, &args, 1)
        });
        let longest = taken.max().unwrap();
        assert!((470..=COPIED_MAX as usize).contains(&longest), "{longest}");
        assert!(log.copies.len() == log.bytes() && log.bytes() > 400 * log.len());
    }

    #[test]
    fn receipts_during_a_replay_keep_its_place() {
        let mut log = ReplayLog::default();
        for seq in 1..=10 {
            log.push(answer(seq), ENCODING, seq);
        }
        log.rewind();
        let mut replayed = Vec::new();
        log.transmit(ENCODING, 1, &mut |parts| replayed.push(parts.concat()));
        // The receipt was for more than has been replayed yet.
        for seq in 1..=4 {
            log.confirm(ENCODING, seq);
        }
        assert_eq!(handed(&mut log, 5)[0], answer(5).to_message(ENCODING, 5));
    }

    #[test]
    fn taking_gives_what_is_shared_and_counts_what_was_copied() {
        let mut log = ReplayLog::default();
        log.push(answer(1), ENCODING, 1);
        log.push(event(), ENCODING, 2);
        let (shared, copied) = log.take();
        assert_eq!((shared.len(), copied, log.len()), (1, 1, 0));
    }
}
