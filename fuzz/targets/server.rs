//! See `trunkline_fuzz::server`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trunkline_fuzz::server::run(data));
