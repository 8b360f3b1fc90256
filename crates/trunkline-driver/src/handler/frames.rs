//! The frames that answer an event, no larger than the peer takes.

use trunkline_protocol::{AckId, NamespaceName, Payload, Prepared, Value};

use crate::Session;
use crate::handler::Failure;

/// The ACK with these args.
///
/// # Errors
/// The peer does not take a frame of that size: an internal failure, to be told in its place.
pub fn ack_frame(
    session: &Session,
    namespace: &NamespaceName,
    ack_id: AckId,
    args: &Payload,
) -> Result<Prepared, Failure> {
    let frame = Prepared::ack(namespace, ack_id, args);
    session.message_len(&frame)?;
    Ok(frame)
}

/// The FAILED that tells a failure; its code alone if the peer does not take a frame of that size,
/// which is logged.
#[must_use]
pub fn failed_frame(
    session: &Session,
    namespace: &NamespaceName,
    ack_id: AckId,
    failure: &Failure,
) -> Prepared {
    let (code, message) = (failure.code(), failure.message());
    let frame = Prepared::failed(namespace, ack_id, code, message, failure.data());
    let Err(error) = session.message_len(&frame) else {
        return frame;
    };
    tracing::error!(%namespace, %code, %error, "a failure is told without its text and data");
    Prepared::failed(namespace, ack_id, code, "", &Value::nil())
}
