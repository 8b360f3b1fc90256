//! Which of a host's addresses answers, in virtual time.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use trunkline_transport::addresses::{ADDRESSES_MAX, HEAD_START, alternating, first};

fn head_start() -> Sleep {
    sleep(HEAD_START) // tidy: allow sleep: it is what a backend waits with
}

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
    let connected = first(
        addresses(&["::1", "10.0.0.1"]),
        |address| async move {
            if address.is_ipv6() {
                pending::<()>().await;
            }
            Ok::<_, io::Error>(address)
        },
        head_start,
    );
    assert!(connected.await.unwrap().is_ipv4());
    assert_eq!(start.elapsed(), HEAD_START);
}

#[tokio::test(start_paused = true)]
async fn a_slow_address_still_wins_over_one_that_is_slower() {
    let start = Instant::now();
    let connected = first(
        addresses(&["::1", "10.0.0.1"]),
        |address| async move {
            let takes = if address.is_ipv6() { 2 } else { 4 };
            sleep(HEAD_START * takes).await; // tidy: allow sleep: it is how long connecting takes
            Ok::<_, io::Error>(address)
        },
        head_start,
    );
    assert!(connected.await.unwrap().is_ipv6());
    assert_eq!(start.elapsed(), HEAD_START * 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_costs_nothing_and_the_last_error_is_told() {
    let start = Instant::now();
    let three = addresses(&["::1", "10.0.0.1", "::2"]);
    let connected = first(
        three.clone(),
        |address| async move {
            match address.ip().to_string() == "::2" {
                true => Ok(address),
                false => Err(refused()),
            }
        },
        head_start,
    );
    assert_eq!(connected.await.unwrap(), three[2]);
    let failed = first(three, |_| async { Err::<(), _>(refused()) }, head_start).await;
    assert_eq!(failed.unwrap_err().kind(), refused().kind());
    let none = first(Vec::new(), |_| async { Ok::<_, io::Error>(()) }, head_start).await;
    assert_eq!(none.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(start.elapsed(), Duration::ZERO);
}
