//! The transport passes the suite over real UDP, from both ends.

use trunkline_testkit::conformance::Pair;
use trunkline_testkit::drive::within_limit;
use trunkline_testkit::webtransport;
use trunkline_wtransport::Wtransport;

/// The client is near.
async fn connected() -> Pair {
    webtransport::connected::<Wtransport, Wtransport>().await
}

mod from_the_client {
    trunkline_testkit::conformance_tests!(super::connected);
    trunkline_testkit::datagram_conformance_tests!(super::connected);
}

mod from_the_server {
    async fn pair() -> trunkline_testkit::conformance::Pair {
        super::connected().await.swapped()
    }

    trunkline_testkit::conformance_tests!(pair);
    trunkline_testkit::datagram_conformance_tests!(pair);
}

#[tokio::test]
async fn a_client_that_changes_its_address_keeps_its_connection() {
    within_limit(
        webtransport::client_that_changes_its_address_keeps_its_connection::<Wtransport, Wtransport>(),
    )
    .await;
}

#[tokio::test]
async fn a_connection_of_the_server_has_a_home() {
    within_limit(webtransport::connection_of_the_server_has_a_home::<
        Wtransport,
        Wtransport,
    >())
    .await;
}
