//! Halves that are used where there is no runtime.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use trunkline_testkit::drive::within_limit;
use trunkline_testkit::webtransport;
use trunkline_webtransport::WebTransportQuinn;

/// How long the peer may take to confirm what was sent.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_close_that_is_seen_through_outside_of_a_runtime_ends_the_session() {
    let runtime = Runtime::new().unwrap();
    let connected = webtransport::connected::<WebTransportQuinn, WebTransportQuinn>();
    let mut pair = runtime.block_on(connected);
    let mut context = Context::from_waker(Waker::noop());
    let sender = &mut pair.near.sender;
    let mut close = || sender.poll_close(&mut context, 3_400, "elsewhere");
    let begun = {
        let _inside = runtime.enter();
        close()
    };
    assert!(begun.is_pending(), "the peer has confirmed nothing yet");
    let start = Instant::now();
    let closed = loop {
        match close() {
            Poll::Ready(closed) => break closed,
            Poll::Pending => std::thread::yield_now(),
        }
        assert!(start.elapsed() < SOON);
    };
    closed.unwrap();
    let receiver = &mut pair.far.receiver;
    let received = std::future::poll_fn(|cx| receiver.poll_receive(cx));
    // The session is over; its code comes with CLOSE, since the library tells it from a runtime alone.
    runtime
        .block_on(within_limit(received))
        .expect_err("the end");
}
