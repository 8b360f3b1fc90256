//! What a collector of metrics gets of a server.

use std::error::Error;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use trunkline::server::{Data, Failure, Server};
use trunkline::testing::Net;

type Result = std::result::Result<(), Box<dyn Error>>;

fn house() -> Server {
    let server = Server::new();
    server
        .namespace("/")
        .on("say", |Data(line): Data<String>| async move {
            Ok::<_, Failure>(line.len())
        });
    server
}

#[tokio::test(start_paused = true)]
async fn a_page_for_prometheus_shows_every_figure_with_its_kind() -> Result {
    let server = house();
    let net = Net::new(&server);
    let client = net.client().build()?;
    let socket = client.socket("/");
    socket.connect().await?;
    let _: usize = socket.emit_with_ack("say", "hello").await?;
    net.refuse_dials();
    net.cut();
    while server.stats().sessions_attached > 0 {
        tokio::task::yield_now().await;
    }
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        trunkline::metrics::record(&server);
        // Twice, since a look adds nothing.
        trunkline::metrics::record(&server);
    });
    let page = recorder.handle().render();
    for line in [
        "# TYPE trunkline_sessions gauge",
        "trunkline_sessions 1",
        "trunkline_sessions_attached 0",
        "# HELP trunkline_events_received_total Events from clients",
        "# TYPE trunkline_events_received_total counter",
        "trunkline_events_received_total 1",
        "trunkline_connections_closed_total{code=\"1006\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    for figure in server.stats().figures() {
        assert!(page.contains(figure.name), "{}\n{page}", figure.name);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn recording_goes_on_every_period() {
    let server = house();
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let recorded = server.clone();
    let recording = tokio::spawn(async move {
        trunkline::metrics::record_every(&recorded, Duration::from_secs(5)).await;
    });
    tokio::task::yield_now().await;
    assert!(
        page.render()
            .contains("trunkline_connections_opened_total 0")
    );
    let net = Net::new(&server);
    let client = net.client().build().unwrap();
    client.socket("/").connect().await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await; // tidy: allow sleep: virtual time, more than a period
    assert!(
        page.render()
            .contains("trunkline_connections_opened_total 1")
    );
    assert!(!recording.is_finished());
}
