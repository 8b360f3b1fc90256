//! The first arg of an event.

/// The first arg of an event, or the auth of a CONNECT, as a `T`. No args read as nil; further ones
/// are ignored.
///
/// What does not fit is refused with `bad-args`, and the path of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);
