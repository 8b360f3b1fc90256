//! A relay that keeps what the server says, and can cut every connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<Vec<u8>>>,
    cuts: watch::Sender<u32>,
}

impl Relay {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (said, cuts) = (Arc::new(Mutex::default()), watch::Sender::new(0));
        let (keeping, cutting) = (Arc::clone(&said), cuts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                let said = Arc::clone(&keeping);
                let mut cut = cutting.subscribe();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(client, server, &said) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            said,
            cuts,
        }
    }

    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// The secrets of the sessions that the server began.
    pub(crate) fn session_secrets(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let behind = |mark: &'static [u8]| {
            let places = said.windows(mark.len()).enumerate();
            places
                .filter(move |(_, window)| *window == mark)
                .map(move |(place, _)| place + mark.len())
        };
        let in_json = behind(b"\"secret\":\"");
        // The key, and a text of the length that a secret has.
        let in_message_pack = behind(b"\xa6secret\xb6");
        in_json
            .chain(in_message_pack)
            .map(|from| String::from_utf8(said[from..from + 22].to_vec()).unwrap())
            .collect()
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, said: &Mutex<Vec<u8>>) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let down = async {
        let mut buffer = vec![0; 4096];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            said.lock().unwrap().extend_from_slice(&buffer[..count]);
            if to_client.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = down => {}
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
    }
}
