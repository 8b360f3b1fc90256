//! A network namespace that belongs to a thread, with a TUN device in it.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};
use tokio::runtime::Handle;
use tokio_tun::Tun;

use super::{TunLinkConfig, TunLinkError, TunSide, failed};

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The thread that is in the namespace, and what it is asked to do there.
#[derive(Debug)]
pub(super) struct Namespace {
    thread: Pid,
    jobs: Option<mpsc::SyncSender<Job>>,
    handle: Option<thread::JoinHandle<()>>,
}

impl Namespace {
    /// Makes a namespace with `lo` and a device whose packets `runtime` will read and write.
    pub(super) fn open(
        side: TunSide,
        config: &TunLinkConfig,
        runtime: &Handle,
    ) -> Result<(Self, Tun), TunLinkError> {
        let (jobs, waiting) = mpsc::sync_channel::<Job>(1);
        let (opened, outcome) = mpsc::sync_channel(1);
        let (config, runtime) = (config.clone(), runtime.clone());
        let handle = thread::Builder::new()
            .name(format!("tun-link-{side:?}").to_lowercase())
            .spawn(move || {
                let device = {
                    let _context = runtime.enter();
                    enter(side, &config)
                };
                let is_open = device.is_ok();
                // It is received below.
                let _ = opened.send((gettid(), device));
                while is_open && let Ok(job) = waiting.recv() {
                    job();
                }
            })
            .map_err(failed)?;
        let (thread, device) = outcome.recv().map_err(failed)?;
        let namespace = Self {
            thread,
            jobs: Some(jobs),
            handle: Some(handle),
        };
        Ok((namespace, device?))
    }

    /// Hands a job to the thread, behind one that waits already.
    pub(super) fn run(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread is gone if a job has panicked; then this one's caller hears of it.
            let _ = jobs.send(job);
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        let (process, thread) = (std::process::id(), self.thread);
        format!("/proc/{process}/task/{thread}/ns/net").into()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(handle) = self.handle.take() {
            // A job's panic was told to whoever waited for it.
            let _ = handle.join();
        }
    }
}

/// Leaves the machine's network for one of this thread's own, and sets that up.
fn enter(side: TunSide, config: &TunLinkConfig) -> Result<Tun, TunLinkError> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
        Errno::EPERM | Errno::ENOSYS | Errno::EINVAL => {
            TunLinkError::NotPermitted(format!("a network namespace: {errno}"))
        }
        other => failed(other),
    })?;
    // Only there where IPv6 is. Its router solicitations would be counted as packets of the link.
    let _ = fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    for (name, value) in &config.sysctl {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::write(&path, value).map_err(|cause| failed(format!("{name}: {cause}")))?;
    }
    let mut devices = Tun::builder()
        .name(DEVICE)
        .mtu(MTU)
        .address(side.address())
        .netmask(NETMASK)
        .up()
        .build()
        .map_err(no_device)?;
    let device = devices.pop().ok_or_else(|| failed("no device was made"))?;
    ip(&["link", "set", "lo", "up"])?;
    ip(&["link", "set", DEVICE, "txqueuelen", QUEUE])?;
    if let Some(tcp) = &config.tcp {
        let (peer, own) = (side.peer().address(), side.address());
        let (peer, own) = (format!("{peer}/32"), own.to_string());
        ip(&[
            "route", "add", &peer, "dev", DEVICE, "src", &own, "congctl", tcp,
        ])?;
    }
    Ok(device)
}

fn no_device(cause: tokio_tun::Error) -> TunLinkError {
    let is_kept_away = match &cause {
        tokio_tun::Error::NixError(errno) => matches!(errno, Errno::EPERM | Errno::EACCES),
        tokio_tun::Error::IoError(cause) => is_kept_away(cause),
    };
    match is_kept_away {
        true => TunLinkError::NotPermitted(format!("a TUN device: {cause}")),
        false => failed(cause),
    }
}

fn is_kept_away(cause: &io::Error) -> bool {
    // There is no such device, or no such driver, in some containers.
    let is_absent = cause.raw_os_error() == Some(Errno::ENODEV as i32);
    is_absent
        || matches!(
            cause.kind(),
            ErrorKind::PermissionDenied | ErrorKind::NotFound
        )
}

/// Runs `ip` of iproute2 in this thread's namespace.
fn ip(arguments: &[&str]) -> Result<(), TunLinkError> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => TunLinkError::NotPermitted("there is no `ip` (iproute2)".to_owned()),
        _ => failed(cause),
    })?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(failed(format!(
                "ip {}: {}",
                arguments.join(" "),
                said.trim()
            )))
        }
    }
}

/// The device's name, in each namespace.
const DEVICE: &str = "trunk0";

/// That of Ethernet, and of nearly every path of the internet.
const MTU: i32 = 1_500;

/// Both ends and nothing else.
const NETMASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 252);

/// Packets that may wait for this process to read them.
const QUEUE: &str = "2000";
