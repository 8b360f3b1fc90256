//! The in-memory transport passes the suite, also through pipes smaller than a message's header.

use trunkline_testkit::conformance::{MAX_MESSAGE, Pair};
use trunkline_transport::memory;

fn pair_with(capacity: usize) -> Pair {
    let config = memory::Config {
        capacity,
        max_message: MAX_MESSAGE,
        max_datagram: Some(1200),
        ..Default::default()
    };
    let (near, far, link) = memory::pair(config);
    Pair {
        near,
        far,
        cut: Box::new(move || link.cut()),
    }
}

mod with_the_default_capacity {
    async fn pair() -> trunkline_testkit::conformance::Pair {
        super::pair_with(trunkline_transport::memory::Config::default().capacity)
    }

    trunkline_testkit::conformance_tests!(pair);
    trunkline_testkit::datagram_conformance_tests!(pair);
}

mod swapped {
    async fn pair() -> trunkline_testkit::conformance::Pair {
        super::pair_with(10_000).swapped()
    }

    trunkline_testkit::conformance_tests!(pair);
}
