//! The WebSocket transport passes the suite over real TCP, from both ends, and over a stream that
//! is not plain TCP.

mod common;

use trunkline_testkit::conformance::{MAX_MESSAGE, Pair};
use trunkline_tls::{Certificate, Trust};
use trunkline_transport::Dialer as _;
use trunkline_websocket::{Config, ListenerConfig, WebSocketDialer};

/// The client is near, the server far, with a relay in between that can be cut.
async fn connected() -> Pair {
    let websocket = Config {
        max_message: MAX_MESSAGE,
        ..Config::default()
    };
    let config = ListenerConfig {
        websocket,
        ..ListenerConfig::default()
    };
    let mut server = common::Server::start(config).await;
    let (address, relay) = common::relay(server.address).await;
    let near = common::dial(&common::request(address, MAX_MESSAGE))
        .await
        .expect("dialled");
    let (far, _handshake) = server.next().await;
    Pair {
        near,
        far,
        cut: Box::new(move || relay.abort()),
    }
}

mod from_the_client {
    trunkline_testkit::conformance_tests!(super::connected);
}

mod from_the_server {
    async fn pair() -> trunkline_testkit::conformance::Pair {
        super::connected().await.swapped()
    }

    trunkline_testkit::conformance_tests!(pair);
}

/// The same over TLS.
async fn secured() -> Pair {
    let certificate = Certificate::self_signed(["127.0.0.1"]).expect("an address");
    let trust = Trust::nobody().with_certificate(&certificate);
    let websocket = Config {
        max_message: MAX_MESSAGE,
        ..Config::default()
    };
    let config = ListenerConfig {
        websocket,
        certificate: Some(certificate),
        ..ListenerConfig::default()
    };
    let mut server = common::Server::start(config).await;
    let (address, relay) = common::relay(server.address).await;
    let near = WebSocketDialer::default()
        .trusting(trust)
        .dial(&common::secure_request(address, MAX_MESSAGE))
        .await
        .expect("dialled");
    let (far, _handshake) = server.next().await;
    Pair {
        near,
        far,
        cut: Box::new(move || relay.abort()),
    }
}

mod from_the_client_over_tls {
    trunkline_testkit::conformance_tests!(super::secured);
}

mod from_the_server_over_tls {
    async fn pair() -> trunkline_testkit::conformance::Pair {
        super::secured().await.swapped()
    }

    trunkline_testkit::conformance_tests!(pair);
}

mod over_a_stream_that_is_not_plain_tcp {
    async fn pair() -> trunkline_testkit::conformance::Pair {
        super::other_stream::connected().await
    }

    trunkline_testkit::conformance_tests!(pair);
}

/// A server on hyper with a stream of its own type, mounted by `upgrade` alone.
mod other_stream {
    use std::convert::Infallible;
    use std::pin::Pin;

    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use trunkline_testkit::conformance::{MAX_MESSAGE, Pair};
    use trunkline_transport::Connection;
    use trunkline_websocket::{Config, upgrade};

    use super::common;

    pub(super) async fn connected() -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (out, mut connections) = mpsc::channel(1);
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            serve(Box::pin(stream), out).await;
        });
        let (address, relay) = common::relay(address).await;
        let near = common::dial(&common::request(address, MAX_MESSAGE))
            .await
            .expect("dialled");
        let far = connections.recv().await.expect("upgraded");
        Pair {
            near,
            far,
            cut: Box::new(move || relay.abort()),
        }
    }

    trait Stream: AsyncRead + AsyncWrite + Send {}
    impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

    async fn serve(stream: Pin<Box<dyn Stream>>, out: mpsc::Sender<Connection>) {
        let service = service_fn(|mut request| {
            let out = out.clone();
            async move {
                let supported = ["trunkline.v1.msgpack".to_owned()];
                let config = Config {
                    max_message: MAX_MESSAGE,
                    ..Config::default()
                };
                let (response, upgrading) =
                    upgrade(&mut request, &supported, &config).expect("a good handshake");
                tokio::spawn(async move {
                    let connection = upgrading.complete().await.expect("upgraded");
                    out.send(connection).await.expect("the test waits for it");
                });
                Ok::<_, Infallible>(response)
            }
        });
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await
            .expect("served");
    }
}
