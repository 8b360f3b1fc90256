//! What the bench asks of the machine: cores, open files, processor time and resident memory.

use std::{fs, io, time::Duration};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    time::{ClockId, clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

/// Why the machine could not be asked or set up.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A call to the kernel failed.
    #[error("{call}: {source}")]
    Kernel {
        /// The call that failed.
        call: &'static str,
        /// What the kernel said.
        source: nix::Error,
    },
    /// A file below `/proc` could not be read.
    #[error("reading {path}: {source}")]
    Proc {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file below `/proc` does not have the expected line.
    #[error("{path} has no usable line {line}")]
    Format {
        /// The file.
        path: String,
        /// The line that was looked for.
        line: &'static str,
    },
    /// The hard limit of open files is too low.
    #[error(
        "{needed} open files are needed but the hard limit is {limit}: raise it (`ulimit -Hn`) or ask for fewer connections"
    )]
    OpenFiles {
        /// Descriptors the run needs.
        needed: u64,
        /// The hard limit of this process.
        limit: u64,
    },
}

/// Binds the calling thread, and whatever it starts from now on, to one core.
pub fn pin_current_thread(core: usize) -> Result<(), MachineError> {
    let call = |call| move |source| MachineError::Kernel { call, source };
    let mut set = CpuSet::new();
    set.set(core).map_err(call("cpu_set"))?;
    sched_setaffinity(Pid::from_raw(0), &set).map_err(call("sched_setaffinity"))
}

/// The cores that the calling thread may run on, in ascending order.
pub fn allowed_cores() -> Result<Vec<usize>, MachineError> {
    let set = sched_getaffinity(Pid::from_raw(0)).map_err(|source| MachineError::Kernel {
        call: "sched_getaffinity",
        source,
    })?;
    Ok((0..CpuSet::count())
        .filter(|&core| set.is_set(core).unwrap_or(false))
        .collect())
}

/// Raises the soft limit of open files to the hard one, which child processes inherit.
///
/// Fails when even the hard limit is below `needed`.
pub fn raise_open_files(needed: u64) -> Result<(), MachineError> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|source| MachineError::Kernel {
        call: "getrlimit",
        source,
    })?;
    check_open_files(needed, hard)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(|source| MachineError::Kernel {
        call: "setrlimit",
        source,
    })
}

/// The processor-time clock of one process: user and system time of all its threads, in
/// nanoseconds, exact at the moment of reading (unlike the tick counts of `/proc/<pid>/stat`).
#[derive(Debug, Clone, Copy)]
pub struct CpuClock(ClockId);

impl CpuClock {
    /// The clock of the process with this id.
    pub fn of(pid: u32) -> Result<Self, MachineError> {
        clock_getcpuclockid(Pid::from_raw(pid.cast_signed()))
            .map(Self)
            .map_err(|source| MachineError::Kernel {
                call: "clock_getcpuclockid",
                source,
            })
    }

    /// The clock of this process.
    pub fn own() -> Self {
        Self(ClockId::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// Processor time used since the process began.
    pub fn read(self) -> Result<Duration, MachineError> {
        clock_gettime(self.0)
            .map(Duration::from)
            .map_err(|source| MachineError::Kernel {
                call: "clock_gettime",
                source,
            })
    }
}

/// Resident memory of a process in bytes (`VmRSS`).
///
/// Memory that the kernel holds for the process's sockets is not in it.
pub fn resident_bytes(pid: u32) -> Result<u64, MachineError> {
    let path = format!("/proc/{pid}/status");
    let text = read_proc(&path)?;
    let kibibytes: Option<u64> = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok());
    kibibytes
        .map(|number| number * 1024)
        .ok_or(MachineError::Format {
            path,
            line: "VmRSS",
        })
}

/// The machine as a report names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the first processor.
    pub processor: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Total memory in bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// The load averages of 1, 5 and 15 minutes: what else the machine was doing.
    pub load_average: String,
}

impl Machine {
    /// Reads the description from `/proc`.
    pub fn describe() -> Result<Self, MachineError> {
        let cpuinfo = read_proc("/proc/cpuinfo")?;
        let processor = cpuinfo
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split_once(':'))
            .map_or_else(
                || "unknown".to_owned(),
                |(_, model)| model.trim().to_owned(),
            );
        let memory_bytes = read_proc("/proc/meminfo")?
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .and_then(|number| number.trim().parse::<u64>().ok())
            .map_or(0, |kibibytes| kibibytes * 1024);
        Ok(Self {
            processor,
            cores: allowed_cores()?.len(),
            memory_bytes,
            kernel: read_proc("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_average: read_proc("/proc/loadavg")?
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
        })
    }
}

fn check_open_files(needed: u64, limit: u64) -> Result<(), MachineError> {
    if needed > limit {
        Err(MachineError::OpenFiles { needed, limit })
    } else {
        Ok(())
    }
}

fn read_proc(path: &str) -> Result<String, MachineError> {
    fs::read_to_string(path).map_err(|source| MachineError::Proc {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_clock_moves_when_work_is_done() {
        let clock = CpuClock::own();
        let before = clock.read().unwrap();
        let mut state = 1_u64;
        while clock.read().unwrap() == before {
            state = std::hint::black_box(state.wrapping_mul(31));
        }
        assert!(clock.read().unwrap() > before);
    }

    #[test]
    fn the_clock_of_the_own_process_id_agrees_with_the_own_clock() {
        let by_id = CpuClock::of(std::process::id()).unwrap();
        let before = CpuClock::own().read().unwrap();
        let between = by_id.read().unwrap();
        let after = CpuClock::own().read().unwrap();
        assert!(before <= between && between <= after);
    }

    #[test]
    fn this_process_has_resident_memory() {
        assert!(resident_bytes(std::process::id()).unwrap() > 0);
    }

    #[test]
    fn more_open_files_than_the_hard_limit_are_refused_with_both_figures() {
        assert!(check_open_files(20, 20).is_ok());
        let text = check_open_files(21, 20).unwrap_err().to_string();
        assert!(text.starts_with("21 open files are needed but the hard limit is 20"));
    }
}
