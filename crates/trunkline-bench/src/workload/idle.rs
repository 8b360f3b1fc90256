//! What connections cost while nothing is said on them.

use std::time::Duration;

use super::meter::Idle;
use crate::{crowd::Crowd, load_error::LoadError, machine, target::Target};

/// How long the connections rest before the server's memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// Opens `connections` to the server of process `pid` and reads its resident memory before the
/// first and, after a rest, with all of them. Each has said its greeting and one acknowledged
/// event, and is a member of the room.
pub fn measure_idle(target: &Target, connections: usize, pid: u32) -> Result<Idle, LoadError> {
    if connections == 0 {
        return Err(LoadError::Shape {
            senders: 1,
            members: 0,
        });
    }
    let before_bytes = machine::resident_bytes(pid)?;
    let mut crowd = Crowd::gather(target, connections)?;
    crowd.rest(SETTLE)?;
    let after_bytes = machine::resident_bytes(pid)?;
    crowd.disperse();
    let grown = after_bytes.saturating_sub(before_bytes);
    Ok(Idle {
        connections,
        before_bytes,
        after_bytes,
        bytes_per_connection: grown as f64 / connections as f64,
    })
}
