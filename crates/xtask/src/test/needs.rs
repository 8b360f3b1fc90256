//! What the steps need from the machine, and how to get it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::process::{self, Invocation};
use super::report::Outcome;

/// The needs step: what to look for, and whether to install what is missing.
#[derive(Debug)]
pub(super) struct Needs {
    pub(super) install: bool,
}

/// Something that must be there.
struct Need {
    name: &'static str,
    used_for: &'static str,
    is_there: fn() -> bool,
    get: Source,
}

/// Where it comes from.
enum Source {
    /// Debian packages.
    Packages(&'static [&'static str]),
    /// A component of the Rust toolchain.
    Component(&'static str),
}

const NEEDS: &[Need] = &[
    Need {
        name: "rustfmt",
        used_for: "the step fmt",
        is_there: || answers("cargo", &["fmt", "--version"]),
        get: Source::Component("rustfmt"),
    },
    Need {
        name: "clippy",
        used_for: "the step clippy",
        is_there: || answers("cargo", &["clippy", "--version"]),
        get: Source::Component("clippy"),
    },
    Need {
        name: "C linker",
        used_for: "building",
        is_there: || answers("cc", &["--version"]),
        get: Source::Packages(&["gcc", "libc6-dev"]),
    },
    Need {
        name: "C++ compiler",
        used_for: "libFuzzer",
        is_there: || answers("c++", &["--version"]),
        get: Source::Packages(&["g++"]),
    },
    Need {
        name: "git",
        used_for: "the list of files for tidy",
        is_there: || answers("git", &["--version"]),
        get: Source::Packages(&["git"]),
    },
    Need {
        name: "Node 20 or newer",
        used_for: "foreign parsers and the browser's driver",
        is_there: || version_at_least("node", 20),
        get: Source::Packages(&["nodejs"]),
    },
    Need {
        name: "npm",
        used_for: "their packages",
        is_there: || answers("npm", &["--version"]),
        get: Source::Packages(&["npm"]),
    },
    Need {
        name: "Python 3 with venv",
        used_for: "the Python client and the vectors",
        is_there: || answers("python3", &["-c", "import ensurepip, venv"]),
        get: Source::Packages(&["python3", "python3-venv"]),
    },
    Need {
        name: "nginx with stream",
        used_for: "servers behind a proxy",
        is_there: || {
            answers("nginx", &["-v"])
                && Path::new("/usr/lib/nginx/modules/ngx_stream_module.so").exists()
        },
        get: Source::Packages(&["nginx-light", "libnginx-mod-stream"]),
    },
    Need {
        name: "HAProxy",
        used_for: "the guide's configuration",
        is_there: || answers("haproxy", &["-v"]),
        get: Source::Packages(&["haproxy"]),
    },
    Need {
        name: "Chromium",
        used_for: "the tests with a page",
        is_there: || answers("chromium", &["--version"]),
        get: Source::Packages(&["chromium"]),
    },
    Need {
        name: "Firefox",
        used_for: "WebTransport in another browser",
        is_there: || answers("firefox-esr", &["--version"]),
        get: Source::Packages(&["firefox-esr"]),
    },
    Need {
        name: "ip",
        used_for: "a lossy link between network namespaces",
        is_there: || answers("ip", &["-V"]),
        get: Source::Packages(&["iproute2"]),
    },
    Need {
        name: "tinyproxy",
        used_for: "the client through a proxy",
        is_there: || answers("tinyproxy", &["-v"]),
        get: Source::Packages(&["tinyproxy-bin"]),
    },
];

/// Says what is there, and gets the rest or says how to.
pub(super) fn run(needs: &Needs, deadline: Instant) -> Outcome {
    let missing = missing();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    let commands = commands(&missing);
    if !needs.install {
        println!("`cargo xtask test --install` would run, as root:");
        for command in &commands {
            println!("    {}", command.join(" "));
        }
        return Outcome::Failed(format!("missing: {}", names(&missing)));
    }
    let invocations: Vec<Invocation> = commands.iter().map(|command| invocation(command)).collect();
    match process::run_all(&invocations, deadline) {
        Outcome::Passed => {}
        outcome => return outcome,
    }
    match self::missing().as_slice() {
        [] => Outcome::Passed,
        still => Outcome::Failed(format!("installed, and still missing: {}", names(still))),
    }
}

fn missing() -> Vec<&'static Need> {
    let mut missing = Vec::new();
    for need in NEEDS {
        let is_there = (need.is_there)();
        let state = if is_there { "found" } else { "MISSING" };
        println!("    {:<20} {state:<8} for {}", need.name, need.used_for);
        if !is_there {
            missing.push(need);
        }
    }
    missing
}

fn names(needs: &[&Need]) -> String {
    needs
        .iter()
        .map(|need| need.name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn commands(missing: &[&Need]) -> Vec<Vec<&'static str>> {
    let (mut packages, mut components) = (Vec::new(), Vec::new());
    for need in missing {
        match need.get {
            Source::Packages(names) => packages.extend(names),
            Source::Component(name) => components.push(name),
        }
    }
    let mut commands = Vec::new();
    if !components.is_empty() {
        commands.push([vec!["rustup", "component", "add"], components].concat());
    }
    if !packages.is_empty() {
        commands.push(vec!["apt-get", "update", "--quiet"]);
        let install = vec![
            "apt-get",
            "install",
            "--quiet",
            "--yes",
            "--no-install-recommends",
        ];
        commands.push([install, packages].concat());
    }
    commands
}

fn invocation(command: &[&str]) -> Invocation {
    Invocation::new(command[0], &command[1..]).set("DEBIAN_FRONTEND", "noninteractive")
}

/// The program is on the path and ends well.
pub(super) fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The program's `--version` begins with at least this number, perhaps after a `v`; says so if it
/// is there and older.
fn version_at_least(program: &str, least: u32) -> bool {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else { return false };
    let version = String::from_utf8_lossy(&output.stdout);
    let is_enough = major(&version) >= Some(least);
    if !is_enough {
        println!("    {program} is there, but too old: {}", version.trim());
    }
    is_enough
}

fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("18.1"), Some(18));
        assert_eq!(major(""), None);
    }

    #[test]
    fn a_program_without_a_high_enough_version_is_not_enough() {
        assert!(!version_at_least("no-such-program", 0));
        assert!(!version_at_least("true", 1));
    }

    #[test]
    fn packages_are_installed_in_one_go_after_an_update() {
        let all: Vec<&Need> = NEEDS.iter().collect();
        let commands = commands(&all);
        assert_eq!(
            commands[0],
            ["rustup", "component", "add", "rustfmt", "clippy"]
        );
        assert_eq!(commands[1][..2], ["apt-get", "update"]);
        assert!(commands[2].ends_with(&[
            "nodejs",
            "npm",
            "python3",
            "python3-venv",
            "nginx-light",
            "libnginx-mod-stream",
            "haproxy",
            "chromium",
            "firefox-esr",
            "iproute2",
            "tinyproxy-bin"
        ]));
    }

    #[test]
    fn a_program_that_is_not_there_does_not_answer() {
        assert!(!answers("no-such-program", &[]));
        assert!(answers("true", &[]));
        assert!(!answers("false", &[]));
    }
}
