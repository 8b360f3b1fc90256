//! Two network namespaces joined by a seeded link, under the kernel's own TCP and UDP. Linux only.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};
use std::sync::{Arc, mpsc};
use std::thread;

use trunkline_netem::{PacketCounters, PacketLink, PacketProfile, Seed};

mod forward;
mod namespace;
mod options;

pub use options::{InvalidLinkOptions, LinkOptions};

use forward::{Forwarder, Switches};
use namespace::Namespace;

/// How a [`TunLink`] behaves. Default: it passes everything on at once.
#[derive(Debug, Clone)]
pub struct TunLinkConfig {
    /// What each direction is like.
    pub profile: PacketProfile,
    /// What the losses and delays follow from.
    pub seed: Seed,
    /// The congestion control of TCP in both namespaces, such as `cubic`; `None` leaves what they
    /// begin with, which is the machine's own. It is set on their route, so nothing changes for the
    /// rest of the machine, and one that the machine does not let programs choose is taken too.
    pub tcp: Option<String>,
    /// Settings of the kernel's in both namespaces, by name, such as `net.ipv4.tcp_notsent_lowat`.
    /// They do not change the rest of the machine.
    pub sysctl: Vec<(String, String)>,
}

impl Default for TunLinkConfig {
    fn default() -> Self {
        Self {
            profile: PacketProfile::INSTANT,
            seed: Seed::new(1),
            tcp: None,
            sysctl: Vec::new(),
        }
    }
}

/// One end of a [`TunLink`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunSide {
    /// Where clients are.
    Near,
    /// Where the server is.
    Far,
}

impl TunSide {
    /// Its IPv4 address, the same for every link: each has namespaces of its own.
    #[must_use]
    pub const fn address(self) -> Ipv4Addr {
        match self {
            Self::Near => Ipv4Addr::new(10, 99, 0, 1),
            Self::Far => Ipv4Addr::new(10, 99, 0, 2),
        }
    }

    const fn peer(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// Why there is no link.
#[derive(Debug)]
#[non_exhaustive]
pub enum TunLinkError {
    /// This process may not make network namespaces or TUN devices here: it is not root, or they are
    /// kept from it. A test skips then, and says so.
    NotPermitted(String),
    /// Something else failed, which is no reason to skip.
    Failed(String),
}

impl fmt::Display for TunLinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted(why) => write!(
                f,
                "network namespaces and TUN devices need root and a kernel that has them: {why}"
            ),
            Self::Failed(why) => write!(f, "no link: {why}"),
        }
    }
}

impl Error for TunLinkError {}

impl TunLinkError {
    /// What a program exits with that failed with `error`: 77 where it may make no link, which is
    /// automake's code for a test that is skipped; else 1.
    #[must_use]
    pub fn exit_code(error: &(dyn Error + 'static)) -> ExitCode {
        match error.downcast_ref() {
            Some(Self::NotPermitted(_)) => ExitCode::from(77),
            _ => ExitCode::FAILURE,
        }
    }
}

/// What has passed a link, and what has not: packets of IP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TunCounters {
    /// From the near side to the far one.
    pub to_far: PacketCounters,
    /// From the far side to the near one.
    pub to_near: PacketCounters,
}

/// Two network namespaces with a TUN device each, and the [`PacketLink`]s between them.
///
/// What runs in a namespace has the machine's real TCP and UDP, sees `lo` and the link, and nothing
/// else. The namespaces have no names and belong to threads of this process: they and their devices
/// are gone with it, however it ends. Dropping the link ends it; programs that were started in a
/// namespace keep it, without the link.
#[derive(Debug)]
pub struct TunLink {
    near: Namespace,
    far: Namespace,
    switches: Arc<Switches>,
    forwarder: Option<thread::JoinHandle<()>>,
}

impl TunLink {
    /// Makes the namespaces and begins to pass packets on.
    ///
    /// # Errors
    /// See [`TunLinkError`]. Nothing is left behind.
    pub fn start(config: &TunLinkConfig) -> Result<Self, TunLinkError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(failed)?;
        let open = |side| Namespace::open(side, config, runtime.handle());
        let (near, near_device) = open(TunSide::Near)?;
        let (far, far_device) = open(TunSide::Far)?;
        let link = |part| PacketLink::new(config.seed.part(part), config.profile);
        let devices = [near_device, far_device];
        let forwarder = Forwarder::new(devices, [link(0), link(1)]).map_err(failed)?;
        let switches = forwarder.switches();
        let forwarder = thread::Builder::new()
            .name("tun-link".to_owned())
            .spawn(move || {
                forwarder.run();
                // The devices are registered with it, as their crate wants it.
                drop(runtime);
            })
            .map_err(failed)?;
        Ok(Self {
            near,
            far,
            switches,
            forwarder: Some(forwarder),
        })
    }

    /// Runs a function on the thread of a namespace: the sockets it opens are there, and so are the
    /// threads and processes it starts. One at a time for each side.
    ///
    /// # Panics
    /// If the function panics.
    pub fn run<T: Send + 'static>(
        &self,
        side: TunSide,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (reply, result) = mpsc::sync_channel(1);
        self.namespace(side).run(Box::new(move || {
            // Nobody waits any more if this side has panicked.
            let _ = reply.send(function());
        }));
        result.recv().unwrap_or_else(|_| {
            panic!("what was to run on the {side:?} side panicked");
        })
    }

    /// Starts a program in a namespace.
    ///
    /// # Errors
    /// Those of [`Command::spawn`].
    pub fn spawn(&self, side: TunSide, mut command: Command) -> io::Result<Child> {
        self.run(side, move || command.spawn())
    }

    /// The namespace as a file, for `nsenter --net=FILE`; it is there as long as the link.
    #[must_use]
    pub fn namespace_file(&self, side: TunSide) -> PathBuf {
        self.namespace(side).file()
    }

    /// The congestion control that TCP's sockets have on both sides, as a connection over the link
    /// shows it. It waits for that connection: a round trip, and a second more for a lost packet.
    ///
    /// # Errors
    /// No connection came about.
    pub fn tcp_congestion_control(&self) -> io::Result<String> {
        let listener = self.run(TunSide::Far, || {
            std::net::TcpListener::bind((TunSide::Far.address(), 0))
        })?;
        let address = listener.local_addr()?;
        let near = self.run(TunSide::Near, move || std::net::TcpStream::connect(address))?;
        let (far, _) = listener.accept()?;
        let [near, far] = [near, far].map(|stream| {
            let name = socket2::SockRef::from(&stream).tcp_congestion()?;
            let text = String::from_utf8_lossy(&name);
            Ok::<_, io::Error>(text.trim_end_matches('\0').to_owned())
        });
        let (near, far) = (near?, far?);
        Ok(match near == far {
            true => near,
            false => format!("{near} near, {far} far"),
        })
    }

    /// While it is on, nothing that is sent arrives. What is on its way arrives.
    pub fn black_hole(&self, on: bool) {
        self.switches.black_hole(on);
    }

    /// What has passed so far.
    #[must_use]
    pub fn counters(&self) -> TunCounters {
        self.switches.counters()
    }

    const fn namespace(&self, side: TunSide) -> &Namespace {
        match side {
            TunSide::Near => &self.near,
            TunSide::Far => &self.far,
        }
    }
}

impl Drop for TunLink {
    fn drop(&mut self) {
        self.switches.end();
        if let Some(forwarder) = self.forwarder.take() {
            // What it panicked of is on the standard error already.
            let _ = forwarder.join();
        }
    }
}

fn failed(cause: impl fmt::Display) -> TunLinkError {
    TunLinkError::Failed(cause.to_string())
}
