//! The command line of the bench.

#[cfg(target_os = "linux")]
mod command_line;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    command_line::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("trunkline-bench reads processor time and memory from Linux and runs only there");
    std::process::ExitCode::FAILURE
}
