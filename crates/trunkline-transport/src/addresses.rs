//! Which of a host's addresses answers: RFC 8305 in its simplest form, for transports that dial.
//!
//! Tried one after the other, a first address that swallows packets would take every attempt's whole
//! time, and a host that answers on another one would never be reached. Resolving, connecting and
//! waiting are the backend's.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

/// How long an attempt has before the next one begins beside it (RFC 8305 section 8).
pub const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses that are tried; a host with more has them for others.
pub const ADDRESSES_MAX: usize = 16;

/// The first [`ADDRESSES_MAX`] addresses in the resolver's order, but with the families by turns.
pub fn alternating(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found = found.peekable();
    let begins_with_ipv6 = found.peek().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) = found.partition(|a| a.is_ipv6() == begins_with_ipv6);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut addresses = Vec::new();
    while addresses.len() < ADDRESSES_MAX {
        let both = [one.next(), other.next()];
        if both == [None, None] {
            break;
        }
        addresses.extend(both.into_iter().flatten());
    }
    addresses
}

/// The first attempt that succeeds. The next one begins when one fails, or beside those under way when
/// `head_start` has passed, which is to take [`HEAD_START`].
///
/// # Errors
/// That of the attempt that failed last; or there was no address to be tried.
///
/// # Cancel safety
/// Dropping the future gives up all attempts.
pub async fn first<S, E, F, W>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
    head_start: impl Fn() -> W,
) -> Result<S, E>
where
    E: From<io::Error>,
    F: Future<Output = Result<S, E>>,
    W: Future,
{
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let none = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let mut failed = E::from(none);
    loop {
        attempts.extend(addresses.next().map(&connect));
        let ended = match addresses.len() {
            0 => attempts.next().await,
            _ => match select(attempts.next(), pin!(head_start())).await {
                Either::Left((ended, _)) => ended,
                Either::Right(_) => continue,
            },
        };
        match ended {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(cause)) => failed = cause,
            None => return Err(failed),
        }
    }
}
