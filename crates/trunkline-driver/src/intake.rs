//! How fast a peer may send: the rates of frames and bytes of a session.

use trunkline_protocol::{Bucket, Close, Code, Rate, Time};

/// How fast a session's peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Frames of every kind.
    pub frames: Rate,
    /// Bytes as they are on the wire.
    pub bytes: Rate,
}

/// What a peer has sent lately. It goes with the driver, as plain fields, and from one connection's
/// to the next one's, so that a reconnect frees nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Intake {
    frames: Bucket,
    bytes: Bucket,
}

impl Intake {
    /// Charges one batch of reads.
    ///
    /// # Errors
    /// It was too much: the CLOSE that says so. What was read has been taken; what is not read any
    /// more has no receipt, and comes again when the session is resumed.
    pub(crate) fn charge(
        &mut self,
        pace: Pace,
        frames: u64,
        bytes: u64,
        now: Time,
    ) -> Result<(), Close> {
        let frames = self.frames.charge(pace.frames, frames, now);
        let bytes = self.bytes.charge(pace.bytes, bytes, now);
        let (wait, what, rate) = match (frames, bytes) {
            (Ok(()), Ok(())) => return Ok(()),
            (Err(wait), _) => (wait, "frames", pace.frames),
            (_, Err(wait)) => (wait, "bytes", pace.bytes),
        };
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let reason = format!("too many {what}: {rate}");
        Err(Close {
            retry_after: Some(wait),
            ..Close::new(Code::RATE_LIMITED, reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_as_much_as_the_guide_says() {
        assert_eq!(size_of::<Intake>(), 32);
    }

    const PACE: Pace = Pace {
        frames: Rate::new(10, 10),
        bytes: Rate::new(1_000, 1_000),
    };

    #[test]
    fn what_is_too_much_is_named_with_its_figures() {
        let now = Time::from_ms(0);
        let mut intake = Intake::default();
        assert_eq!(intake.charge(PACE, 10, 1_000, now), Ok(()));
        let close = intake.charge(PACE, 1, 0, now).unwrap_err();
        assert_eq!(close.code, Code::RATE_LIMITED);
        assert_eq!(close.reason, "too many frames: 10 a second, 10 at once");
        assert_eq!(close.retry_after, Some(100));
        let mut intake = Intake::default();
        let close = intake.charge(PACE, 1, 2_000, now).unwrap_err();
        assert!(close.reason.starts_with("too many bytes"), "{close:?}");
        assert_eq!(close.retry_after, Some(1_000));
    }
}
