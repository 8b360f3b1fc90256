//! See `trunkline_fuzz::client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trunkline_fuzz::client::run(data));
