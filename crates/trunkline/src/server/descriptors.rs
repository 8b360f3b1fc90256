//! Whether the process may open as many descriptors as the server takes connections.

/// Says so in the log if it may not. Each connection is one descriptor, and the program has some of
/// its own.
#[cfg(unix)]
pub(super) fn warn_if_too_few(connections: usize) {
    use nix::sys::resource::{Resource, getrlimit};

    // A system that does not say has no limit to warn of.
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && let Some(text) = shortage(soft, hard, connections)
    {
        tracing::warn!("{text}");
    }
}

/// Says so in the log if it may not; there is no such limit here.
#[cfg(not(unix))]
pub(super) fn warn_if_too_few(_connections: usize) {}

#[cfg(unix)]
fn shortage(soft: u64, hard: u64, connections: usize) -> Option<String> {
    if connections == usize::MAX {
        return None;
    }
    let needed = u64::try_from(connections).unwrap_or(u64::MAX);
    let needed = needed.saturating_add(OF_THE_PROGRAM);
    (soft < needed).then(|| {
        format!(
            "the process may open {soft} file descriptors, and {connections} connections need \
             about {needed}: further ones will be turned away. Raise the limit (`ulimit -n {needed}`, \
             systemd's `LimitNOFILE=`; the hard limit is {hard}), or lower `FloodLimits::connections`"
        )
    })
}

/// Descriptors for what is no connection: listeners, files, databases.
#[cfg(unix)]
const OF_THE_PROGRAM: u64 = 100;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn too_few_descriptors_are_named_with_what_to_do() {
        assert_eq!(shortage(1_100, 4_096, 1_000), None);
        assert_eq!(shortage(1, 1, usize::MAX), None);
        let text = shortage(1_024, 4_096, 1_000).unwrap();
        for part in ["1024", "1000", "ulimit -n 1100", "4096"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
