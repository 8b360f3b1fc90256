//! What was said, heard, and told to be lost; and whether it comes out even.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::words::{Fate, Heard};

/// Everything that happened to the numbers. Clones are the same ledger.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<BTreeMap<(u32, u32), Line>>>);

/// What one client said to another.
#[derive(Default)]
struct Line {
    /// By number; none where the answer did not come, and the client says so.
    said: Vec<Option<Fate>>,
    heard: Vec<u32>,
    /// Perhaps not delivered, as the client was told when its session was lost.
    lost: HashSet<u32>,
    /// Certainly not delivered, as a server said.
    undelivered: HashSet<u32>,
    /// Perhaps not delivered, as a server said.
    unknown: HashSet<u32>,
}

#[derive(Debug, Default)]
struct Sum {
    said: usize,
    heard: usize,
    absent: usize,
    undelivered: usize,
    unknown: usize,
    lost: usize,
    in_silence: usize,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            said,
            heard,
            absent,
            undelivered,
            unknown,
            lost,
            in_silence,
        } = self;
        writeln!(f, "{said} events were said. Of these:")?;
        writeln!(f, "{heard:>8} were heard, once and in order")?;
        writeln!(f, "{absent:>8} were for somebody on the other server")?;
        writeln!(
            f,
            "{undelivered:>8} were told to a server to be undelivered"
        )?;
        writeln!(f, "{unknown:>8} were told to a server to be unknown")?;
        writeln!(
            f,
            "{lost:>8} were told to their sender to be lost or unknown"
        )?;
        write!(f, "{in_silence:>8} were lost in silence")
    }
}

impl Ledger {
    pub(crate) fn said(&self, from: u32, to: u32, number: u32, fate: Option<Fate>) {
        let mut lines = self.lock();
        let said = &mut lines.entry((from, to)).or_default().said;
        assert_eq!(
            said.len(),
            number as usize,
            "each says its numbers in order"
        );
        said.push(fate);
    }

    /// The session of who said it was lost, and it with it, perhaps.
    pub(crate) fn lost(&self, from: u32, to: u32, number: u32) {
        self.lock()
            .entry((from, to))
            .or_default()
            .lost
            .insert(number);
    }

    pub(crate) fn heard(&self, Heard { from, to, number }: Heard) {
        self.lock()
            .entry((from, to))
            .or_default()
            .heard
            .push(number);
    }

    /// Reads a line that a server printed; others are no entry.
    pub(crate) fn read(&self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let [what, from, to, number] = words[..] else {
            return;
        };
        let (Ok(from), Ok(to), Ok(number)) = (from.parse(), to.parse(), number.parse()) else {
            return;
        };
        let mut lines = self.lock();
        let line = lines.entry((from, to)).or_default();
        match what {
            "undelivered" => line.undelivered.insert(number),
            "unknown" => line.unknown.insert(number),
            _ => return,
        };
    }

    /// Compares, prints the sums, and fails if a number was lost in silence, came twice, or came out
    /// of order, or if less than half of them were heard at all.
    pub(crate) fn close(&self, clients: u32) -> Result<(), String> {
        let lines = self.lock();
        let mut sum = Sum::default();
        for (&(from, to), line) in &*lines {
            line.check()
                .map_err(|wrong| format!("{from} to {to}: {wrong}"))?;
            line.add_to(&mut sum);
        }
        println!("{sum}");
        if sum.heard * 2 < sum.said {
            return Err(format!("of {} events {} were heard", sum.said, sum.heard));
        }
        match (lines.len() == clients as usize, sum.in_silence) {
            (false, _) => Err(format!(
                "{} of {clients} clients were heard of",
                lines.len()
            )),
            (true, 0) => Ok(()),
            (true, lost) => Err(format!("{lost} events were lost and nobody said so")),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(u32, u32), Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn check(&self) -> Result<(), String> {
        let heard = &self.heard;
        if let Some(pair) = heard.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(format!("{} came after {}", pair[1], pair[0]));
        }
        match heard
            .iter()
            .find(|number| self.undelivered.contains(number))
        {
            Some(number) => Err(format!("{number} was heard, and told to be undelivered")),
            None => Ok(()),
        }
    }

    fn add_to(&self, sum: &mut Sum) {
        let heard: HashSet<u32> = self.heard.iter().copied().collect();
        for (number, fate) in (0..).zip(&self.said) {
            sum.said += 1;
            let entry = match fate {
                _ if heard.contains(&number) => &mut sum.heard,
                Some(Fate::Absent) => &mut sum.absent,
                _ if self.undelivered.contains(&number) => &mut sum.undelivered,
                _ if self.unknown.contains(&number) => &mut sum.unknown,
                // The client's own call failed and said so, or the client was told with its session.
                None => &mut sum.lost,
                _ if self.lost.contains(&number) => &mut sum.lost,
                Some(Fate::Relayed) => &mut sum.in_silence,
            };
            *entry += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(number: u32) -> Heard {
        let (from, to) = (0, 1);
        Heard { from, to, number }
    }

    #[test]
    fn what_nobody_knows_of_is_found() {
        let ledger = Ledger::default();
        ledger.said(0, 1, 0, Some(Fate::Relayed));
        ledger.said(0, 1, 1, Some(Fate::Relayed));
        ledger.heard(heard(0));
        assert!(ledger.close(1).unwrap_err().contains("1 events were lost"));
        ledger.read("undelivered 0 1 1");
        assert_eq!(ledger.close(1), Ok(()));
        assert!(ledger.close(2).is_err(), "a client is missing");
    }

    #[test]
    fn what_its_sender_was_told_of_is_not_lost_in_silence() {
        let ledger = Ledger::default();
        for (number, fate) in [
            (0, Some(Fate::Relayed)),
            (1, Some(Fate::Relayed)),
            (2, None),
        ] {
            ledger.said(0, 1, number, fate);
        }
        ledger.heard(heard(0));
        ledger.heard(heard(1));
        assert_eq!(
            ledger.close(1),
            Ok(()),
            "the call for 2 failed, and said so"
        );
        ledger.said(0, 1, 3, Some(Fate::Relayed));
        assert!(ledger.close(1).unwrap_err().contains("1 events were lost"));
        ledger.lost(0, 1, 3);
        assert_eq!(ledger.close(1), Ok(()));
    }

    #[test]
    fn what_comes_twice_or_although_it_was_told_to_be_lost_is_found() {
        let ledger = Ledger::default();
        ledger.said(0, 1, 0, Some(Fate::Relayed));
        ledger.heard(heard(0));
        assert_eq!(ledger.close(1), Ok(()));
        ledger.heard(heard(0));
        assert!(ledger.close(1).is_err());
        let ledger = Ledger::default();
        ledger.said(0, 1, 0, Some(Fate::Relayed));
        ledger.heard(heard(0));
        ledger.read("undelivered 0 1 0");
        assert!(ledger.close(1).is_err());
    }
}
