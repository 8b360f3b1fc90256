//! The spans that logs stand in.

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;
use tracing::subscriber::DefaultGuard;
use trunkline::client::Client;
use trunkline::server::{Data, Failure, Server, Socket};
use trunkline::testing::Net;

type Result = std::result::Result<(), Box<dyn Error>>;

/// What was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The line that says this.
    fn line(&self, said: &str) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = String::from_utf8_lossy(&log);
        let line = log.lines().find(|line| line.ends_with(said));
        line.unwrap_or_else(|| panic!("{said:?} is not in\n{log}"))
            .to_owned()
    }
}

/// A server and a client, both of which log from their handlers, at once and after waiting.
async fn converse() -> Result {
    let server = Server::new();
    let namespace = server.namespace("/chat");
    namespace.on_connect(|_: Socket| async { tracing::info!("somebody came") });
    namespace.on(
        "say",
        |socket: Socket, Data(line): Data<String>| async move {
            tracing::info!("the handler begins");
            tokio::task::yield_now().await;
            tracing::info!("the handler goes on");
            socket.emit("said", &line)?;
            Ok::<_, Failure>(())
        },
    );
    let net = Net::new(&server);
    net.set_peer(Some("192.0.2.7:4000".parse()?));
    let client = Client::builder("https://ada:s3cret@example.org?ticket=s3cret")
        .dialer(net.dialer())
        .build()?;
    let socket = client.socket("/chat");
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    socket.on("said", move |Data(line): Data<String>| {
        let told = told.clone();
        async move {
            tracing::info!("the client heard");
            // The test may be over.
            let _ = told.send(line).await;
        }
    });
    socket.connect().await?;
    let () = socket.emit_with_ack("say", "hello").await?;
    tells.recv().await.ok_or("nothing was heard")?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_logs_names_its_connection_session_and_event() -> Result {
    let (log, _guard) = Log::begin(Level::DEBUG);
    converse().await?;
    for said in ["the handler begins", "the handler goes on"] {
        let line = log.line(said);
        let connection = "connection{peer=192.0.2.7:4000 transport=memory session=";
        assert!(line.contains(connection), "{line}");
        let handler = r#":handler{namespace=/chat event="say" socket="#;
        assert!(line.contains(handler), "{line}");
    }
    let line = log.line("somebody came");
    assert!(line.contains(r#"event="on_connect""#), "{line}");
    let line = log.line("the client heard");
    let connection = "connection{server=https://example.org/trunkline transport=memory session=";
    assert!(line.contains(connection), "{line}");
    assert!(
        line.contains(r#":handler{namespace=/chat event="said"}"#),
        "{line}"
    );
    let all = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(!String::from_utf8_lossy(&all).contains("s3cret"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn at_info_there_is_the_connection_and_no_handler() -> Result {
    let (log, _guard) = Log::begin(Level::INFO);
    converse().await?;
    let line = log.line("the handler begins");
    assert!(line.contains("connection{peer="), "{line}");
    assert!(!line.contains("handler{"), "{line}");
    Ok(())
}
