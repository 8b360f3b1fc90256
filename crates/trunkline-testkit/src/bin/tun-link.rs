//! Joins two network namespaces by a lossy link, under the kernel's own TCP and UDP, until it is
//! interrupted. `tests/tun_link.rs` shows how it is used.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("tun-link: network namespaces are Linux's");
    ExitCode::from(77)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::Write as _;
    use std::process::ExitCode;

    use clap::Parser;
    use tokio::signal::unix::{SignalKind, signal};
    use trunkline_testkit::{LinkOptions, TunLink, TunLinkError, TunSide};

    /// Joins two network namespaces by a lossy link. Prints how to enter each of them, the congestion
    /// control of TCP there, and `ready`; then it goes on until it is interrupted or terminated, and
    /// prints what passed. The namespaces are gone with it.
    ///
    /// Exits with 77 where it may not make network namespaces or TUN devices.
    #[derive(Parser)]
    #[command(name = "tun-link")]
    struct CommandLine {
        #[command(flatten)]
        link: LinkOptions,
    }

    pub(super) fn main() -> ExitCode {
        let Err(error) = CommandLine::parse().run() else {
            return ExitCode::SUCCESS;
        };
        eprintln!("tun-link: {error}");
        TunLinkError::exit_code(&*error)
    }

    impl CommandLine {
        fn run(self) -> Result<(), Box<dyn Error>> {
            let link = TunLink::start(&self.link.config()?)?;
            for (name, side) in [("near", TunSide::Near), ("far", TunSide::Far)] {
                let (address, file) = (side.address(), link.namespace_file(side));
                println!("{name} {address} nsenter --net={}", file.display());
            }
            println!("tcp {}", link.tcp_congestion_control()?);
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(until_told())?;
            let counters = link.counters();
            println!("to far: {:?}", counters.to_far);
            println!("to near: {:?}", counters.to_near);
            Ok(())
        }
    }

    /// Says that it is ready, and waits for a signal.
    async fn until_told() -> std::io::Result<()> {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        println!("ready");
        std::io::stdout().flush()?;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        Ok(())
    }
}
