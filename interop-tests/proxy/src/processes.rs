//! The processes of a scenario; each ends with its value.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Where the programs are, and where the proxy's files go.
pub(crate) struct Place {
    fixture: PathBuf,
    folder: PathBuf,
}

impl Place {
    pub(crate) fn new(fixture: PathBuf) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("trunkline-proxy-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self { fixture, folder })
    }

    /// The fixture server on a port, 0 for any.
    pub(crate) async fn server(&self, port: u16) -> Result<Server, String> {
        let mut process = Command::new(&self.fixture)
            .args(["--port", &port.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", self.fixture.display()))?;
        let out = process.stdout.take().ok_or("no output to read")?;
        let line = BufReader::new(out).lines().next_line().await;
        let line = line.map_err(|error| error.to_string())?;
        let address = line
            .as_deref()
            .and_then(|l| l.strip_prefix("listening on "));
        let address = address.and_then(|address| address.parse().ok());
        Ok(Server {
            address: address.ok_or_else(|| format!("the fixture said {line:?}"))?,
            _process: process,
        })
    }

    /// A proxy on a port of its own, with these lines in its configuration besides.
    pub(crate) fn proxy(&self, port: u16, lines: &str) -> Result<Proxy, String> {
        let log = self.folder.join(format!("{port}.log"));
        let configuration = self.folder.join(format!("{port}.conf"));
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 600\n\
             LogLevel Connect\nLogFile \"{}\"\n{lines}\n",
            log.display()
        );
        fs::write(&configuration, text).map_err(|error| error.to_string())?;
        let process = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("tinyproxy: {error}"))?;
        Ok(Proxy { process, log })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is the temporary folder's to lose.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running fixture server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _process: Child,
}

/// A running proxy.
pub(crate) struct Proxy {
    process: Child,
    log: PathBuf,
}

impl Proxy {
    /// What it has logged: whom it was asked for, among others.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it, and waits until it has.
    pub(crate) async fn end(mut self) -> Result<(), String> {
        self.process.kill().await.map_err(|error| error.to_string())
    }
}

/// A port that nobody has right now.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| error.to_string())
}
