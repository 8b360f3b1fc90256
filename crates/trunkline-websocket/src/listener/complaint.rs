//! What is logged again and again, said once in a while.

use std::time::Duration;

use tokio::time::Instant;

/// A line of the log that comes at most once per [`INTERVAL`], with how often it was due since.
#[derive(Debug, Default)]
pub(super) struct Complaint {
    said: Option<Instant>,
    times: u64,
}

impl Complaint {
    /// Counts one more occasion: how many there were since the line was last written, if it is time
    /// for it again.
    pub(super) fn is_due(&mut self) -> Option<u64> {
        self.times += 1;
        let now = Instant::now();
        let is_early = self.said.is_some_and(|said| now - said < INTERVAL);
        if is_early {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

/// How long a line is not repeated.
const INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_comes_once_in_a_while_and_says_how_often_it_was_due() {
        let mut complaint = Complaint::default();
        assert_eq!(complaint.is_due(), Some(1));
        for _ in 0..1_000 {
            assert_eq!(complaint.is_due(), None);
        }
        tokio::time::advance(INTERVAL).await;
        assert_eq!(complaint.is_due(), Some(1_001));
        assert_eq!(complaint.is_due(), None);
    }
}
