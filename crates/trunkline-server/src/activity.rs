//! What a server counts beside its sessions: connections, resumes, handlers.

use trunkline_driver::sync::{AtomicU64, Mutex, Ordering};
use trunkline_protocol::{Code, ResumeRefusal};

/// Counts of what happened since the server was built. None is on the way of an event that goes
/// well.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    pub(crate) connections_opened: Count,
    pub(crate) connections_refused: Tally,
    pub(crate) connections_closed: Tally,
    pub(crate) sessions_begun: Count,
    pub(crate) resumes: Count,
    pub(crate) resumes_refused: [Count; REFUSALS.len()],
    pub(crate) handlers_failed: Count,
    pub(crate) handlers_panicked: Count,
}

impl Activity {
    /// A resume was refused, and a fresh session begun instead or none at all.
    pub(crate) fn resume_refused(&self, reason: &ResumeRefusal) {
        let position = REFUSALS.iter().position(|name| *name == reason.as_str());
        if let Some(position) = position {
            self.resumes_refused[position].add();
        }
    }

    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counts = self.resumes_refused.iter().map(Count::value);
        REFUSALS.into_iter().zip(counts).collect()
    }
}

/// How often something happened.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something happened, by code.
///
/// Codes come from peers too: after [`CODES_MAX`] different ones, others are counted as code 0.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Vec<(Code, u64)>>);

impl Tally {
    pub(crate) fn add(&self, code: Code) {
        let mut counts = self.0.lock();
        let is_new = !counts.iter().any(|(known, _)| *known == code);
        let code = match is_new && counts.len() >= CODES_MAX {
            true => OTHER_CODES,
            false => code,
        };
        match counts.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => counts.push((code, 1)),
        }
    }

    /// By code, the smallest first.
    pub(crate) fn counts(&self) -> Vec<(Code, u64)> {
        let mut counts = self.0.lock().clone();
        counts.sort_by_key(|(code, _)| code.number());
        counts
    }
}

/// The reasons this server gives for refusing to resume.
const REFUSALS: [&str; 4] = ["unknown", "expired", "overflow", "encoding"];

/// Different codes that are told apart.
const CODES_MAX: usize = 128;

/// What the rest is counted as.
const OTHER_CODES: Code = Code::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_beyond_the_limit_are_counted_together() {
        let tally = Tally::default();
        for number in 4000..5000 {
            tally.add(Code::new(number));
            tally.add(Code::new(4000));
        }
        let counts = tally.counts();
        assert_eq!(counts.len(), CODES_MAX + 1);
        assert_eq!(counts[0], (OTHER_CODES, 1000 - CODES_MAX as u64));
        assert_eq!(counts[1], (Code::new(4000), 1001));
    }

    #[test]
    fn every_reason_the_server_gives_is_counted() {
        let activity = Activity::default();
        for reason in [
            ResumeRefusal::Unknown,
            ResumeRefusal::Expired,
            ResumeRefusal::Overflow,
            ResumeRefusal::Encoding,
        ] {
            activity.resume_refused(&reason);
        }
        assert!(activity.refusals().iter().all(|(_, count)| *count == 1));
    }
}
