//! Which of a host's addresses answers: RFC 8305 in its simplest form.
//!
//! Tried one after the other, a first address that swallows packets would take every attempt's whole
//! time, and a host that answers on another one would never be reached.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connects to the first address of a host that answers.
///
/// # Cancel safety
/// Dropping the future gives up all attempts.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let found = lookup_host((host, port)).await?;
    first(alternating(found), TcpStream::connect).await
}

/// The addresses in the resolver's order, but with the families by turns.
fn alternating(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
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

/// The first attempt that succeeds. The next one begins when one fails, or after a while beside it.
async fn first<S, C, F>(addresses: Vec<SocketAddr>, connect: C) -> io::Result<S>
where
    S: Send + 'static,
    C: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let mut addresses = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        if let Some(address) = addresses.next() {
            attempts.spawn(connect(address));
        }
        let ended = match addresses.len() {
            0 => Ok(attempts.join_next().await),
            _ => timeout(HEAD_START, attempts.join_next()).await,
        };
        match ended {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(cause)))) => failed = cause,
            Ok(Some(Err(panicked))) => failed = io::Error::other(panicked),
            Ok(None) => return Err(failed),
            Err(_elapsed) => {}
        }
    }
}

/// How long an attempt has before the next one begins beside it (RFC 8305 section 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses that are tried; a host with more has them for others.
const ADDRESSES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        let parse = |text: &&str| SocketAddr::new(text.parse().unwrap(), 80);
        texts.iter().map(parse).collect()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let found = addresses(&["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]);
        let expected = addresses(&["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
        assert_eq!(alternating(found.into_iter()), expected);
        let one = addresses(&["10.0.0.1"]);
        assert_eq!(alternating(one.clone().into_iter()), one);
        let many = vec![one[0]; 100];
        assert_eq!(alternating(many.into_iter()).len(), ADDRESSES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_swallows_everything_costs_a_head_start() {
        let start = Instant::now();
        let connected = first(addresses(&["::1", "10.0.0.1"]), |address| async move {
            if address.is_ipv6() {
                pending::<()>().await;
            }
            Ok(address)
        });
        assert!(connected.await.unwrap().is_ipv4());
        assert_eq!(start.elapsed(), HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_still_wins_over_one_that_is_slower() {
        let start = Instant::now();
        let connected = first(addresses(&["::1", "10.0.0.1"]), |address| async move {
            let takes = if address.is_ipv6() { 2 } else { 4 };
            sleep(HEAD_START * takes).await; // tidy: allow sleep: it is how long connecting takes
            Ok(address)
        });
        assert!(connected.await.unwrap().is_ipv6());
        assert_eq!(start.elapsed(), HEAD_START * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_costs_nothing_and_the_last_error_is_told() {
        let start = Instant::now();
        let three = addresses(&["::1", "10.0.0.1", "::2"]);
        let connected = first(three.clone(), |address| async move {
            match address.ip().to_string() == "::2" {
                true => Ok(address),
                false => Err(refused()),
            }
        });
        assert_eq!(connected.await.unwrap(), three[2]);
        let failed = first(three, |_| async { Err::<(), _>(refused()) }).await;
        assert_eq!(failed.unwrap_err().kind(), refused().kind());
        let none = first(Vec::new(), |_| async { Ok(()) }).await;
        assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
