//! When a process is asked to end.

use std::io;

use tokio::signal;

/// Waits until the process is asked to end: by SIGTERM, as service managers and container runtimes
/// send it, or by Ctrl-C.
///
/// From the first call on, neither ends the process by itself. Give it to
/// [`Bound::serve_until`](crate::server::Bound::serve_until).
///
/// # Errors
/// The system does not tell of signals.
///
/// # Cancel safety
/// Dropping the future changes nothing.
pub async fn terminated() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            pressed = signal::ctrl_c() => pressed,
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
