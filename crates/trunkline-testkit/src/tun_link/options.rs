//! What a link is like, as options of a command line.

use std::num::{NonZeroU64, TryFromIntError};
use std::time::{Duration, TryFromFloatSecsError};

use clap::Args;
use trunkline_netem::{PacketProfile, Seed};

use super::TunLinkConfig;

/// The options of programs that make a [`TunLink`](super::TunLink).
#[derive(Debug, Clone, Args)]
pub struct LinkOptions {
    /// Packets lost of 100, each way.
    #[arg(long, default_value_t = 2.0)]
    pub loss: f64,
    /// Milliseconds from one side to the other.
    #[arg(long, default_value_t = 30.0)]
    pub delay: f64,
    /// What is added to the delay at most, milliseconds. Packets keep their order.
    #[arg(long, default_value_t = 0.0)]
    pub jitter: f64,
    /// Megabits a second, each way [default: without a limit].
    #[arg(long)]
    pub bandwidth: Option<f64>,
    /// Kilobytes that may wait for the bandwidth; further packets are dropped.
    #[arg(long, default_value_t = 64)]
    pub queue: usize,
    /// What losses and jitter follow from.
    #[arg(long, default_value = "1")]
    pub seed: Seed,
    /// The congestion control of TCP, such as cubic [default: the machine's].
    #[arg(long)]
    pub tcp: Option<String>,
    /// A setting of the kernel's on both sides, as NAME=VALUE; may be repeated.
    #[arg(long, value_parser = setting)]
    pub sysctl: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// An option that no link can have.
#[derive(Debug)]
pub struct InvalidLinkOptions;

impl std::fmt::Display for InvalidLinkOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a link has a loss of 0 to 100, and times that are not negative")
    }
}

impl std::error::Error for InvalidLinkOptions {}

impl From<TryFromFloatSecsError> for InvalidLinkOptions {
    fn from(_: TryFromFloatSecsError) -> Self {
        Self
    }
}

impl From<TryFromIntError> for InvalidLinkOptions {
    fn from(_: TryFromIntError) -> Self {
        Self
    }
}

impl LinkOptions {
    /// The link that the options describe.
    ///
    /// # Errors
    /// There can be none like this.
    pub fn config(&self) -> Result<TunLinkConfig, InvalidLinkOptions> {
        let milliseconds = |number: f64| Duration::try_from_secs_f64(number / 1e3);
        let whole = |number: f64| number.round() as u64;
        if !(0.0..=100.0).contains(&self.loss) {
            return Err(InvalidLinkOptions);
        }
        let rate = self.bandwidth.map(|megabits| whole(megabits * 1e6 / 8.0));
        Ok(TunLinkConfig {
            profile: PacketProfile {
                loss_per_million: u32::try_from(whole(self.loss * 1e4))?,
                delay: milliseconds(self.delay)?,
                jitter: milliseconds(self.jitter)?,
                keeps_order: true,
                bytes_per_second: rate.and_then(NonZeroU64::new),
                queue_bytes: self.queue * 1_000,
                ..PacketProfile::INSTANT
            },
            seed: self.seed,
            tcp: self.tcp.clone(),
            sysctl: self.sysctl.clone(),
        })
    }
}
