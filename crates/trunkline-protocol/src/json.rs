//! JSON, which content is transcoded to and from at the edge.

/// Content in JSON as it would travel, for taps and logs that show content on purpose.
///
/// `message_pack` is one value that keeps the value model; what does not is shown as `null`.
#[must_use]
pub fn to_json(message_pack: &[u8]) -> String {
    todo!("{message_pack:?}")
}
