//! Why a measurement failed.

use std::{io, time::Duration};

use crate::{
    connection::ConnectionError, machine::MachineError, payload::ForeignPayload, tally::TallyError,
};

/// Any of these ends the run without a figure.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// One connection failed.
    #[error("connection {member}: {source}")]
    Connection {
        /// Which.
        member: usize,
        /// Why.
        source: ConnectionError,
    },
    /// A message is lost, doubled or out of order.
    #[error(transparent)]
    Tally(#[from] TallyError),
    /// A payload is not one of ours.
    #[error("connection {member}: {source}")]
    Payload {
        /// The receiving member.
        member: usize,
        /// What came.
        source: ForeignPayload,
    },
    /// An ack came for another event than the one in flight, or with another payload.
    #[error("connection {member}: ack {got} came where {expected} with its payload was due")]
    Ack {
        /// The receiving member.
        member: usize,
        /// The id in flight.
        expected: u64,
        /// The id of the ack.
        got: u64,
    },
    /// Something came when nothing was due.
    #[error("connection {member}: a message came when none was due")]
    Unexpected {
        /// The receiving member.
        member: usize,
    },
    /// Connections did not get ready.
    #[error("{waiting} connections were not ready after {after:?}")]
    NotReady {
        /// How many.
        waiting: usize,
        /// The time they had.
        after: Duration,
    },
    /// Deliveries or acks stopped coming.
    #[error("nothing came for {after:?} with {waiting} deliveries due")]
    Stalled {
        /// What was due.
        waiting: u64,
        /// The time without progress.
        after: Duration,
    },
    /// More senders than members, or none of either.
    #[error("{senders} senders do not fit in {members} members")]
    Shape {
        /// Senders asked for.
        senders: usize,
        /// Members there are.
        members: usize,
    },
    /// The poll failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The machine could not be asked.
    #[error(transparent)]
    Machine(#[from] MachineError),
}
