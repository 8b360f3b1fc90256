//! Whether a connection may take a session over: the server's one decision.

use std::time::Duration;

use crate::{Encoding, Resume, SecretHash, Time};

/// What a server keeps of a session to decide about resumes.
///
/// Specification: session.md, "Resuming". The caller looks the session up by its id, and asks
/// [`attach`](Self::attach) after authentication, in one step with the swap of the connection.
#[derive(Clone, Debug)]
pub struct Attachment {
    secret: SecretHash,
    encoding: Encoding,
    attach: u64,
    recent: Recent,
}

/// Why a connection does not take the session over. The session is unharmed by any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachRefusal {
    /// The secret or the principal does not match. Told as if the session did not exist.
    #[error("unknown")]
    Unknown,
    /// The session speaks another encoding than the connection.
    #[error("encoding")]
    Encoding,
    /// The client's counter is not above the session's: this connection is an old one.
    #[error("attach {offered} is not above {current}")]
    Stale {
        /// What the connection offered.
        offered: u64,
        /// The session's present attach.
        current: u64,
    },
    /// More than [`ATTACHES_MAX`] in [`ATTACHES_WINDOW`].
    #[error("resumed too often; again in {} ms", retry_after.as_millis())]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
}

impl Attachment {
    /// For a fresh session, whose first connection has attach 0.
    #[must_use]
    pub fn new(secret: SecretHash, encoding: Encoding) -> Self {
        Self {
            secret,
            encoding,
            attach: 0,
            recent: Recent::default(),
        }
    }

    /// Decides whether the connection that offers `resume` takes the session over, and notes that it
    /// did.
    ///
    /// `same_principal` is the outcome of authentication: whether it yielded the session's principal.
    ///
    /// # Errors
    /// See [`AttachRefusal`]; nothing has changed, so that a stranger or a late connection harms
    /// nobody.
    pub fn attach(
        &mut self,
        resume: &Resume,
        same_principal: bool,
        encoding: Encoding,
        now: Time,
    ) -> Result<(), AttachRefusal> {
        // Compared in constant time, and before anything that would tell that the session exists.
        if !self.secret.matches(&resume.secret) || !same_principal {
            return Err(AttachRefusal::Unknown);
        }
        if self.encoding != encoding {
            return Err(AttachRefusal::Encoding);
        }
        if resume.attach <= self.attach {
            return Err(AttachRefusal::Stale {
                offered: resume.attach,
                current: self.attach,
            });
        }
        self.recent.admit(now)?;
        self.attach = resume.attach;
        Ok(())
    }

    /// The present connection's number.
    #[must_use]
    pub const fn current(&self) -> u64 {
        self.attach
    }
}

/// How many attaches fell into the present window of time.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    since: Time,
    count: u32,
}

impl Recent {
    fn admit(&mut self, now: Time) -> Result<(), AttachRefusal> {
        let age = now.since(self.since);
        if self.count == 0 || age >= ATTACHES_WINDOW {
            *self = Self {
                since: now,
                count: 1,
            };
            return Ok(());
        }
        if self.count >= ATTACHES_MAX {
            return Err(AttachRefusal::TooMany {
                retry_after: ATTACHES_WINDOW - age,
            });
        }
        self.count += 1;
        Ok(())
    }
}

/// Attaches of one session in [`ATTACHES_WINDOW`].
pub const ATTACHES_MAX: u32 = 10;

/// The window for [`ATTACHES_MAX`].
pub const ATTACHES_WINDOW: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, SessionId};

    fn attachment() -> Attachment {
        Attachment::new(Secret::new([7; 16]).hash(), Encoding::MessagePack)
    }

    fn resume(attach: u64) -> Resume {
        Resume {
            session: SessionId::try_from("s").unwrap(),
            secret: Secret::new([7; 16]),
            attach,
            received: 0,
            strict: false,
        }
    }

    #[test]
    fn an_attach_that_is_not_above_the_last_one_changes_nothing() {
        let mut attachment = attachment();
        let now = Time::default();
        attachment
            .attach(&resume(2), true, Encoding::MessagePack, now)
            .unwrap();
        for stale in [0, 1, 2] {
            assert_eq!(
                attachment.attach(&resume(stale), true, Encoding::MessagePack, now),
                Err(AttachRefusal::Stale {
                    offered: stale,
                    current: 2
                })
            );
        }
        assert_eq!(attachment.current(), 2);
    }

    #[test]
    fn a_wrong_secret_and_another_principal_look_alike() {
        let mut attachment = attachment();
        let forged = Resume {
            secret: Secret::new([8; 16]),
            ..resume(1)
        };
        let now = Time::default();
        for (offer, same_principal) in [(&forged, true), (&resume(1), false)] {
            assert_eq!(
                attachment.attach(offer, same_principal, Encoding::MessagePack, now),
                Err(AttachRefusal::Unknown)
            );
        }
    }

    #[test]
    fn another_encoding_is_refused() {
        let mut attachment = attachment();
        assert_eq!(
            attachment.attach(&resume(1), true, Encoding::Json, Time::default()),
            Err(AttachRefusal::Encoding)
        );
    }

    #[test]
    fn attaches_are_limited_and_the_limit_passes() {
        let mut attachment = attachment();
        let start = Time::from_ms(1);
        for attach in 1..=u64::from(ATTACHES_MAX) {
            attachment
                .attach(&resume(attach), true, Encoding::MessagePack, start)
                .unwrap();
        }
        let soon = start + Duration::from_secs(4);
        assert_eq!(
            attachment.attach(&resume(11), true, Encoding::MessagePack, soon),
            Err(AttachRefusal::TooMany {
                retry_after: Duration::from_secs(6)
            })
        );
        let later = start + ATTACHES_WINDOW;
        assert_eq!(
            attachment.attach(&resume(11), true, Encoding::MessagePack, later),
            Ok(())
        );
    }
}
