//! nginx in front of the servers.

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// An nginx of our own; it is killed when this is dropped.
pub(crate) struct Nginx {
    pub(crate) port: u16,
    folder: TempDir,
    child: Child,
}

impl Nginx {
    /// Starts one that leads to a server on this port.
    pub(crate) async fn start(server: u16) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::tempdir()?;
        configure(folder.path(), port, server)?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("nginx does not start ({error}): is it installed?"))?;
        let mut nginx = Self {
            port,
            folder,
            child,
        };
        nginx.listening().await?;
        Ok(nginx)
    }

    /// Leads new connections to another server; those there stay.
    pub(crate) async fn lead_to(&mut self, server: u16) -> Result<(), Box<dyn Error>> {
        configure(self.folder.path(), self.port, server)?;
        self.signal(Signal::SIGHUP)?;
        // It reloads in its own time, and says so nowhere but in its list of processes. Until it has,
        // new connections go to the first server, which sends them away.
        Ok(())
    }

    pub(crate) async fn stop(mut self) -> Result<(), Box<dyn Error>> {
        self.signal(Signal::SIGTERM)?;
        self.child.wait().await?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<(), Box<dyn Error>> {
        let id = self.child.id().ok_or("nginx has ended")?;
        kill(Pid::from_raw(i32::try_from(id)?), signal)?;
        Ok(())
    }

    /// Waits until its port answers.
    async fn listening(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok()
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("nginx ended with {status}").into());
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Writes its configuration; its documentation calls what stands here for WebSocket "proxying".
fn configure(folder: &Path, port: u16, server: u16) -> io::Result<()> {
    let text = format!(
        "daemon off;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream trunkline {{ server 127.0.0.1:{server}; }}
    server {{
        listen 127.0.0.1:{port};
        location /trunkline {{
            proxy_pass http://trunkline;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            # Longer than ping_interval and ping_timeout together, or nginx ends what is only idle.
            proxy_read_timeout 75s;
        }}
    }}
}}
"
    );
    std::fs::write(folder.join("nginx.conf"), text)
}
